"""The items of a dataset of a workspace as the events of a backend."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from synapse_hooks.backends.layout import DOCUMENTS, Layout
from synapse_hooks.data import is_image_name

FILES: Final = 'original_files'
CATEGORIES: Final = {'train': 'train', 'valid': 'validation', 'test': 'test'}


@dataclass(frozen=True, slots=True)
class Entry:
    """One item: the path of its document, and of its file if it has one."""

    number: int
    """Its id: unique in the dataset, from 1."""
    split: str | None
    document: str
    file: str | None
    """Relative to the dataset's folder, as the document is."""


@lru_cache(maxsize=8)
def entries(root: Path, digest: str) -> tuple[Entry, ...]:
    """Every item of a dataset, in a stable order.

    Args:
        root: Its folder.
        digest: The digest of its content, for the cache of this function.
    """
    layout = Layout.of(root)
    items: list[Entry] = []
    for split, folder in (layout.splits or {'': root}).items():
        files = {os.path.splitext(name)[0]: name for name in _names(folder / FILES)}  # noqa: PTH122
        prefix = '' if folder == root else f'{folder.name}/'
        for name in _names(folder / DOCUMENTS):
            if name.lower().endswith('.json'):
                stem = name[:-5]
                file = files.get(stem)
                if file is None and is_image_name(stem):
                    # The document `a.jpg.json` belongs to the file `a.jpg`.
                    file = stem if (folder / FILES / stem).is_file() else None
                items.append(
                    Entry(
                        len(items) + 1,
                        split or None,
                        f'{prefix}{DOCUMENTS}/{name}',
                        None if file is None else f'{prefix}{FILES}/{file}',
                    )
                )
    return tuple(items)


def event(root: Path, entry: Entry, url: Callable[[str], str]) -> dict[str, Any]:
    """An item in the form of the protocol.

    Args:
        root: The dataset's folder.
        entry: The item.
        url: Returns the URL of a file, given its relative name.
    """
    files = {}
    if entry.file is not None:
        files['image_1'] = {
            'url': url(entry.file),
            'is_primary': True,
            'file_type': 'image',
            'meta': {'size': (root / entry.file).stat().st_size},
        }
    category = None if entry.split is None else CATEGORIES.get(entry.split, entry.split)
    # Inserted without parsing, so that numbers keep their digits.
    data = msgspec.Raw((root / entry.document).read_bytes() or b'null')
    return {'id': entry.number, 'category': category, 'files': files, 'data': data}


def _names(folder: Path) -> list[str]:
    return sorted(_below(folder, ''))


def _below(folder: Path, prefix: str) -> Iterator[str]:
    if not folder.is_dir():
        return
    for entry in os.scandir(folder):
        if entry.name.startswith('.'):
            continue
        if entry.is_dir():
            yield from _below(folder / entry.name, f'{prefix}{entry.name}/')
        else:
            yield prefix + entry.name
