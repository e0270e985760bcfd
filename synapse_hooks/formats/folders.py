"""The files of one kind in a folder, found in one look at it: a folder may hold a million others."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from synapse_hooks.storage import is_dropping


def files_in(folder: Path, *suffixes: str, most: int | None = None) -> list[Path]:
    """The regular files right in a folder that have one of some suffixes, in small or capital letters, by name.

    Args:
        folder: Which; none are in one that is not there.
        suffixes: With their dots, in lower case.
        most: Where there are more, none are answered: then they are about single images.

    Raises:
        OSError: The folder cannot be listed.
    """
    known = (*suffixes, *map(str.upper, suffixes))
    try:
        with os.scandir(folder) as entries:
            found = (entry.name for entry in entries if entry.name.endswith(known))
            names = [*islice((name for name in found if not is_dropping(name)), most and most + 1)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    if most and len(names) > most:
        return []
    return [file for name in sorted(names) if (file := folder / name).is_file()]
