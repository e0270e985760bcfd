"""What identifies files: a digest their content, a stamp their names, sizes and times of change."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypedDict

from synapse_hooks.storage.safe_open import StrPath, open_regular
from synapse_hooks.storage.tree import FileEntry, walk_files

_FIRST: Final = 1 << 16
_CHUNK: Final = 1 << 20
"""Bytes of the first read and of those after it: most files are small, and memory for a large chunk takes longer."""

_PAUSE: Final = 0.0005
"""Seconds between two reads of the clock of files."""
_PAUSES: Final = 100


class TreeStamp(TypedDict):
    """A cheap mark of a folder: when it is unchanged, so are the files."""

    files: int
    bytes: int
    digest: str


def file_digest(path: StrPath) -> str:
    """SHA-256 of a file's content, in hex.

    Args:
        path: Which.

    Raises:
        OSError: It cannot be read; `UnsafeFile` where it is not a regular file.
    """
    digest, wanted = hashlib.sha256(), _FIRST
    handle = open_regular(path)
    try:
        while data := os.read(handle, wanted):
            digest.update(data)
            wanted = _CHUNK
    finally:
        os.close(handle)
    return digest.hexdigest()


def tree_stamp(
    folder: Path,
    *,
    until_ns: int | None = None,
    admit: Callable[[FileEntry], None] | None = None,
    later: Callable[[FileEntry], None] | None = None,
) -> TreeStamp:
    """A stamp of a folder, to see later whether it has changed, without reading files: from names, sizes and times.

    Two stamps of one folder compare; two stamps of two copies do not, because times differ. See `tree_digest`.

    Args:
        folder: The folder.
        until_ns: Leave out files that were changed after this time (nanoseconds since 1970). So what is written beside
            the files that were there does not count, and a file that was changed or deleted is still missed.
        admit: Called with each file that counts; it may raise.
        later: Called with each file that is left out; it may raise.
    """
    stamp = _Stamp()
    for entry in walk_files(folder):
        if until_ns is None or entry.mtime_ns <= until_ns:
            stamp.add(entry)
            if admit is not None:
                admit(entry)
        elif later is not None:
            later(entry)
    return stamp.made()


def wait_until_after(at_ns: int) -> None:
    """Wait until a file that is written now gets a time after `at_ns` (nanoseconds since 1970), for 50 ms at most.

    File systems stamp files with a clock that advances in steps of some milliseconds, so a file written just after a
    time may seem to be older.
    """
    clock = getattr(time, 'CLOCK_REALTIME_COARSE', time.CLOCK_REALTIME)
    for _ in range(_PAUSES):
        if time.clock_gettime_ns(clock) > at_ns:
            return
        time.sleep(_PAUSE)


def tree_digest(folder: Path) -> str:
    """SHA-256 over the names and contents of a folder's files, in hex. It reads every byte.

    Args:
        folder: Which.
    """
    return stamped_digest(folder)[0]


def stamped_digest(folder: Path) -> tuple[str, TreeStamp]:
    """What `tree_digest` and `tree_stamp` answer, in one walk."""
    digest, stamp = hashlib.sha256(), _Stamp()
    for entry in walk_files(folder):
        digest.update(b'%s\0%s\0' % (os.fsencode(entry.name), file_digest(entry.path).encode()))
        stamp.add(entry)
    return digest.hexdigest(), stamp.made()


class _Stamp:
    def __init__(self) -> None:
        self._digest, self._files, self._bytes = hashlib.sha256(), 0, 0

    def add(self, entry: FileEntry) -> None:
        self._digest.update(b'%s\0%d\0%d\0' % (os.fsencode(entry.name), entry.size, entry.mtime_ns))
        self._files += 1
        self._bytes += entry.size

    def made(self) -> TreeStamp:
        return {'files': self._files, 'bytes': self._bytes, 'digest': self._digest.hexdigest()}
