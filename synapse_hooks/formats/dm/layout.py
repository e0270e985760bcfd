"""Where a DM dataset keeps its files, and which image belongs to which document.

`<root>/json/<stem>.json` with `<root>/original_files/<stem>.<ext>`; with splits the same below `train`, `valid` and
`test`. Folders below `json` and `original_files` correspond.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from posixpath import splitext
from typing import NamedTuple

from synapse_hooks.data import SPLITS, SUFFIXES, split_name
from synapse_hooks.errors import DatasetInvalid

DOCUMENTS, FILES = 'json', 'original_files'


class Pair(NamedTuple):
    """A document and the files that may be what it is about."""

    split: str | None
    id: str
    document: Path
    images: list[Path]
    """More than one means that nobody can say which."""
    others: list[Path]
    """Files of other kinds: point clouds, videos, ..."""


def split_folders(root: Path) -> list[tuple[str | None, Path]]:
    """The folders of a dataset that hold documents, with the split that each one is.

    Raises:
        DatasetInvalid: `root` is no DM dataset, or one with splits and without at once.
    """
    splits: list[tuple[str | None, Path]] = []
    for name in (*SPLITS, 'val', 'validation'):
        if (root / name / DOCUMENTS).is_dir():
            splits.append((split_name(name), root / name))
    flat = (root / DOCUMENTS).is_dir()
    if flat and splits:
        raise DatasetInvalid(
            f'{root} has a folder {DOCUMENTS!r} of its own and splits beside it',
            hint='move the documents and files into the splits, or the splits elsewhere',
            path=str(root),
        )
    if not flat and not splits:
        raise DatasetInvalid(
            f'{root} is no DM dataset: there is no {DOCUMENTS}/ in it, nor {DOCUMENTS}/ in train/, valid/ or test/',
            hint=f'a DM dataset is {DOCUMENTS}/<name>.json with {FILES}/<name>.<ext>',
            path=str(root),
        )
    return splits or [(None, root)]


class Folder:
    """One split: documents in a stable order, each with its files.

    Args:
        split: Its name, or None.
        root: The folder above `json` and `original_files`.
    """

    def __init__(self, split: str | None, root: Path) -> None:
        self.split = split
        self.root = root
        self.by_stem: dict[str, list[str]] = {}
        self.unpaired: set[str] = set()
        for name in _files_below(root / FILES):
            stem = splitext(name)[0]
            # A stem may be one file's and, in another spelling of Unicode, a document's; a document `a.jpg.json` says
            # the file's whole name.
            for key in {stem, _nfc(stem), name, _nfc(name)}:
                self.by_stem.setdefault(key, []).append(name)
            self.unpaired.add(name)

    def __iter__(self) -> Iterator[Pair]:
        documents = self.root / DOCUMENTS
        for name in _files_below(documents):
            stem, suffix = splitext(name)
            if suffix.lower() != '.json':
                continue
            names = self._candidates(stem)
            self.unpaired.difference_update(names)
            files = [self.root / FILES / file for file in names]
            images = [file for file in files if file.suffix.lower() in SUFFIXES]
            others = [file for file in files if file.suffix.lower() not in SUFFIXES]
            yield Pair(self.split, stem, documents / name, images, others)

    def _candidates(self, stem: str) -> list[str]:
        names = self.by_stem.get(stem) or self.by_stem.get(_nfc(stem)) or []
        return [name for name in names if splitext(name)[0] == stem] or names


def _files_below(folder: Path) -> list[str]:
    """Relative posix names of all files, sorted; hidden ones (`.DS_Store`) are nobody's data."""
    names = []
    for place, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith('.')]
        below = os.path.relpath(place, folder)
        prefix = '' if below == '.' else below.replace(os.sep, '/') + '/'
        names += [prefix + name for name in files if not name.startswith('.')]
    return sorted(names)


def _nfc(text: str) -> str:
    return unicodedata.normalize('NFC', text)
