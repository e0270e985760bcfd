"""Random mutations of a dataset, by a given generator, which make it invalid.

The mutation depends on the kind of file: JSON, YAML and XML documents, lines and words of text, images; and for any
file its bytes, its name, or its type (a pipe, a link, a folder).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from synapse_hooks.data import SUFFIXES
from synapse_hooks.testing.mutation.files import OUTSIDE, change_folder, change_place
from synapse_hooks.testing.mutation.images import change_picture
from synapse_hooks.testing.mutation.json_yaml import change_json, change_yaml
from synapse_hooks.testing.mutation.text import change_bytes, change_lines
from synapse_hooks.testing.mutation.xml_documents import change_markup

__all__ = ['OUTSIDE', 'mutate']

Change = Callable[[bytes, Random], tuple[bytes, str]]
"""Changes the content of a file, and returns a description. Content that it cannot parse is a ValueError."""

_MAX_PARSED: Final = 1 << 20
"""In bytes. A larger file is changed as bytes, since parsing it repeatedly would be slow."""


def mutate(folder: Path, random: Random, edits: int | None = None) -> list[str]:
    """Change a dataset in place, so that it may be wrong. Equal datasets and generators give equal changes.

    Args:
        folder: The dataset. Its files are replaced, never written to, so links to other files are safe.
        random: Chooses the changes. The first choices are the simplest ones.
        edits: How many changes; None for a random number, mostly one, at most four.

    Returns:
        A description of each change.

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
    if random.randrange(6) == 5 or not file.is_file() or file.stat().st_size > _MAX_PARSED:
        return f'{name}: {change_place(folder, file, random)}'
    content = file.read_bytes()
    change = change_bytes if random.randrange(10) == 9 else _change_of(file, content)
    try:
        changed, how = change(content, random)
    except Exception:
        # After an earlier change the file may not be valid, and a parser may raise anything.
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
    """A random file: every kind of file has the same probability, however many files it has."""
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
