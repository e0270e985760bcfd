"""Running an action from the command line, for the first time or again: what `train`, `resume` and `demo` share."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from synapse_hooks.actions import BaseTrainAction
from synapse_hooks.cli.common import Answer
from synapse_hooks.cli.display import Display
from synapse_hooks.cli.streams import say
from synapse_hooks.cli.telling import error_data, exit_code
from synapse_hooks.context import BackendClient, RuntimeContext, TrainContext
from synapse_hooks.errors import BackendError, StorageError
from synapse_hooks.hookspecs import hookimpl
from synapse_hooks.journal import RunDirectory, last_metrics, without_secrets
from synapse_hooks.safe_text import text_of
from synapse_hooks.steps.state import plain

_NO_JOB = (
    'warning: this run has no job (--job ID): the backend learns nothing of it, and a model cannot be uploaded before '
    '`synapse-hooks resume RUN_DIR --job ID`'
)


class _Keeper:
    """Keeps the run's context, for the answer."""

    context: TrainContext | None = None

    @hookimpl
    def run_started(self, context: TrainContext) -> None:
        """The earliest moment at which there is a run."""
        self.context = context


def run_action(kind: type[BaseTrainAction[Any]], params: Any, ctx: RuntimeContext) -> Answer:
    """Run an action with a display.

    Args:
        kind: The action's class.
        params: Its validated parameters.
        ctx: What the platform gives; the display is added to its plugins, and a job is opened where there is none.

    Returns:
        `{outcome, run_dir, result, model, metrics, dataset, error}`.
    """
    keeper = _Keeper()
    if ctx.job_id is None and ctx.client is not None:
        opened = ctx.client.create_job(action=kind.action_name, target=ctx.target)
        if opened is None:
            # Said now: the upload fails after the training.
            say(_NO_JOB)
        else:
            ctx.job_id = opened['id']
    ctx.plugins = (*ctx.plugins, Display(), keeper)
    error: BaseException | None = None
    try:
        kind(params, ctx).run()
    except BaseException as caught:
        error = caught
    if keeper.context is None and error is not None:
        fail_job(ctx.client, ctx.job_id, error)
        return not_begun(error)
    # A run that had succeeded already only delivers what its sinks have not got: it does not begin.
    run_dir = ctx.run_dir if keeper.context is None else keeper.context.run_dir
    assert run_dir is not None
    if isinstance(error, KeyboardInterrupt):
        error.add_note(f'go on with `synapse-hooks resume {run_dir}`')
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
    if error is not None:
        return Answer(data, exit_code=exit_code(error), error=error)
    return Answer(data, _summary(data), stands_alone=True)


def fail_job(client: BackendClient | None, job: int | str | None, error: BaseException) -> None:
    """Tell a job that its run could not begin: what reports on a job begins with the run.

    Why it could not begin matters more than a backend that cannot be told.
    """
    if client is not None and job is not None:
        status = 'STOPPED' if isinstance(error, KeyboardInterrupt) else 'FAILED'
        with suppress(BackendError, StorageError):
            client.update_job(job, status=status, result=without_secrets({'error': text_of(error)}, os.environ))


def not_begun(error: BaseException) -> Answer:
    """The answer of a run that could not begin: the same keys, with nothing in them."""
    data = dict.fromkeys(('run_dir', 'result', 'model', 'metrics', 'dataset'))
    outcome = 'cancelled' if isinstance(error, KeyboardInterrupt) else 'failed'
    return Answer({'outcome': outcome, **data, 'error': error_data(error)}, exit_code=exit_code(error), error=error)


def _summary(data: dict[str, Any]) -> str:
    lines = [f'run      {data["run_dir"]}']
    if data['model'] is not None:
        lines.insert(0, f'model    {data["model"]["id"]} ({data["model"].get("name")})')
    if isinstance(data['result'], dict):
        lines += [f'{name:8} {value}' for name, value in data['result'].items() if value is not None]
    return '\n'.join(lines)
