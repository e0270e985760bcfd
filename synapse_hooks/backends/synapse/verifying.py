"""Verifying that an exported dataset is unchanged, by its `items.jsonl`."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from synapse_hooks.backends.synapse.export import DOCUMENTS, FILES, MANIFEST
from synapse_hooks.storage import file_digest


@dataclass(frozen=True, slots=True)
class Damage:
    """A file that is not what it was."""

    path: str
    """Relative to the dataset."""
    problem: str
    """Such as `is missing`."""


class _Content(msgspec.Struct):
    name: str
    sha256: str
    size: int


class _Row(msgspec.Struct):
    document: _Content
    files: list[_Content]
    split: str | None = None


def is_export(folder: Path) -> bool:
    """Whether a folder has what `verify_export` needs."""
    return (folder / MANIFEST).is_file()


def verify_export(folder: Path, *, deep: bool = False) -> tuple[int, list[Damage]]:
    """Compare an exported dataset with its manifest: what is there, sizes, and what should not be there.

    Args:
        folder: The dataset.
        deep: Compare every byte, by SHA-256.

    Returns:
        How many items the manifest has, and what is wrong.

    Raises:
        FileNotFoundError: It has no manifest.
    """
    damages: list[Damage] = []
    expected: set[str] = set()
    items = 0
    with (folder / MANIFEST).open('rb') as manifest:
        for number, line in enumerate(manifest, 1):
            try:
                row = msgspec.json.decode(line, type=_Row)
                places = list(_places(row))
            except (msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
                damages.append(Damage(MANIFEST, f'line {number} is damaged: {error}'))
                continue
            items += 1
            for place, content in places:
                expected.add(place)
                if problem := _problem(folder / place, content, deep):
                    damages.append(Damage(place, problem))
    names = (
        file.relative_to(folder).as_posix()
        for name in (DOCUMENTS, FILES)
        for above in (folder.glob(name), folder.glob(f'*/{name}'))
        for inner in above
        if inner.is_dir()
        for file in inner.iterdir()
    )
    damages += [Damage(place, 'is not in the manifest') for place in sorted(set(names) - expected)]
    return items, damages


def _places(row: _Row) -> Iterator[tuple[str, _Content]]:
    start = '' if row.split is None else f'{_component(row.split)}/'
    yield f'{start}{DOCUMENTS}/{_component(row.document.name)}', row.document
    for file in row.files:
        yield f'{start}{FILES}/{_component(file.name)}', file


def _component(name: str) -> str:
    if name in ('', '.', '..') or '/' in name or '\0' in name:
        raise ValueError(f'{name!r} is not the name of a file')
    return name


def _problem(file: Path, content: _Content, deep: bool) -> str:
    try:
        state = file.lstat()
        if not stat.S_ISREG(state.st_mode):
            return 'is not a regular file'
        if state.st_size != content.size:
            return f'has {state.st_size:,} bytes, expected {content.size:,}'
        if deep and file_digest(file) != content.sha256:
            return 'has other content'
    except FileNotFoundError:
        return 'is missing'
    except OSError as error:
        return f'cannot be read: {error.strerror}'
    return ''
