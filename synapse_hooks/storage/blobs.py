"""Files by their content: each is there once, under the SHA-256 of its bytes, and linked to wherever it is wanted.

    ROOT/ab/abcdef...    a file; nobody writes into it

A file appears whole, by one rename. It is known again by size and time of change, so that one that was edited through a
link is noticed without reading it.
"""

# A Path for each of a million files costs more than the link itself.
# ruff: noqa: PTH103, PTH104, PTH108, PTH116
from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from synapse_hooks.storage.digest import file_digest
from synapse_hooks.storage.disk import disk_errors
from synapse_hooks.storage.ownership import aside
from synapse_hooks.storage.publishing import sweep

_NAME = re.compile(r'[0-9a-f]{64}')


class Blob(NamedTuple):
    """A file that is kept: its content, and how it was when it was put there."""

    sha256: str
    size: int
    """Bytes."""
    changed_ns: int
    """When its content was last written, in nanoseconds of the epoch."""


class Blobs:
    """The files below a folder, by content. Several processes and threads may use it at once, without locks.

    Args:
        root: The folder; it is made when something is put there.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     blobs = Blobs(Path(folder))
        ...     blob = blobs.put_bytes(b'content')
        ...     blobs.is_whole(blob), Path(blobs.path(blob.sha256)).read_bytes()
        (True, b'content')
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._prefix = f'{self.root}/'
        self._made: set[str] = set()

    def path(self, sha256: str) -> str:
        """Where the file with that content is, or would be."""
        return f'{self._prefix}{sha256[:2]}/{sha256}'

    def is_whole(self, blob: Blob) -> bool:
        """Whether a file is there as it was put there, by size and time of change."""
        try:
            found = os.stat(self.path(blob.sha256))
        except OSError:
            return False
        return found.st_size == blob.size and found.st_mtime_ns == blob.changed_ns

    def put_bytes(self, content: bytes) -> Blob:
        """Keep some bytes.

        Raises:
            DiskFull: No space; nothing is kept.
        """
        sha256 = hashlib.sha256(content).hexdigest()
        final = self._place(sha256)
        with disk_errors(final):
            unfinished = str(aside(Path(final)))
            try:
                with open(unfinished, 'xb', buffering=0) as file:
                    view = memoryview(content)
                    while view:
                        view = view[file.write(view) :]
                os.rename(unfinished, final)
            except BaseException:
                _remove(unfinished)
                raise
        return self._blob(sha256)

    def put_file(self, file: Path, sha256: str) -> Blob:
        """Move a finished file of the same disk here.

        Args:
            file: Whose content has been hashed; afterwards it is gone.
            sha256: Its digest.
        """
        final = self._place(sha256)
        with disk_errors(final):
            os.rename(file, final)
        return self._blob(sha256)

    def remove(self, sha256: str) -> None:
        """Remove a file, if it is there; what is linked to it elsewhere stays."""
        _remove(self.path(sha256))

    def all(self) -> Iterator[Blob]:
        """Every file that is kept."""
        for folder in sorted(self.root.glob('[0-9a-f][0-9a-f]')):
            for entry in os.scandir(folder):
                if _NAME.fullmatch(entry.name):
                    found = entry.stat()
                    yield Blob(entry.name, found.st_size, found.st_mtime_ns)

    def is_genuine(self, blob: Blob) -> bool:
        """Whether a file's content is still what its name says: every byte is read."""
        try:
            return file_digest(Path(self.path(blob.sha256))) == blob.sha256
        except OSError:
            return False

    def sweep(self) -> None:
        """Remove what dead processes left unfinished."""
        for folder in self.root.glob('[0-9a-f][0-9a-f]'):
            sweep(folder)

    def _place(self, sha256: str) -> str:
        folder = f'{self._prefix}{sha256[:2]}'
        if folder not in self._made:
            with disk_errors(folder):
                os.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        return f'{folder}/{sha256}'

    def _blob(self, sha256: str) -> Blob:
        found = os.stat(self.path(sha256))
        return Blob(sha256, found.st_size, found.st_mtime_ns)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
