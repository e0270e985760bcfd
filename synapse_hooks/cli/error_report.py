"""An error as text, as JSON values, and as an exit code."""

from __future__ import annotations

import traceback
from typing import Any, Final

from synapse_hooks.errors import StepFailed, SynapseHooksError, Terminated
from synapse_hooks.safe_text import notes_of, summary, text_of

_OWN: Final = ('synapse_hooks', 'pluggy')
_LONGEST_TRACEBACK: Final = 16_000


def exit_code(error: BaseException) -> int:
    """The exit code for an error: 130 for Ctrl-C, 143 for SIGTERM, else the error's own, else 1."""
    if isinstance(error, Terminated):
        return 143
    if isinstance(error, KeyboardInterrupt):
        return 130
    return error.exit_code if isinstance(error, SynapseHooksError) else 1


def error_data(error: BaseException) -> dict[str, Any]:
    """An error as JSON values: type, message, hint, and the plugin that caused it, if known."""
    data: dict[str, Any] = {'type': type(error).__name__, 'message': text_of(error)}
    if isinstance(error, SynapseHooksError):
        # The hint of a step that failed is that of its cause.
        data['message'], data['hint'] = (
            text_of(error.problem),
            error.hint or getattr(error.__cause__, 'hint', None) or None,
        )
        data.update({name: value for name, value in error.facts.items() if name not in data})
    if error.__cause__ is not None:
        data['cause'] = {'type': type(error.__cause__).__name__, 'message': text_of(error.__cause__)}
    data['notes'] = [*notes_of(error), *notes_of(error.__cause__)]
    return data


def error_text(error: BaseException) -> str:
    """An error for people: the frames of third-party code that failed, then the message and the hint."""
    if isinstance(error, KeyboardInterrupt):
        message = 'cancelled' if not text_of(error) else f'cancelled ({text_of(error)})'
        return '\n'.join([message, *(f'  {note}' for note in notes_of(error))])
    failed = error.__cause__ if isinstance(error, StepFailed) else error
    message = f'error: {text_of(error) if isinstance(error, SynapseHooksError) else summary(error)}'
    lines = []
    if failed is not None and not isinstance(failed, SynapseHooksError):
        # The notes of what failed stand below its frames.
        lines += [_frames(failed)]
        lines += [message]
        lines += [f'  {note}' for note in notes_of(error) if error is not failed]
    else:
        lines += [message]
        lines += [f'  {note}' for note in (*notes_of(error), *notes_of(error.__cause__))]
    return '\n'.join(lines)


def _frames(error: BaseException) -> str:
    """A traceback without our own frames between those of third-party code, if there are such."""
    shown = traceback.TracebackException.from_exception(error)
    names = [frame.f_globals.get('__name__', '') for frame, _ in traceback.walk_tb(error.__traceback__)]
    foreign = [name.partition('.')[0] not in _OWN for name in names]
    if any(foreign):
        last = max(place for place, is_foreign in enumerate(foreign) if is_foreign)
        frames = [frame for place, frame in enumerate(shown.stack) if foreign[place] or place > last]
        shown.stack = traceback.StackSummary.from_list(frames)
    shown.__notes__ = notes_of(error)
    return text_of(''.join(shown.format()).rstrip('\n'), _LONGEST_TRACEBACK)
