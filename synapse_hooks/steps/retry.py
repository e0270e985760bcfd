"""Whether a step that failed is tried again, and when: what `retry_step` answers, within the limit of the settings."""

from __future__ import annotations

import math
import threading
from typing import Any, Final

from synapse_hooks.context import Step, TrainContext
from synapse_hooks.errors import WrongAnswer
from synapse_hooks.plugins import Plugins
from synapse_hooks.safe_text import add_note, summary

LONGEST_WAIT: Final = threading.TIMEOUT_MAX
"""Seconds; what an operating system can wait at all."""


def seconds_until_retry(
    context: TrainContext, plugins: Plugins, step: Step, error: BaseException, attempt: int
) -> float | None:
    """Seconds until another attempt, or None for none.

    What is wrong with the answer, or that the limit is reached, is a note on `error`: neither takes its place.

    Args:
        context: The run.
        plugins: The plugins of the run.
        step: The step that failed.
        error: Why it failed.
        attempt: How many attempts were made.
    """
    try:
        answer = _checked(context.hooks.retry_step(context=context, step=step, error=error, attempt=attempt), plugins)
    except Exception as mistake:
        add_note(error, f'retry_step failed too: {summary(mistake)}')
        return None
    if answer is not None and attempt >= plugins.settings.max_attempts:
        text = f'step {step.name!r} was not tried again: it may have {attempt} attempts (`max_attempts`)'
        add_note(error, text)
        context.log_message(text, level='warning', code='max-attempts')
        return None
    return answer


def _checked(answer: Any, plugins: Plugins) -> float | None:
    if answer is None:
        return None
    is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
    if is_number and answer == math.inf:
        return None
    if not is_number or not 0 <= answer <= LONGEST_WAIT:
        who = plugins.trail.last.get('retry_step')
        raise WrongAnswer(
            f'{who.who if who else "a plugin"} answered retry_step with {answer!r}; '
            'it must be seconds (0 is at once), math.inf or None',
            hook='retry_step',
        )
    return float(answer)
