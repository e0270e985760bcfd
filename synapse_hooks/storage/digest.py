"""What identifies bytes: equal digests, equal content."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TypedDict

from synapse_hooks.storage.tree import walk_files


class TreeStamp(TypedDict):
    """A cheap mark of a folder: when it is unchanged, so are the files."""

    files: int
    bytes: int
    digest: str


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with Path(path).open('rb') as file:
        return hashlib.file_digest(file, 'sha256').hexdigest()


def tree_stamp(folder: Path, *, until_ns: int | None = None) -> TreeStamp:
    """Whether a folder is still whole, without reading its files: over their names, sizes and times of change.

    Two stamps of one folder compare; two stamps of two copies do not, because times differ. See `tree_digest`.

    Args:
        folder: The folder.
        until_ns: Leave out files that were changed after this time (nanoseconds since 1970). So what others put beside
            the files that were there does not count, and a file that was changed or deleted is still missed.
    """
    digest, files, total = hashlib.sha256(), 0, 0
    for entry in walk_files(folder):
        if until_ns is not None and entry.mtime_ns > until_ns:
            continue
        digest.update(b'%s\0%d\0%d\0' % (os.fsencode(entry.name), entry.size, entry.mtime_ns))
        files += 1
        total += entry.size
    return {'files': files, 'bytes': total, 'digest': digest.hexdigest()}


def tree_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files, in hex. It reads every byte."""
    digest = hashlib.sha256()
    for entry in walk_files(folder):
        digest.update(b'%s\0%s\0' % (os.fsencode(entry.name), file_digest(Path(entry.path)).encode()))
    return digest.hexdigest()
