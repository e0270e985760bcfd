"""A dataset with something wrong in it: the structure of its files is changed at random, by a given generator.

What is changed follows from what a file is: JSON, YAML and XML as trees, text as lines and words, images as images, and
any file as bytes, as a name, and as a place where something else may be (a pipe, a link, a folder).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from synapse_hooks.data import SUFFIXES
from synapse_hooks.testing.mutation.lines import change_bytes, change_lines
from synapse_hooks.testing.mutation.markup import change_markup
from synapse_hooks.testing.mutation.pictures import change_picture
from synapse_hooks.testing.mutation.places import OUTSIDE, change_folder, change_place
from synapse_hooks.testing.mutation.trees import change_json, change_yaml

__all__ = ['OUTSIDE', 'mutate']

Change = Callable[[bytes, Random], tuple[bytes, str]]
"""Changes the content of a file; the text says how. Content that it cannot take apart is a ValueError."""

_LARGEST: Final = 1 << 20
"""Bytes. What is larger is changed as bytes: to take it apart again and again would be slow."""


def mutate(folder: Path, random: Random, edits: int | None = None) -> list[str]:
    """Change a dataset in place, so that it may be wrong. Equal datasets and generators give equal changes.

    Args:
        folder: The dataset. Its files are replaced, never written to, so links to other files are safe.
        random: Decides everything. The first choices are the plainest ones.
        edits: How many changes; None leaves that to chance: mostly one, sometimes up to four.

    Returns:
        A sentence for each change.

    Example:
        >>> from synapse_hooks.testing import small_dataset
        >>> made = small_dataset(getfixture('tmp_path') / 'data')
        >>> mutate(made['path'], Random(3), 1)  # doctest: +ELLIPSIS
        ['...: ...']
    """
    count = random.choice((1, 1, 1, 2, 2, 3, 4)) if edits is None else edits
    return [_edit(folder, random) for _ in range(count)]


def _edit(folder: Path, random: Random) -> str:
    files, folders = _content(folder)
    if not files or random.randrange(25) == 24:
        return change_folder(folder, random.choice([*folders, folder]), random)
    file = _chosen(files, random)
    name = os.fsencode(file.relative_to(folder)).decode(errors='backslashreplace')
    # A file that an earlier change put there may be a pipe.
    if random.randrange(6) == 5 or not file.is_file() or file.stat().st_size > _LARGEST:
        return f'{name}: {change_place(folder, file, random)}'
    content = file.read_bytes()
    change = change_bytes if random.randrange(10) == 9 else _change_of(file, content)
    try:
        changed, how = change(content, random)
    except Exception:
        # An earlier change broke it, and parsers raise whatever they like.
        changed, how = change_bytes(content, random)
    file.unlink()
    file.write_bytes(changed)
    return f'{name}: {how}'


def _content(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files and folders in a stable order; links are files."""
    files, folders = [], []
    for root, below, names in os.walk(folder):
        below.sort()
        links = [name for name in below if Path(root, name).is_symlink()]
        files += [Path(root, name) for name in sorted([*names, *links])]
        folders += [Path(root, name) for name in below if name not in links]
    return files, folders


def _chosen(files: list[Path], random: Random) -> Path:
    """A file: every kind of file has the same chance, however many images there are."""
    kinds: dict[str, list[Path]] = {}
    for file in files:
        suffix = file.suffix.lower()
        kinds.setdefault('image' if suffix in SUFFIXES else f'{suffix} {len(file.parts)}', []).append(file)
    # Documents first: images are the same for every format.
    return random.choice(kinds[random.choice(sorted(kinds, key=lambda kind: (kind == 'image', kind)))])


def _change_of(file: Path, content: bytes) -> Change:
    suffix, begin = file.suffix.lower(), content.lstrip()[:1]
    if suffix in SUFFIXES:
        return change_picture
    if suffix in ('.yaml', '.yml'):
        return change_yaml
    if begin in (b'{', b'['):
        return change_json
    if begin == b'<':
        return change_markup
    return change_lines
