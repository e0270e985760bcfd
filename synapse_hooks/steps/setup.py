"""What a run is made of before it begins, and its directory."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from synapse_hooks.backends import runs_folder
from synapse_hooks.context import LocalDatasets, RuntimeContext, TrainContext
from synapse_hooks.errors import BackendError, ConfigError, RunError, StorageError
from synapse_hooks.journal import RunDirectory, environment, git_revision
from synapse_hooks.journal.record import RECORD, checked_note
from synapse_hooks.journal.run_directory import LAST
from synapse_hooks.plugins import HookFunction
from synapse_hooks.steps.registry import StepRegistry
from synapse_hooks.steps.state import plain
from synapse_hooks.storage import relocate
from synapse_hooks.storage.user_paths import working_directory

_NAME: Final = re.compile(r'[^\W_][\w.-]{0,99}')


@dataclass(frozen=True)
class RunSetup:
    """Everything that a run needs to know of its action before it begins."""

    action_name: str
    """Names the action in run directories and jobs."""
    action: str
    """What names the action for blame: `module:Class`."""
    params: BaseModel
    """The validated parameters."""
    ctx: RuntimeContext
    """What the platform gave to the action."""
    registry: StepRegistry[TrainContext]
    """The steps, in order."""
    hooks: Sequence[HookFunction] = ()
    """The hooks that the action answers itself."""
    result_model: type[BaseModel] | None = None
    """The pydantic model that the result of `execute` must fit; None takes any."""
    attach: Callable[[TrainContext], None] = field(default=lambda context: None)
    """Called with the run's context before anything else happens."""
    record: Mapping[str, Any] = field(default_factory=dict)
    """What else run.json has, as JSON values."""
    closing: Callable[[Path], Mapping[str, Any]] = field(default=lambda run_dir: {})
    """What else run.json gets at the end, from the run directory."""
    detach: Callable[[], None] = field(default=lambda: None)
    """Called when the steps are over, before the clean-up."""


def open_directory(setup: RunSetup, redact: Sequence[str]) -> RunDirectory:
    """The directory of the run: a new one, or the one that is resumed.

    Raises:
        RunError: It cannot be used.
    """
    return _open(setup, redact) if setup.ctx.resume else _create(setup, redact)


@contextmanager
def recording_revision(directory: RunDirectory) -> Iterator[None]:
    """Run git in parallel to the steps; it takes as long as an empty run."""
    folder, answers = working_directory(), []
    asking = threading.Thread(target=lambda: answers.append(git_revision(folder)), name='git', daemon=True)
    asking.start()
    try:
        yield
    finally:
        asking.join()
        # What the steps raise matters more than where the code came from.
        with suppress(StorageError):
            if answers and answers[0] is not None:
                # Where there is no checkout, that of the driver of a launched run is kept.
                directory.update(git=answers[0])


def _create(setup: RunSetup, redact: Sequence[str]) -> RunDirectory:
    ctx = setup.ctx
    fields = {
        'action': setup.action_name,
        'target': ctx.target,
        'params': plain(setup.params),
        **dict.fromkeys(('workspace', 'host')),
        **({} if ctx.client is None else ctx.client.address),
        'environment': environment(),
        'runtime': {
            'block': list(ctx.block),
            'only': list(ctx.only),
            'strict': ctx.strict,
            'allow_pickle': list(ctx.allow_pickle),
            'project': None if ctx.project is None else str(ctx.project),
            'checkpoint': plain(ctx.checkpoint),
            'trace': ctx.trace,
            'job_id': ctx.job_id,
            'run_name': ctx.run_name,
            'cwd': str(working_directory()),
        },
    }
    fields.update(setup.record)
    if ctx.note:
        fields['note'] = checked_note(ctx.note) or None
    path = ctx.run_dir
    if ctx.run_name is not None:
        fields['run'], path = ctx.run_name, _named(ctx)
        _need_free_model_name(ctx)
    if path is not None:
        return RunDirectory.create(path, redact=redact, **fields)
    return RunDirectory.new(runs_folder(ctx.client), setup.action_name, redact=redact, **fields)


def check_run_name(name: str) -> None:
    """Refuse a name that a run cannot have.

    Raises:
        ConfigError: It cannot be that of a folder, or means something else.
    """
    if not _NAME.fullmatch(name) or name.isdecimal() or name == LAST:
        raise ConfigError(
            f'a run cannot be called {name!r}',
            hint='use up to 100 letters, digits, `.`, `_` and `-`, begin with a letter or digit; not a number '
            'only, and not `last`, which means the last run',
            name=name,
        )


def _named(ctx: RuntimeContext) -> Path:
    """Where a run with a chosen name has its directory.

    Raises:
        ConfigError: The name cannot be that of a folder.
        RunError: Another run has it.
    """
    name = str(ctx.run_name)
    check_run_name(name)
    path = ctx.run_dir if ctx.run_dir is not None else runs_folder(ctx.client) / name
    if not ctx.resume and (path / RECORD).exists():
        hint = f'choose another name, or resume that run: `synapse-hooks resume {path}`'
        raise RunError(f'there is a run {name!r} already, in {path}', hint=hint, path=str(path))
    return path


def _need_free_model_name(ctx: RuntimeContext) -> None:
    """Refuse the name of another model now rather than after the training.

    Raises:
        RunError: There is a model of the name of the run.
    """
    name = str(ctx.run_name)
    if not isinstance(ctx.client, LocalDatasets):
        return
    with suppress(BackendError):
        model = ctx.client.get_model(name)
        raise RunError(
            f'there is a model {name!r} already: id {model["id"]}; the model of the run would have the same name',
            hint='choose another name',
            name=name,
        )


def _open(setup: RunSetup, redact: Sequence[str]) -> RunDirectory:
    ctx = setup.ctx
    path = _named(ctx) if ctx.run_dir is None and ctx.run_name is not None else ctx.run_dir
    if path is None:
        raise RunError('to resume, name the run directory', hint='RuntimeContext(run_dir=..., resume=True)')
    directory = RunDirectory.open(path, redact=redact)
    record = directory.read()
    moved = record.get('run_dir')
    if moved and Path(moved) != directory.path:
        # The folder was moved or copied: the paths in its record change with it.
        places = {*map(str, former_paths(directory)), moved, str(Path(moved).resolve())}
        directory.update(**{**relocate(record, Path(moved), directory.path), 'moved_from': sorted(places)})
    return directory


def former_paths(directory: RunDirectory) -> tuple[Path, ...]:
    """Where the run directory was before it was moved or copied; files of a framework may contain these paths."""
    places = map(Path, directory.read().get('moved_from', ()))
    return tuple(place for place in places if place != directory.path)
