"""Lists the files of one kind in a folder, in one pass as it may hold a million others; or below it."""

# A Path for each of a million files costs more than the rest of the walk.
# ruff: noqa: PTH122
from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from synapse_hooks.storage import is_system_file


def files_in(folder: Path, *suffixes: str, most: int | None = None) -> list[Path]:
    """The regular files right in a folder that have one of some suffixes, in small or capital letters, by name.

    Args:
        folder: Which; none are in one that is not there.
        suffixes: With their dots, in lower case.
        most: If there are more, the list is empty: then they are about single images.

    Raises:
        OSError: The folder cannot be listed.
    """
    known = (*suffixes, *map(str.upper, suffixes))
    try:
        with os.scandir(folder) as entries:
            listed = (entry.name for entry in entries if entry.name.endswith(known))
            names = [*islice((name for name in listed if not is_system_file(name)), most and most + 1)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    if most and len(names) > most:
        return []
    return [file for name in sorted(names) if (file := folder / name).is_file()]


def files_below(folder: str | os.PathLike[str], *suffixes: str) -> Iterator[str]:
    """The files below a folder, at any depth, that have one of some suffixes, in small or capital letters.

    What operating systems leave (hidden files, `._a.xml` of macOS, `__MACOSX/`) is not among them. Links to folders are
    not followed.

    Args:
        folder: Which; none are below one that is not there.
        suffixes: With their dots, in lower case.

    Yields:
        Paths relative to the folder, with `/`, those of each folder by name.

    Raises:
        OSError: A folder cannot be listed.

    Example:
        >>> [*files_below('/nowhere', '.xml')]
        []
    """
    for path, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not is_system_file(name))
        prefix = '' if path == os.fspath(folder) else os.path.relpath(path, folder).replace(os.sep, '/') + '/'
        for name in sorted(files):
            if os.path.splitext(name)[1].lower() in suffixes and not is_system_file(name):
                yield prefix + name


def _refuse(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error
