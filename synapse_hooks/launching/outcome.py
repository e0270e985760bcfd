"""How a launched run ended, from its run directory."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from synapse_hooks.errors import LaunchedRunFailed, SynapseHooksError, Terminated
from synapse_hooks.journal import Journal, RunDirectory, is_driven, last_metrics, secrets_of
from synapse_hooks.journal.run_directory import KILLED
from synapse_hooks.launches import RunOutcome
from synapse_hooks.safe_text import summary, text_of
from synapse_hooks.steps.failure import recorded_error
from synapse_hooks.steps.state import plain
from synapse_hooks.types import ENDED

_NOT_BEGUN: Final = {
    'type': 'Killed',
    'message': 'the run has not begun: its worker did not start, or ended before `synapse-hooks run-plan` could report',
}
"""The `error` of a run whose launcher has returned before anything ran."""


def read_outcome(run_dir: str | Path) -> RunOutcome:
    """How the run in a folder ended. One whose process has ended without reporting it has failed.

    Args:
        run_dir: The run directory, complete.

    Raises:
        RunError: There is no run, or its record cannot be read.
    """
    directory = RunDirectory.open(Path(run_dir))
    record = directory.read()
    has_ended = record['status'] in ENDED
    unreported = _NOT_BEGUN if record['status'] == 'created' else KILLED
    if not has_ended and is_driven(directory.path):
        unreported = {'type': 'RunError', 'message': 'the run is at work in another process, which has not ended'}
    return RunOutcome(
        outcome=record['status'] if has_ended else 'failed',
        run_dir=str(directory.path),
        result=record['result'],
        model=record['model'],
        metrics=last_metrics(directory.path),
        dataset=plain(record['dataset']),
        error=record['error'] if has_ended else unreported,
    )


def record_failure(directory: RunDirectory, error: BaseException) -> None:
    """Write down why a run could not begin.

    Raises:
        RunError: Another process drives it.
    """
    status = 'cancelled' if isinstance(error, KeyboardInterrupt) else 'failed'
    recorded = {**recorded_error(error), 'message': getattr(error, 'problem', summary(error))}
    with directory.locked():
        directory.update(status=status, error=recorded)
        journal = Journal(directory.path, run=directory.name, redact=secrets_of(os.environ))
        journal.record('run_end', {'status': status, 'error': recorded, 'model': None})
        journal.close()


def error_of(outcome: RunOutcome) -> BaseException | None:
    """The error of an outcome, to raise or to report; None for a run that has succeeded.

    Example:
        >>> error = error_of(RunOutcome('failed', '/runs/a', error={'type': 'ParamsError', 'message': 'epochs: ...'}))
        >>> type(error).__name__, error.exit_code
        ('LaunchedRunFailed', 2)
    """
    if outcome.outcome == 'succeeded':
        return None
    if outcome.outcome == 'cancelled':
        is_signal = (outcome.error or {}).get('type') == 'Terminated'
        return Terminated(text_of((outcome.error or {}).get('message'))) if is_signal else KeyboardInterrupt()
    recorded: dict[str, Any] = dict(outcome.error or KILLED)
    # The hint is a line of the message too.
    message = text_of(recorded.get('message')).partition('\n  → ')[0]
    name = text_of(recorded.get('type'))
    facts = {
        key: recorded[key] for key in ('step', 'plugin', 'distribution', 'cause', 'traceback') if recorded.get(key)
    }
    failed = LaunchedRunFailed(
        message if name.endswith(('Failed', 'Error', 'Killed')) else f'{name}: {message}',
        hint=text_of(recorded.get('hint') or f'go on with `synapse-hooks resume {shlex.quote(outcome.run_dir)}`'),
        run_dir=outcome.run_dir,
        type=name,
        **facts,
    )
    codes = (kind.exit_code for kind in _kinds(SynapseHooksError) if kind.__name__ == name)
    # That of a failed step depends on its cause.
    failed.exit_code = next((code for code in codes if isinstance(code, int)), 1)
    return failed


def _kinds(kind: type[SynapseHooksError]) -> Iterator[type[SynapseHooksError]]:
    yield kind
    for derived in kind.__subclasses__():
        yield from _kinds(derived)
