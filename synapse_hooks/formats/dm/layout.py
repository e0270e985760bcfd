"""Where a DM dataset keeps its files, and which image belongs to which document.

`<root>/json/<stem>.json` with `<root>/original_files/<stem>.<ext>`; with splits the same below `train`, `valid` and
`test`. Folders below `json` and `original_files` correspond.
"""

# A Path for each of a million files costs more than opening it.
from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Collection
from itertools import repeat
from pathlib import Path
from posixpath import splitext
from typing import NamedTuple

from synapse_hooks.conversion.ids import unique_ids
from synapse_hooks.data import SPLITS, SUFFIXES, Sample, is_image_name, split_name
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.storage import is_system_file

DOCUMENTS, FILES = 'json', 'original_files'


class Pair(NamedTuple):
    """A document and the files that may be what it is about."""

    id: str
    document: str
    images: list[str]
    """More than one means that it is not known which."""
    others: list[str]
    """Files of other kinds: point clouds, videos, ..."""


def split_folders(root: Path) -> list[tuple[str | None, Path]]:
    """The folders of a dataset that hold documents, with the split that each one is.

    Raises:
        DatasetInvalid: `root` is not a DM dataset, or one with splits and without at once.
    """
    splits: list[tuple[str | None, Path]] = []
    for name in (*SPLITS, 'val', 'validation'):
        if (root / name / DOCUMENTS).is_dir():
            splits.append((split_name(name), root / name))
    names = [split for split, _ in splits]
    if twice := [folder.name for split, folder in splits if names.count(split) > 1]:
        raise DatasetInvalid(
            f'{root} has {" and ".join(twice)}, which are one split',
            hint='move the documents and files of one of them into the other',
            path=str(root),
        )
    flat = (root / DOCUMENTS).is_dir()
    if flat and splits:
        raise DatasetInvalid(
            f'{root} has a folder {DOCUMENTS!r} of its own and splits beside it',
            hint='move the documents and files into the splits, or the splits elsewhere',
            path=str(root),
        )
    if not flat and not splits:
        raise DatasetInvalid(
            f'{root} is not a DM dataset: there is no {DOCUMENTS}/ in it, nor {DOCUMENTS}/ in train/, valid/ or test/',
            hint=f'a DM dataset is {DOCUMENTS}/<name>.json with {FILES}/<name>.<ext>',
            path=str(root),
        )
    return splits or [(None, root)]


def unused_folders(root: Path, used: Collection[Path]) -> list[str]:
    """The names of other folders of a dataset that hold documents, as if they were splits, too."""
    # Hidden ones are not data.
    folders = sorted(path.parent for path in root.glob(f'[!.]*/{DOCUMENTS}/'))
    return [path.name for path in folders if path not in used and path.name not in (DOCUMENTS, FILES)]


class Folder:
    """One split: its documents in the order of their names, each with its files.

    Args:
        split: Its name, or None.
        root: The folder above `json` and `original_files`.
        documents: The names of files in `json`, sorted; None lists them.
        files: The names of files in `original_files`, sorted; None lists them.
    """

    def __init__(
        self, split: str | None, root: Path, documents: list[str] | None = None, files: list[str] | None = None
    ) -> None:
        self.split = split
        self.documents = f'{root}/{DOCUMENTS}/'
        self.files = f'{root}/{FILES}/'
        self.stems: list[str] = []
        """What the documents are called, without folder and extension."""
        self.suffixes: list[str | None] = []
        """The extension of each one's only image, which else has the same name; None where it is not as simple."""
        self._pairs: dict[int, tuple[str, list[str]]] = {}
        """Where it is not: the document's name, and the files'."""
        self.unpaired: list[str] = []
        """Files that no document is about."""
        self._match(
            _names_below(self.documents) if documents is None else documents,
            _names_below(self.files) if files is None else files,
        )
        self.ids = unique_ids(self.stems)
        """The ids of those whose name is none that every disk allows, by number; the others' are their names."""

    def __len__(self) -> int:
        return len(self.stems)

    def document(self, number: int) -> str:
        """The file of a document that has one image of the same name."""
        return f'{self.documents}{self.stems[number]}.json'

    def sample(self, number: int) -> Sample:
        """A sample for a document, so far only its image; without one where that is not as simple."""
        stem, suffix = self.stems[number], self.suffixes[number]
        image = None if suffix is None else f'{self.files}{stem}{suffix}'
        return Sample(self.ids.get(number) or stem, image, 0, 0, self.split)

    def pair(self, number: int) -> Pair:
        """The document with a number, and its files."""
        stem, suffix = self.stems[number], self.suffixes[number]
        document, names = self._pairs[number] if suffix is None else (f'{stem}.json', [stem + suffix])
        files = [self.files + name for name in names]
        images = [file for file in files if is_image_name(file)]
        others = [file for file in files if not is_image_name(file)]
        return Pair(stem, self.documents + document, images, others)

    def _match(self, documents: list[str], files: list[str]) -> None:
        """Go through both lists at once. They are in order, so nearly every document meets its file there."""
        if self._match_by_stem(documents, files):
            return
        left_over: list[str] = []
        alone: list[tuple[int, str]] = []
        known: dict[str, str | None] = {}
        at, count = 0, len(files)
        for document in documents:
            stem, suffix = (document[:-5], '.json') if document.endswith('.json') else splitext(document)
            if suffix.lower() != '.json':
                continue
            number = len(self.stems)
            self.stems.append(stem)
            while at < count and files[at] < document and files[at].rpartition('.')[0] != stem:
                left_over.append(files[at])
                at += 1
            if at < count and suffix == '.json' and files[at].rpartition('.')[0] == stem:
                extension = files[at][len(stem) :]
                at += 1
                if extension not in known:
                    # Of a million equal texts, one is kept.
                    known[extension] = sys.intern(extension) if extension.lower() in SUFFIXES else None
                self.suffixes.append(known[extension])
                if known[extension] is None:
                    self._pairs[number] = (document, [stem + extension])
            else:
                self.suffixes.append(None)
                alone.append((number, document))
        left_over += files[at:]
        if left_over or alone:
            self._match_rest(alone, left_over)

    def _match_by_stem(self, documents: list[str], files: list[str]) -> bool:
        """Match lists of which each document has one image, and each image a document; False, and nothing, for others.

        It takes a fifth of the time, which shows: listing a dataset is done by one process.
        """
        if len(documents) != len(files) or not all(map(str.endswith, documents, repeat('.json'))):
            return False
        stems = [document[:-5] for document in documents]
        if not all(map(str.startswith, files, stems)):
            return False
        # Of a million equal texts, one is kept.
        known = {(suffix := file[len(stem) :]): suffix for stem, file in zip(stems, files, strict=True)}
        if any(suffix.lower() not in SUFFIXES for suffix in known):
            return False
        self.stems = stems
        self.suffixes = [known[file[len(stem) :]] for stem, file in zip(stems, files, strict=True)]
        return True

    def _match_rest(self, alone: list[tuple[int, str]], left_over: list[str]) -> None:
        """Match what is not in its place: other spellings of Unicode, whole names, several files of one name."""
        by_stem: dict[str, list[str]] = {}
        for name in left_over:
            stem = splitext(name)[0]
            # A document `a.jpg.json` says the file's whole name.
            for key in {stem, _nfc(stem), name, _nfc(name)}:
                by_stem.setdefault(key, []).append(name)
        used: set[str] = set()
        for number, document in alone:
            stem = self.stems[number]
            names = by_stem.get(stem) or by_stem.get(_nfc(stem)) or []
            names = [name for name in names if splitext(name)[0] == stem] or names
            self._pairs[number] = (document, names)
            used.update(names)
        matched = {number for number, _ in alone}
        for number, stem in enumerate(self.stems if by_stem else ()):
            more = [name for name in by_stem.get(stem, ()) if splitext(name)[0] == stem]
            if more and number not in matched:
                document, names = self._pairs.get(number) or (f'{stem}.json', [f'{stem}{self.suffixes[number]}'])
                self._pairs[number] = (document, sorted([*names, *more]))
                self.suffixes[number] = None
                used.update(more)
        self.unpaired = [name for name in left_over if name not in used]


def _names_below(folder: str) -> list[str]:
    """Relative posix names of all files, sorted; what operating systems leave is left out.

    A link to a folder is followed, unless that holds the link: there would be no end.
    """
    names: list[str] = []
    folders = ['']
    while folders:
        prefix = folders.pop()
        try:
            entries = os.scandir(folder + prefix)
        except FileNotFoundError:
            continue
        with entries:
            for entry in entries:
                name = entry.name
                if is_system_file(name):
                    continue
                # A folder may be called like a file: `1.json`.
                if _is_folder(entry, folder + prefix):
                    folders.append(f'{prefix}{name}/')
                else:
                    names.append(prefix + name)
    names.sort()
    return names


def _is_folder(entry: os.DirEntry[str], parent: str) -> bool:
    """Whether to look into it. What leads in a circle is a file, which cannot be read."""
    try:
        is_folder = entry.is_dir()
    except OSError:
        return False
    if not (is_folder and entry.is_symlink()):
        return is_folder
    target = os.path.realpath(entry.path)
    return os.path.commonpath((target, os.path.realpath(parent))) != target


def _nfc(text: str) -> str:
    return unicodedata.normalize('NFC', text)
