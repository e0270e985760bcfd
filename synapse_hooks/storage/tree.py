"""The files of a folder, in an order that depends on their names only."""

# A Path for each of a million files costs more than the rest of the walk.
# ruff: noqa: PTH116
from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from synapse_hooks.errors import StorageError


class FileEntry(NamedTuple):
    """A regular file below a folder."""

    name: str
    """Relative to the folder, with `/` between the parts."""
    path: str
    """Where it is."""
    size: int
    """Bytes."""
    mtime_ns: int
    """When it was last changed, in nanoseconds."""
    own: int = 0
    """Bytes on the disk that no other hard link shares: what removing it would free."""
    linked: bool = False
    """Whether a symbolic link leads to it, in the folder."""


def walk_files(folder: Path) -> Iterator[FileEntry]:
    """Every regular file below `folder`, depth first, each folder sorted by name. Links are followed.

    Args:
        folder: Which.

    Raises:
        StorageError: An entry is neither a file nor a folder, a broken link, or a link to a folder that contains it.
    """
    yield from _walk(os.fspath(folder), '', frozenset(), linked=False)


def _walk(folder: str, prefix: str, above: frozenset[tuple[int, int]], *, linked: bool) -> Iterator[FileEntry]:
    here = os.stat(folder)
    key = (here.st_dev, here.st_ino)
    if key in above:
        raise StorageError(f'{folder} leads back into itself', hint='remove that link', path=folder)
    # Of a million files there are names, and not more, in memory at once.
    for name in sorted(os.listdir(folder)):
        path = f'{folder}/{name}'
        info, through = os.lstat(path), linked
        if stat.S_ISLNK(info.st_mode):
            try:
                info, through = os.stat(path), True
            except FileNotFoundError as error:
                raise StorageError(
                    f'{path} is a broken link', hint='restore its target, or remove the link', path=path
                ) from error
        if stat.S_ISREG(info.st_mode):
            own = 0 if through or info.st_nlink > 1 else info.st_blocks * 512
            yield FileEntry(prefix + name, path, info.st_size, info.st_mtime_ns, own, through)
        elif stat.S_ISDIR(info.st_mode):
            yield from _walk(path, f'{prefix}{name}/', above | {key}, linked=through)
        else:
            raise StorageError(f'{path} is neither a file nor a folder', hint='remove it', path=path)
