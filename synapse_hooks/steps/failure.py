"""The error of a run, as run.json keeps it."""

from __future__ import annotations

from typing import Any

from synapse_hooks.errors import StepFailed, SynapseHooksError
from synapse_hooks.plugins import culprit
from synapse_hooks.safe_text import described, frames_text, text_of


def recorded_error(error: BaseException) -> dict[str, Any]:
    """What run.json keeps of an error: type, message, and as far as they are known step, attempt, plugin, distribution,
    cause, traceback and hint."""
    recorded = {'type': type(error).__name__, 'message': text_of(error), **_blamed(error)}
    cause = error.__cause__ if isinstance(error, StepFailed) else None
    if cause is not None:
        recorded['cause'] = described(cause)
        recorded['traceback'] = frames_text(cause)
        if hint := getattr(error, 'hint', None) or getattr(cause, 'hint', None):
            recorded['hint'] = text_of(hint)
    return recorded


def _blamed(error: BaseException) -> dict[str, Any]:
    if isinstance(error, StepFailed):
        return {name: error.facts.get(name) for name in ('step', 'attempt', 'plugin', 'distribution')}
    plugin = culprit(error)
    hint = {'hint': error.hint} if isinstance(error, SynapseHooksError) and error.hint else {}
    return {'plugin': plugin.name, 'distribution': plugin.distribution, **hint} if plugin else hint
