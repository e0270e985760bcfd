"""A summary of a folder that no format recognises, for the error message."""

# ruff: noqa: PTH118, PTH122 (names are looked at, and not one file is opened for most)
from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from synapse_hooks.data import SUFFIXES
from synapse_hooks.storage import is_system_file, read_file

_MOST = 5000
"""Files that are looked at."""
_DEEPEST = 3
_FOLDERS = 3
_SUFFIXES = 4
_FILES = 24
_KEYS = 8
_LONGEST = 40
_SMALL = 4 << 20
_BARE = '?'
"""The suffix of files that have none."""


class FolderSummary(NamedTuple):
    """Some of what is in a folder."""

    text: str
    """A sentence: `it has 12 .xml files beside 12 images in train/`."""
    examples: list[str]
    """A few files that are not images, those of the folder itself first."""


def summarize_folder(path: Path) -> FolderSummary:
    """Look at a folder, or at a file, without opening much."""
    if path.is_file():
        return FolderSummary(f'it is a file of {path.stat().st_size:,} bytes{_keys(path)}', [os.fspath(path)])
    counts: dict[str, Counter[str]] = {}
    examples: dict[tuple[str, str], str] = {}
    for folder, name in islice(_files(os.fspath(path), ''), _MOST):
        kind = _kind(name)
        counts.setdefault(folder, Counter())[kind] += 1
        if kind:
            examples.setdefault((folder, kind), os.path.join(path, folder, name))
    parts = [f'{_counted(counter)}{f" in {_shown(folder)}/" if folder else ""}' for folder, counter in counts.items()]
    if len(parts) > _FOLDERS:
        parts[_FOLDERS:] = [f'more in {len(parts) - _FOLDERS} folders']
    documents = [Path(file) for (folder, kind), file in examples.items() if kind == '.json' and not folder]
    keys = ''.join(f'; {_shown(file.name)}{_keys(file)}' for file in documents)
    if not path.is_dir():
        return FolderSummary('it is neither a file nor a folder', [])
    return FolderSummary(f'it has {", ".join(parts) or "no file"}{keys}', [*examples.values()][:_FILES])


def _kind(name: str) -> str:
    """The suffix of a file; empty for an image."""
    suffix = os.path.splitext(name)[1].lower()
    return '' if suffix in SUFFIXES else suffix or _BARE


def _counted(counter: Counter[str]) -> str:
    others = [(kind, count) for kind, count in counter.most_common() if kind]
    words = [_files_of(kind, count) for kind, count in others[:_SUFFIXES]]
    if len(others) > _SUFFIXES:
        words.append(f'{sum(count for _, count in others[_SUFFIXES:]):,} other files')
    images = f'{counter[""]:,} image{"s" * (counter[""] > 1)}' if counter[''] else ''
    return ' beside '.join(filter(None, (' and '.join(words), images)))


def _files_of(kind: str, count: int) -> str:
    files = f'file{"s" * (count > 1)}'
    return f'{count:,} {files} without a suffix' if kind == _BARE else f'{count:,} {_shown(kind)} {files}'


def _keys(file: Path) -> str:
    """The keys of a small JSON file, to follow its name in a sentence."""
    try:
        content = msgspec.json.decode(read_file(file, limit=_SMALL).removeprefix(b'\xef\xbb\xbf'))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ''
    where, first = (
        ('a list of objects', content[0]) if isinstance(content, list) and content else ('an object', content)
    )
    if not isinstance(first, dict):
        return ''
    keys = ', '.join(map(_shown, islice(first, _KEYS))) + (', ...' if len(first) > _KEYS else '')
    return f' ({where} with the keys {keys})' if keys else ''


def _files(folder: str, prefix: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Folder and name of each file, those of the folder itself first."""
    try:
        with os.scandir(os.path.join(folder, prefix)) as entries:
            children = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in islice(entries, _MOST))
    except OSError:
        return
    children = [entry for entry in children if not is_system_file(entry[0])]
    yield from ((prefix, name) for name, is_folder in children if not is_folder)
    for name in (name for name, is_folder in children if is_folder and depth < _DEEPEST):
        yield from _files(folder, f'{prefix}/{name}'.removeprefix('/'), depth + 1)


def _shown(text: str) -> str:
    """A name from a dataset as it may stand in a message."""
    clean = ''.join(letter if letter.isprintable() else '\ufffd' for letter in text)
    return clean if len(clean) <= _LONGEST else f'{clean[: _LONGEST - 1]}…'
