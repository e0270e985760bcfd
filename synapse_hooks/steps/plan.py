"""What an action wants to have run, and the directory in which that happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel

from synapse_hooks.backends import runs_folder
from synapse_hooks.context import RuntimeContext, TrainContext
from synapse_hooks.errors import RunError
from synapse_hooks.journal import RunDirectory, environment, git_revision
from synapse_hooks.plugins import HookFunction
from synapse_hooks.steps.registry import StepRegistry
from synapse_hooks.steps.state import follow, plain


@dataclass(frozen=True)
class RunPlan:
    """What an action wants to have run."""

    action_name: str
    action: str
    """What names the action for blame: `module:Class`."""
    params: BaseModel
    ctx: RuntimeContext
    registry: StepRegistry[TrainContext]
    hooks: Sequence[HookFunction] = ()
    """The hooks that the action answers itself."""
    result_model: type[BaseModel] | None = None
    attach: Callable[[TrainContext], None] = field(default=lambda context: None)
    """Told of the run's context before anything else happens."""
    detach: Callable[[], None] = field(default=lambda: None)
    """Called when the steps are over, before the clean-up."""


def open_directory(plan: RunPlan, redact: Sequence[str]) -> RunDirectory:
    """The directory of the run: a new one, or the one that is gone on with.

    Raises:
        RunError: It cannot be used.
    """
    return _open(plan, redact) if plan.ctx.resume else _create(plan, redact)


@contextmanager
def revision_noted(directory: RunDirectory) -> Iterator[None]:
    """Ask git beside the steps; asking takes as long as an empty run."""
    folder, answers = Path.cwd(), []
    asking = threading.Thread(target=lambda: answers.append(git_revision(folder)), name='git', daemon=True)
    asking.start()
    try:
        yield
    finally:
        asking.join()
        directory.update(git=answers[0] if answers else None)


def _create(plan: RunPlan, redact: Sequence[str]) -> RunDirectory:
    ctx = plan.ctx
    fields = {
        'action': plan.action_name,
        'target': ctx.target,
        'params': plain(plan.params),
        'workspace': str(getattr(ctx.client, 'root', '')) or None,
        'environment': environment(),
        'runtime': {
            'block': list(ctx.block),
            'only': list(ctx.only),
            'strict': ctx.strict,
            'project': None if ctx.project is None else str(ctx.project),
            'checkpoint': plain(ctx.checkpoint),
            'job_id': ctx.job_id,
            'cwd': str(Path.cwd()),
        },
    }
    if ctx.run_dir is not None:
        return RunDirectory.create(ctx.run_dir, redact=redact, **fields)
    return RunDirectory.new(runs_folder(ctx.client), plan.action_name, redact=redact, **fields)


def _open(plan: RunPlan, redact: Sequence[str]) -> RunDirectory:
    if plan.ctx.run_dir is None:
        raise RunError('to resume, name the run directory', hint='RuntimeContext(run_dir=..., resume=True)')
    directory = RunDirectory.open(plan.ctx.run_dir, redact=redact)
    record = directory.read()
    moved = record.get('run_dir')
    if moved and Path(moved) != directory.path:
        # The folder was moved or copied: what it says about itself moves along.
        directory.update(**follow(record, Path(moved), directory.path))
    return directory
