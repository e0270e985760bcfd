"""The runs of a workspace, or of any folder, and finding one of them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, overload

from synapse_hooks.errors import RunError, suggest
from synapse_hooks.journal.record import RECORD
from synapse_hooks.journal.run_directory import LAST
from synapse_hooks.runs.run import Run
from synapse_hooks.safe_text import repr_of
from synapse_hooks.storage.ownership import is_temporary
from synapse_hooks.storage.user_paths import absolute, default_root

if TYPE_CHECKING:
    from synapse_hooks.pages.html import Html

_CANDIDATES = 10


class HasRoot(Protocol):
    """A backend of any kind: its runs are below its folder of this machine."""

    @property
    def root(self) -> Path:
        """That folder."""


class Runs(Sequence[Run]):
    """The runs in a folder, the newest first. The folder is read once, on first use, and of each run its run.json.

    Args:
        where: A `Workspace` or another backend client, the folder of a workspace, or any folder with run directories.
            None is the workspace that commands use: `SYNAPSE_WORKSPACE`, else a folder of the platform's user data. A
            folder that does not exist has no runs.

    Example:
        >>> from synapse_hooks.journal import RunDirectory
        >>> folder = getfixture('tmp_path')
        >>> for name in ('first', 'second'):
        ...     RunDirectory.create(folder / name, action='train').update(status='succeeded')
        >>> runs = Runs(folder)
        >>> len(runs), runs['first'].name, runs['se'].status
        (2, 'first', 'succeeded')
        >>> [run.name for run in runs if run.status == 'failed']
        []
    """

    def __init__(self, where: HasRoot | Path | str | None = None) -> None:
        self.folder = _folder(where)

    def __repr__(self) -> str:
        return f'Runs({str(self.folder)!r})'

    @cached_property
    def _runs(self) -> list[Run]:
        found = []
        for path in run_directories(self.folder):
            try:
                found.append((Run(path), (path / RECORD).stat().st_mtime_ns))
            except (RunError, OSError):
                # It was removed meanwhile.
                continue
        # `created` has seconds, and a sweep of parameters begins several runs in one.
        found.sort(key=lambda each: (str(each[0].record.get('created') or ''), each[1], each[0].name), reverse=True)
        return [run for run, _ in found]

    def __len__(self) -> int:
        return len(self._runs)

    @overload
    def __getitem__(self, wanted: int | str) -> Run: ...
    @overload
    def __getitem__(self, wanted: slice) -> list[Run]: ...
    def __getitem__(self, wanted: int | str | slice) -> Run | list[Run]:
        return self.find(wanted) if isinstance(wanted, str) else self._runs[wanted]

    def find(self, wanted: str | Path) -> Run:
        """The run that a text names.

        Args:
            wanted: `last`, the name of a run, the id or name of its model, the path of a run directory, or a beginning
                of its name that no other run has, in this order. A name that a run here and a folder of the working
                directory both have is ambiguous.

        Raises:
            RunError: No run fits, or several; `candidates` has their names.
        """
        text = os.fspath(wanted)
        if isinstance(wanted, Path) or os.sep in text or text.startswith(('.', '~')):
            return Run(absolute(text, 'a run'))
        if text == LAST and self._runs:
            return next((run for run in self._runs if not run.problem), self._runs[0])
        here = [Run(absolute(text, 'a run'))] if text and os.path.lexists(f'{text}/{RECORD}') else []
        for fits in (
            lambda run: run.path.name == text,
            lambda run: run.name == text,
            lambda run: run.model is not None and text in (str(run.model.get('id')), run.model.get('name')),
        ):
            if found := [run for run in self._runs if fits(run)]:
                # A folder here may have the name of another run.
                return self._only(text, [*found, *(run for run in here if run.path not in {r.path for r in found})])
        # What exists goes before what only begins with the text.
        found = here or [run for run in self._runs if text and _begins(run, text)]
        if not found:
            raise self._missing(text)
        return self._only(text, found)

    def _only(self, text: str, found: list[Run]) -> Run:
        if len(found) == 1:
            return found[0]
        names = [run.path.name for run in found]
        if len(set(names)) < len(names):
            names = [str(run.path) for run in found]
        more = f' and {len(names) - _CANDIDATES} more' if len(names) > _CANDIDATES else ''
        raise RunError(
            f'{repr_of(text)} fits {len(names)} runs: {", ".join(map(_one_line, names[:_CANDIDATES]))}{more}',
            hint='give more of the name, or the path of the run directory',
            path=str(self.folder),
            candidates=names,
        )

    def _missing(self, text: str) -> RunError:
        names = [run.path.name for run in self._runs]
        there = f'it has {len(names):,}, the newest is {_one_line(names[0])}' if names else 'it has none'
        near = suggest(text, names)
        return RunError(
            f'there is no run {repr_of(text)} in {self.folder}: {there}',
            hint=f'{near} ' * bool(near) + 'see `synapse-hooks runs`; a run elsewhere is named by its path',
            path=str(self.folder),
            candidates=[],
        )

    def to_dataframe(self, library: str | None = None) -> Any:
        """A DataFrame with a row for each run: what `to_dict` has, with a column for each parameter and metric
        (`params.epochs`, `metrics.loss`).

        Args:
            library: `pandas` or `polars`; None takes the first of them that is installed.

        Raises:
            ConfigError: It is not installed.
        """
        from synapse_hooks.runs.dataframes import dataframe, flat_columns

        return dataframe(flat_columns([run.to_dict() for run in self._runs]), library)

    def _repr_html_(self) -> Html:
        from synapse_hooks.runs.notebook import runs_html

        return runs_html(self)


def _one_line(name: str) -> str:
    """A name in a sentence: with a line feed in it, it could pass for a message of ours."""
    return name if name.isprintable() else repr_of(name, 120)


def run_directories(folder: Path) -> list[Path]:
    """The folders directly in `folder` that have a run.json, in no order; none where `folder` cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            found = [entry.path for entry in entries if not is_temporary(entry.name)]
    except OSError:
        return []
    return [Path(path) for path in found if os.path.lexists(f'{path}/{RECORD}')]


def _begins(run: Run, text: str) -> bool:
    return run.path.name.startswith(text) or run.name.startswith(text)


def _folder(where: HasRoot | Path | str | None) -> Path:
    if where is None:
        where = default_root()
    root = absolute(where, 'the folder of runs') if isinstance(where, str | Path) else where.root
    below = root / 'runs'
    return below if below.is_dir() or not isinstance(where, str | Path) else root
