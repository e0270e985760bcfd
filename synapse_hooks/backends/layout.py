"""The layout of a dataset in DM: its splits, and how many items they have."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synapse_hooks.conversion.dataset_files import LEADS_OUT, DatasetFiles
from synapse_hooks.data import SPLITS, LossReport, is_image_name, split_name
from synapse_hooks.errors import BackendError, DatasetInvalid, cannot_read, suggest
from synapse_hooks.storage import FileEntry, LinkMode, is_system_file, link_or_copy, link_tree
from synapse_hooks.storage.boundary import Boundary

DOCUMENTS = 'json'
"""The folder of the documents; the files they are about are beside it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A folder in DM layout.

    Either `json/` and `original_files/` are directly in it, or in one folder for each split. Files directly in it are
    declarations about the whole dataset and are copied with it.
    """

    path: Path
    splits: dict[str, Path]
    """The folder of each split, by our name for it; empty for a dataset without splits."""
    counts: dict[str, int]
    """Documents in each split; for a dataset without splits, all of them under the empty name."""

    @property
    def count(self) -> int:
        """How many documents there are."""
        return sum(self.counts.values())

    @property
    def split_counts(self) -> dict[str, int]:
        """Documents in each split; empty for a dataset without splits."""
        return {name: count for name, count in self.counts.items() if name}

    @classmethod
    def of(cls, path: Path) -> Layout:
        """The layout of a folder.

        Raises:
            DatasetInvalid: There is no such folder, no document in it, or it mixes both layouts.
        """
        path = Path(path)
        if not path.is_dir():
            raise _invalid(path, 'is not a folder' if path.exists() else 'does not exist')
        below = sorted(
            entry for entry in path.iterdir() if (entry / DOCUMENTS).is_dir() and not is_system_file(entry.name)
        )
        splits: dict[str, Path] = {}
        for folder in below:
            name = split_name(folder.name)
            if name in splits:
                raise _invalid(path, f'has split {name!r} twice: {splits[name].name}/ and {folder.name}/')
            splits[name] = folder
        whole = (path / DOCUMENTS).is_dir()
        if whole and splits:
            raise _invalid(path, f'has both {DOCUMENTS}/ and splits ({", ".join(splits)})')
        ordered = dict(sorted(splits.items(), key=lambda item: (_place(item[0]), item[0])))
        folders = ordered or ({'': path} if whole else {})
        counts = {name: _documents(folder / DOCUMENTS) for name, folder in folders.items()}
        if not sum(counts.values()):
            raise _invalid(path, 'holds no documents')
        return cls(path, ordered, counts)

    def put(
        self,
        out: Path,
        *,
        splits: tuple[str, ...] | None = None,
        mode: LinkMode = 'hardlink',
        report: LossReport | None = None,
    ) -> None:
        """Put the dataset into the existing, empty folder `out` too: files linked, documents copied so that they can
        be edited there.

        Args:
            out: The folder.
            splits: Only these; all of them when None.
            mode: How the files are put there.
            report: Records links that lead out of the dataset and are followed: see
                `conversion.dataset_files`. None where the dataset is our own.

        Raises:
            DatasetInvalid: A document or another file that is not an image is a link that leads out of the dataset.
        """
        admit = None if report is None else _admitting(self.path, report)
        for entry in sorted(self.path.iterdir()):
            if entry.is_file() and not is_system_file(entry.name):
                if admit is not None:
                    admit(FileEntry(entry.name, str(entry), 0, 0))
                link_or_copy(entry, out / entry.name, mode='copy')
        for name, folder in (self.splits or {'': self.path}).items():
            if splits is not None and name and name not in splits:
                continue
            for part in sorted(
                entry for entry in folder.iterdir() if entry.is_dir() and not is_system_file(entry.name)
            ):
                target = out / name / part.name
                target.mkdir(parents=True)
                link_tree(part, target, mode=mode, copied=('.json',), admit=admit)


def _admitting(root: Path, report: LossReport) -> Callable[[FileEntry], None]:
    own = DatasetFiles(report, Boundary(root))

    def admit(entry: FileEntry) -> None:
        try:
            if not is_image_name(entry.name):
                own.admit(entry.path)
            elif own.leads_out(entry.path, link=True):
                report.doubtful('image', LEADS_OUT, entry.name)
        except OSError as error:
            raise cannot_read(DatasetInvalid, error, entry.path) from error

    return admit


def chosen_splits(record: Mapping[str, Any], splits: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The stored splits that a `splits` parameter selects; all of them for None and for fractions.

    Raises:
        BackendError: A split that the dataset has not, or a filter, which only a server can apply.

    Example:
        >>> record = {'name': 'digits', 'splits': {'train': 8, 'valid': 2}}
        >>> chosen_splits(record, {'validation': None})
        ('valid',)
        >>> chosen_splits(record, {'train': 0.5, 'valid': 0.5})
        ('train', 'valid')
    """
    stored = tuple(record['splits'])
    asked = {split_name(name): value for name, value in (splits or {}).items() if not _is_fraction(value)}
    if not asked:
        return stored
    for name, value in asked.items():
        if value not in (None, True, {}):
            raise BackendError(
                f'splits: {name} = {value!r}: the workspace has no filters',
                hint=f'give {{{name!r}: None}} for the whole split, or fractions such as {{{name!r}: 0.8, ...}}',
                split=name,
            )
        if name not in stored:
            there = f'it has {", ".join(stored)}' if stored else 'it is not split'
            way_out = suggest(name, stored) or "fractions make splits: splits={'train': 0.8, 'valid': 0.2}"
            raise BackendError(f'dataset {record["name"]!r} has no split {name!r}: {there}', hint=way_out, split=name)
    return tuple(name for name in stored if name in asked)


def _documents(folder: Path) -> int:
    return sum(name.endswith('.json') for _, folders, files in os.walk(folder) for name in (*folders, *files))


def _is_fraction(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _place(name: str) -> int:
    return SPLITS.index(name) if name in SPLITS else len(SPLITS)


def _invalid(path: Path, what: str) -> DatasetInvalid:
    return DatasetInvalid(
        f'{path} {what}; a dataset in DM layout was expected',
        hint='that is json/*.json beside original_files/, directly or in train/, valid/ and test/',
        path=str(path),
    )
