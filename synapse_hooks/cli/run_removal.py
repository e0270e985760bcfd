"""Removing runs, for `runs remove` and `runs prune`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from synapse_hooks.cli.amounts import count_text, size_text
from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.confirmation import is_confirmed
from synapse_hooks.errors import ConfigError, RunError
from synapse_hooks.runs import Run
from synapse_hooks.runs.removal import Obstacle, bytes_freed, obstacle, outdated, remove_all

_UNITS: Final = {'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 7 * 86400}
_SHOWN: Final = 20


def age_of(text: str) -> timedelta:
    """An age such as `30d`, `12h` or `2w`.

    Raises:
        ConfigError: It has another form, or is longer than Python can say.

    Example:
        >>> age_of('36h').days
        1
    """
    match = re.fullmatch(r'(\d{1,6}(?:\.\d+)?)\s*([smhdw])', text.strip().lower(), re.ASCII)
    if match is None:
        raise ConfigError(
            f'--older-than: expected an age, got {text!r}', hint='for example 30d, 12h or 2w', field='older_than'
        )
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def remove_runs(runs: Sequence[Run], *, force: bool, yes: bool) -> CommandResult:
    """Remove these runs, or none of them.

    Raises:
        RunError: One of them must not be removed.
    """
    for run in runs:
        if found := obstacle(run, force=force):
            raise RunError(found.problem, hint=found.hint, path=str(run.path))
    return _removed(runs, [], force=force, dry_run=False, yes=yes)


def prune_runs(
    runs: Sequence[Run], *, keep: int | None, older_than: timedelta | None, force: bool, yes: bool, dry_run: bool
) -> CommandResult:
    """Remove the runs that are outdated, but for those that must not be removed.

    Raises:
        ConfigError: Neither `keep` nor `older_than` is given.
    """
    if keep is None and older_than is None:
        raise ConfigError('prune needs to know which runs to keep', hint='give --keep N or --older-than 30d')
    chosen = outdated(runs, keep=keep, older_than=older_than)
    obstacles = {run.path: found for run in chosen if (found := obstacle(run, force=force))}
    free = [run for run in chosen if run.path not in obstacles]
    return _removed(free, list(obstacles.values()), force=force, dry_run=dry_run, yes=yes)


def _removed(
    runs: Sequence[Run], obstacles: Sequence[Obstacle], *, force: bool, dry_run: bool, yes: bool
) -> CommandResult:
    size = bytes_freed(run.path for run in runs)
    failed: list[Obstacle] = []
    if runs and not dry_run:
        if not yes and not is_confirmed(f'remove {_count(runs, size)}: {_names(runs)}?'):
            return CommandResult({'removed': [], 'bytes': 0, 'kept': []}, 'nothing was removed', 1)
        failed = remove_all(runs, force=force)
        if failed:
            size -= bytes_freed(each.run.path for each in failed)
            runs = [run for run in runs if run not in [each.run for each in failed]]
    verb = 'would be removed' if dry_run else 'removed'
    obstacles = [*obstacles, *failed]
    lines = [f'{_count(runs, size)} {verb}']
    if dry_run:
        lines += [f'  {run.path.name}' for run in runs]
    for found in obstacles:
        lines += [f'kept: {found.problem}', f'  → {found.hint}']
    data = {
        'removed': [run.path.name for run in runs],
        'bytes': size,
        'dry_run': dry_run,
        'kept': [{'name': each.run.path.name, 'reason': each.problem, 'hint': each.hint} for each in obstacles],
    }
    return CommandResult(data, '\n'.join(lines), 1 if failed else 0, has_side_effects=not dry_run)


def _count(runs: Sequence[Run], size: int) -> str:
    return f'{count_text(len(runs), "run")}, {size_text(size)}'


def _names(runs: Sequence[Run]) -> str:
    names = ', '.join(run.path.name for run in runs[:_SHOWN])
    return names + (f' and {len(runs) - _SHOWN} more' if len(runs) > _SHOWN else '')
