"""The worker's part of a launched run: the action, the plugins and the client are built again from its plan."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event
from typing import Any, ClassVar, cast

from synapse_hooks.actions.params import validated
from synapse_hooks.actions.target import load_action
from synapse_hooks.actions.train import BaseTrainAction
from synapse_hooks.backends import connect
from synapse_hooks.context import Checkpoint, RuntimeContext
from synapse_hooks.errors import LaunchError
from synapse_hooks.journal import RunDirectory, secrets_of
from synapse_hooks.journal.values import MASKED, REDACTED
from synapse_hooks.launches import Resources, RunOutcome, RunPlan
from synapse_hooks.launching import BaseLauncher, read_outcome
from synapse_hooks.launching.outcome import record_failure
from synapse_hooks.launching.plans import check_worker, warn_of_revision
from synapse_hooks.steps.preflight import prepare_plugins


def run_launched(plan: RunPlan) -> RunOutcome:
    """Run a plan in this process: what `synapse-hooks run-plan` does.

    However it ends, run.json in its run directory has the outcome.

    Args:
        plan: What the driver has sent.

    Raises:
        RunError: There is no run directory, or another process drives it.
    """
    record = RunDirectory.open(Path(plan.run_dir)).read()
    for number, secret in enumerate(_hidden(plan.params, record['params'])):
        # What the driver has redacted is a secret here too, where its variable may be missing.
        os.environ[f'REDACTED_PARAMETER_{number}_SECRET'] = secret
    directory = RunDirectory.open(Path(plan.run_dir), redact=secrets_of(os.environ))
    attempts = record['attempts']
    try:
        _rebuilt(plan).run()
    except BaseException as error:
        if RunDirectory.open(directory.path).read()['attempts'] == attempts:
            record_failure(directory, error)
    return read_outcome(directory.path)


def _rebuilt(plan: RunPlan) -> BaseTrainAction[Any]:
    """The action of a plan, after a look at whether this process has what the driver had.

    Raises:
        LaunchError: Something differs.
    """
    if plan.cwd and Path(plan.cwd).is_dir():
        # Relative paths are relative to the folder in which the run was started.
        os.chdir(plan.cwd)
    workspace = plan.address.get('workspace')
    if workspace is not None and not Path(workspace).is_dir():
        raise LaunchError(
            f'the worker {platform.node()} has no workspace {workspace}',
            hint='put the workspace on a disk that all nodes share, or use a backend: `--host URL`',
            path=workspace,
        )
    kind, target, _ = load_action(plan.target)
    ctx = RuntimeContext(
        client=connect(None if workspace is None else Path(workspace), plan.address.get('host'), job=plan.job_id),
        checkpoint=_checkpoint(plan.checkpoint),
        run_dir=Path(plan.run_dir),
        run_name=plan.run_name,
        job_id=plan.job_id,
        block=plan.block,
        only=plan.only,
        project=None if plan.project is None else Path(plan.project),
        target=target,
        strict=plan.strict,
        allow_pickle=plan.allow_pickle,
        deadlines=plan.deadlines,
        trace=plan.trace,
        resume=True,
        from_stage=plan.from_stage,
        until=plan.until,
    )
    action = kind(validated(kind.params_model, plan.params), ctx)
    check_worker(plan, prepare_plugins(action.setup_run()))
    warn_of_revision(plan)
    return action


def _checkpoint(given: Mapping[str, Any] | None) -> Checkpoint | None:
    return None if given is None else cast(Checkpoint, {**given, 'path': Path(given['path'])})


def _hidden(value: Any, recorded: Any) -> Iterator[str]:
    """The parts of values that are redacted where they are recorded."""
    if isinstance(value, Mapping) and isinstance(recorded, Mapping):
        for name in value:
            yield from _hidden(value[name], recorded.get(name))
    elif isinstance(value, list | tuple) and isinstance(recorded, list):
        for inner, written in zip(value, recorded, strict=False):
            yield from _hidden(inner, written)
    elif recorded == MASKED:
        yield str(value)
    elif isinstance(recorded, str) and REDACTED in recorded and str(value) != recorded:
        before, _, after = recorded.partition(REDACTED)
        yield str(value).removeprefix(before).removesuffix('' if REDACTED in after else after)


class Local(BaseLauncher):
    """This process: what `synapse-hooks train` does without `--launcher`, through the same way as all launchers."""

    name: ClassVar[str] = 'local'

    def run_plan(self, plan: RunPlan, resources: Resources, cancelled: Event) -> RunOutcome:
        """See `BaseLauncher.run_plan`. Resources are those of this machine."""
        return run_launched(plan)
