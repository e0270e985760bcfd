"""Running an action from the command line, for `train`, `resume` and `demo`."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

from synapse_hooks.actions import BaseTrainAction
from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.display import Display
from synapse_hooks.cli.error_report import error_data, exit_code
from synapse_hooks.cli.launching import report_cancelling
from synapse_hooks.cli.search_result import search_data, search_text
from synapse_hooks.context import BackendClient, RuntimeContext, TrainContext
from synapse_hooks.errors import BackendError, StorageError
from synapse_hooks.hookspecs import hookimpl
from synapse_hooks.journal import RunDirectory, last_metrics, without_secrets
from synapse_hooks.launches import Resources
from synapse_hooks.safe_text import text_of
from synapse_hooks.steps.state import plain
from synapse_hooks.terminal import write_stderr

_WIDEST = 24
"""Longer names of results do not widen the column of names."""
_NO_JOB = (
    'warning: this run has no job (--job ID): the backend is not informed of it, and a model cannot be uploaded before '
    '`synapse-hooks resume RUN --job ID`'
)


class ContextCapture:
    """A plugin that keeps the context of the run."""

    context: TrainContext | None = None

    @hookimpl
    def run_started(self, context: TrainContext) -> None:
        """Keep the context."""
        self.context = context


def run_action(
    kind: type[BaseTrainAction[Any]],
    params: Any,
    ctx: RuntimeContext,
    launcher: str | None = None,
    resources: Resources | None = None,
) -> CommandResult:
    """Run an action with a display.

    Args:
        kind: The action's class.
        params: Its validated parameters.
        ctx: The runtime context; the display is added to its plugins, and a job is created if there is none.
        launcher: The name of what runs it; None is this process.
        resources: What a launched run gets.

    Returns:
        `{outcome, run_dir, result, model, metrics, dataset, error}`.
    """
    open_job(kind, ctx)
    if launcher is None:
        return _run_here(kind, params, ctx)
    try:
        return _run_there(kind(params, ctx), launcher, resources)
    except BaseException as error:
        fail_job(ctx.client, ctx.job_id, error)
        return failed_before_start(error)


def open_job(kind: type[BaseTrainAction[Any]], ctx: RuntimeContext) -> None:
    """Create the job of a run, unless it has one."""
    if ctx.job_id is None and ctx.client is not None:
        opened = ctx.client.create_job(action=kind.action_name, target=ctx.target)
        if opened is None:
            # A warning now, since the upload would fail after the training.
            write_stderr(_NO_JOB)
        else:
            ctx.job_id = opened['id']


def _run_here(kind: type[BaseTrainAction[Any]], params: Any, ctx: RuntimeContext) -> CommandResult:
    capture = ContextCapture()
    ctx.plugins = (*ctx.plugins, Display(), capture)
    error: BaseException | None = None
    try:
        kind(params, ctx).run()
    except BaseException as caught:
        error = caught
    if capture.context is None and error is not None:
        fail_job(ctx.client, ctx.job_id, error)
        return failed_before_start(error)
    # A run that has succeeded already does not start again: only undelivered events are delivered.
    run_dir = ctx.run_dir if capture.context is None else capture.context.run_dir
    assert run_dir is not None
    if isinstance(error, KeyboardInterrupt):
        error.add_note(f'go on with `synapse-hooks resume {shlex.quote(str(run_dir))}`')
    record = RunDirectory.open(run_dir).read()
    data = {
        'outcome': record['status'],
        'run_dir': str(run_dir),
        'result': record['result'],
        'model': record['model'],
        'metrics': last_metrics(run_dir),
        'dataset': plain(record['dataset']),
        'error': None if error is None else error_data(error),
    }
    searched = search_data(record)
    if searched is not None:
        data['search'] = searched
    if error is not None:
        return CommandResult(data, exit_code=exit_code(error), error=error)
    text = '\n\n'.join(filter(None, (search_text(record), summary_text(data))))
    return CommandResult(data, text, has_side_effects=True)


def _run_there(action: BaseTrainAction[Any], launcher: str, resources: Resources | None) -> CommandResult:
    from synapse_hooks.cli.journal_display import shown_run
    from synapse_hooks.launching import launch
    from synapse_hooks.launching.outcome import error_of

    watch = partial(shown_run, resumed=action.ctx.resume)
    outcome = launch(action.setup_run(), launcher, resources, watch=watch, on_cancel=report_cancelling)
    data, error = asdict(outcome), error_of(outcome)
    if error is not None:
        data['error'] = error_data(error)
        return CommandResult(data, exit_code=exit_code(error), error=error)
    return CommandResult(data, summary_text(data), has_side_effects=True)


def fail_job(client: BackendClient | None, job: int | str | None, error: BaseException) -> None:
    """Set the job of a run that could not start to failed: later, the run itself does that.

    An error of the backend is ignored, so that the reason why the run could not start is reported.
    """
    if client is not None and job is not None:
        status = 'STOPPED' if isinstance(error, KeyboardInterrupt) else 'FAILED'
        with suppress(BackendError, StorageError):
            client.update_job(job, status=status, result=without_secrets({'error': text_of(error)}, os.environ))


def failed_before_start(error: BaseException) -> CommandResult:
    """The result of a run that could not start: the same keys, all of them None."""
    data = dict.fromkeys(('run_dir', 'result', 'model', 'metrics', 'dataset'))
    outcome = 'cancelled' if isinstance(error, KeyboardInterrupt) else 'failed'
    return CommandResult(
        {'outcome': outcome, **data, 'error': error_data(error)}, exit_code=exit_code(error), error=error
    )


def summary_text(data: dict[str, Any]) -> str:
    """The result of a run as text: model, run directory, and what `execute` returned."""
    rows: list[tuple[str, Any]] = [('run', data['run_dir'])]
    if data['model'] is not None:
        rows.insert(0, ('model', f'{data["model"]["id"]} ({data["model"].get("name")})'))
    if isinstance(data['result'], dict):
        rows += [(str(name), value) for name, value in data['result'].items() if value is not None]
    width = min(max(8, *(len(name) for name, _ in rows)), _WIDEST)
    return '\n'.join(f'{name:{width}} {value}' for name, value in rows)
