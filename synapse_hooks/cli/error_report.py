"""An error as text, as JSON values, and as an exit code."""

from __future__ import annotations

from typing import Any

from synapse_hooks.errors import LaunchedRunFailed, StepFailed, SynapseHooksError, Terminated
from synapse_hooks.safe_text import frames_text, notes_of, summary, text_of


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
        lines += [frames_text(failed)]
        lines += [message]
        lines += [f'  {note}' for note in notes_of(error) if error is not failed]
    else:
        # Of a run that was launched, the frames are those of its worker.
        lines += (
            [text_of(error.facts['traceback'])]
            if isinstance(error, LaunchedRunFailed) and 'traceback' in error.facts
            else []
        )
        lines += [message]
        lines += [f'  {note}' for note in (*notes_of(error), *notes_of(error.__cause__))]
    return '\n'.join(lines)
