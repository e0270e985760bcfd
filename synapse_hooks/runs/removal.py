"""Removing runs: what keeps a run from being removed, what its removal frees, and the removal itself."""

from __future__ import annotations

import os
import shlex
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from synapse_hooks.backends import Workspace
from synapse_hooks.errors import RunError, SynapseHooksError
from synapse_hooks.journal import RunDirectory, read_trainings
from synapse_hooks.journal.record import RECORD
from synapse_hooks.journal.run_directory import LOCK_FILES
from synapse_hooks.runs.run import UNREADABLE, Run
from synapse_hooks.storage import sweep
from synapse_hooks.storage.ownership import temporary_path
from synapse_hooks.storage.user_paths import working_directory

_BLOCK = 512
"""Bytes in a block, as `stat` counts them."""


class Obstacle(NamedTuple):
    """Why a run is not removed."""

    run: Run
    problem: str
    hint: str


def obstacle(run: Run, *, force: bool = False) -> Obstacle | None:
    """What keeps a run from being removed: a process that drives it, the working directory in it, or a model of which
    it has the only copy.

    Args:
        run: The run.
        force: Remove the only copy of a model, too.
    """
    if run.is_active:
        return Obstacle(run, f'{run.path.name} is in use by a process', 'wait until it is done, or end it')
    if working_directory().is_relative_to(run.path.resolve()):
        return Obstacle(run, f'{run.path} holds the working directory', 'change to another folder before')
    return _content_at_stake(run, force=force)


def _content_at_stake(run: Run, *, force: bool) -> Obstacle | None:
    if other := _run_within(run):
        return Obstacle(run, f'{run.path.name} holds another run: {other}', 'move or remove that run before')
    if force:
        return None
    if run.status == UNREADABLE:
        return Obstacle(run, f'{run.path.name} cannot be read: {run.problem}', 'remove it nevertheless with --force')
    weights = only_copy(run)
    if weights is None:
        return None
    uploads = f'`synapse-hooks resume {shlex.quote(str(run.path))}` goes on with it, ' if run.target else ''
    return Obstacle(
        run,
        f'{run.path.name} has the only copy of a model that was not uploaded: {weights}',
        f'{uploads}`synapse-hooks workspace add-model {shlex.quote(str(weights))} --name NAME` keeps the model; '
        '--force removes it',
    )


def only_copy(run: Run) -> Path | None:
    """Weights or a checkpoint in the run directory that exist nowhere else, as far as the run knows; None if there are
    none. A model that was uploaded into a workspace counts while its files are there. Of a link, the link is removed.
    """
    if run.path.is_symlink() or (run.model is not None and not _is_gone(run)):
        return None
    for path in _weights(run):
        if os.path.exists(path) and path.resolve().is_relative_to(run.path.resolve()):  # noqa: PTH110 (it raises nothing)
            return path
    return None


def _run_within(run: Run) -> Path | None:
    """A run directory below that of a run: `--run-dir` may name any folder."""
    if run.path.is_symlink():
        return None
    below = (Path(parent) for parent, _, names in os.walk(run.path) if RECORD in names)
    return next((path for path in below if path != run.path), None)


def _is_gone(run: Run) -> bool:
    workspace, model = run.record.get('workspace'), run.model or {}
    if not isinstance(workspace, str):
        return False
    with suppress(SynapseHooksError, OSError, KeyError):
        known = {record['id']: record['path'] for record in Workspace(Path(workspace)).list_models()}
        return model['id'] not in known or not Path(known[model['id']]).exists()
    # While the workspace cannot be read, the model may not be in it.
    return True


def _weights(run: Run) -> Iterator[Path]:
    places: list[Any] = [run.result] + [recorded.get('data') for recorded in run.record.get('stages') or []]
    for place in places:
        path = place.get('weights_path') if isinstance(place, dict) else None
        if isinstance(path, str) and path:
            yield run.path / path
    with suppress(SynapseHooksError, OSError):
        for training in read_trainings(run.path).values():
            yield from filter(None, (training.weights, training.resume_from))


def bytes_freed(folders: Iterable[Path]) -> int:
    """The bytes on the disk that the removal of some folders frees: files that are linked from elsewhere stay.

    A file that several of the folders link to counts once, if nothing else links to it.
    """
    links: Counter[tuple[int, int]] = Counter()
    files: dict[tuple[int, int], os.stat_result] = {}
    for folder in folders:
        if folder.is_symlink():
            continue
        for parent, _, names in os.walk(folder):
            for name in names:
                with suppress(OSError):
                    info = os.lstat(f'{parent}/{name}')
                    key = info.st_dev, info.st_ino
                    files[key] = info
                    links[key] += 1
    return sum(info.st_blocks * _BLOCK for key, info in files.items() if links[key] >= info.st_nlink)


def remove(run: Run, *, force: bool = False) -> None:
    """Remove a run directory. Another process sees it whole or not at all; what a killed removal leaves is removed by
    the next one.

    Args:
        run: The run.
        force: Remove the only copy of a model, too.

    Raises:
        RunError: A process drives the run, it cannot be removed, or it was resumed since it was read and now has what
            must not be removed; see `obstacle`.
    """
    sweep(run.path.parent)
    if run.path.is_symlink():
        run.path.unlink(missing_ok=True)
        return
    try:
        doomed = _set_aside(run, force=force)
    except (RunError, FileNotFoundError):
        if os.path.lexists(run.path):
            raise
        # Another process has removed it.
        return
    shutil.rmtree(doomed, ignore_errors=True)


def _set_aside(run: Run, *, force: bool) -> Path:
    """Rename the run directory to a temporary name, which it returns."""
    if not run.path.exists():
        raise FileNotFoundError(run.path)
    with RunDirectory(run.path, dict(run.record)).locked():
        if os.path.lexists(run.path / RECORD):
            if found := _content_at_stake(Run(run.path), force=force):
                raise RunError(found.problem, hint=found.hint, path=str(run.path))
        elif set(os.listdir(run.path)) - LOCK_FILES:
            raise RunError(f'{run.path} is not a run any more', hint='see `synapse-hooks runs`', path=str(run.path))
        # Else another process has removed it, and waiting for its lock made the folder again.
        doomed = temporary_path(run.path)
        try:
            run.path.rename(doomed)
        except OSError as error:
            raise RunError(
                f'{run.path} cannot be removed: {error.strerror}',
                hint='change the permissions of the folder above it',
                path=str(run.path),
            ) from error
    return doomed


def remove_all(runs: Iterable[Run], *, force: bool = False) -> list[Obstacle]:
    """Remove runs that had no `obstacle` when they were chosen; see `remove`.

    Returns:
        Those that stay, because another process uses or has used them since.
    """
    kept = []
    for run in runs:
        try:
            remove(run, force=force)
        except RunError as error:
            kept.append(Obstacle(run, error.problem, error.hint))
    return kept


def outdated(runs: Sequence[Run], *, keep: int | None, older_than: timedelta | None) -> list[Run]:
    """The runs that `prune` removes: those besides the newest `keep`, as far as they are older than `older_than`.

    Args:
        runs: The runs, the newest first.
        keep: How many stay. None sets no condition; neither does it for `older_than`.
        older_than: The age from which on runs are removed, counted from their start. A run without a start stays.
    """
    found = list(runs if keep is None else runs[keep:])
    if older_than is None:
        return found
    try:
        limit = datetime.now(UTC) - older_than
    except OverflowError:
        # Before the year 1.
        return []
    return [run for run in found if run.started is not None and run.started < limit]
