"""A content-addressed store: each file is there once, under the SHA-256 of its bytes, and linked to where it is used.

    ROOT/ab/abcdef...    a file; never written into

A file appears complete, by one rename. Its mtime is derived from its content, so that one that was edited through a
link is noticed without reading it, and equal files look equal to programs that compare size and time.
"""

# A Path for each of a million files costs more than the link itself.
# ruff: noqa: PTH104, PTH108, PTH116
from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from synapse_hooks.storage.digest import file_digest
from synapse_hooks.storage.disk import disk_errors, need_folder
from synapse_hooks.storage.ownership import numbered_temporary_path
from synapse_hooks.storage.publishing import sweep

_NAME = re.compile(r'[0-9a-f]{64}')


class Blob(NamedTuple):
    """A file that is kept."""

    sha256: str
    size: int
    """Bytes."""


class BlobStore:
    """The files below a folder, by content. Several processes and threads may use it at once, without locks.

    Args:
        root: The folder; it is made when something is put there.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     blobs = BlobStore(Path(folder))
        ...     blob = blobs.put_bytes(b'content')
        ...     blobs.is_intact(blob), Path(blobs.path(blob.sha256)).read_bytes()
        (True, b'content')
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self._prefix = f'{self.root}/'
        self._made: set[str] = set()

    def path(self, sha256: str) -> str:
        """Where the file with that content is, or would be."""
        return f'{self._prefix}{sha256[:2]}/{sha256}'

    def is_intact(self, blob: Blob) -> bool:
        """Whether a file is there as it was put there, by size and time of change."""
        # The index that it comes from may have been edited.
        if not isinstance(blob.sha256, str) or not _NAME.fullmatch(blob.sha256):
            return False
        try:
            found = os.stat(self.path(blob.sha256))
        except OSError:
            return False
        return found.st_size == blob.size and found.st_mtime_ns == content_mtime_ns(blob.sha256)

    def put_bytes(self, content: bytes | bytearray, sha256: str | None = None) -> Blob:
        """Keep some bytes.

        Args:
            content: The bytes.
            sha256: Their digest, where it is known.

        Raises:
            DiskFull: No space; nothing is kept.
        """
        if sha256 is None:
            sha256 = hashlib.sha256(content).hexdigest()
        final = self._place(sha256)
        with disk_errors(final):
            unfinished = numbered_temporary_path(final[: -len(sha256) - 1], sha256)
            try:
                handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
                try:
                    view = memoryview(content)
                    while view:
                        view = view[os.write(handle, view) :]
                    mtime = content_mtime_ns(sha256)
                    os.utime(handle, ns=(mtime, mtime))
                finally:
                    os.close(handle)
                os.rename(unfinished, final)
            except BaseException:
                _remove(unfinished)
                raise
        return Blob(sha256, len(content))

    def put_file(self, file: Path, sha256: str) -> Blob:
        """Move a finished file of the same disk here.

        Args:
            file: The file, whose content has been hashed; it is moved.
            sha256: Its digest.
        """
        final = self._place(sha256)
        with disk_errors(final):
            size, mtime = os.stat(file).st_size, content_mtime_ns(sha256)
            os.utime(file, ns=(mtime, mtime))
            os.rename(file, final)
        return Blob(sha256, size)

    def remove(self, sha256: str) -> None:
        """Remove a file, if it is there; what is linked to it elsewhere stays."""
        _remove(self.path(sha256))

    def link_count(self, sha256: str) -> int:
        """In how many places a file is, this one included; 0 where it is not here."""
        try:
            return os.stat(self.path(sha256)).st_nlink
        except OSError:
            return 0

    def last_used(self, sha256: str) -> float:
        """When a file was last linked to or read, in seconds of the epoch, as far as the file system records it."""
        try:
            found = os.stat(self.path(sha256))
        except OSError:
            return 0.0
        return max(found.st_atime, found.st_ctime)

    def all(self) -> Iterator[Blob]:
        """Every file that is kept."""
        for folder in sorted(self.root.glob('[0-9a-f][0-9a-f]')):
            for entry in os.scandir(folder):
                if _NAME.fullmatch(entry.name):
                    yield Blob(entry.name, entry.stat().st_size)

    def matches_digest(self, blob: Blob) -> bool:
        """Whether a file's content still matches its name: every byte is read."""
        try:
            return file_digest(self.path(blob.sha256)) == blob.sha256
        except OSError:
            return False

    def sweep(self) -> None:
        """Remove what dead processes left unfinished."""
        for folder in self.root.glob('[0-9a-f][0-9a-f]'):
            sweep(folder)

    def _place(self, sha256: str) -> str:
        folder = f'{self._prefix}{sha256[:2]}'
        if folder not in self._made:
            need_folder(Path(folder))
            self._made.add(folder)
        return f'{folder}/{sha256}'


def content_mtime_ns(sha256: str) -> int:
    """The time of change of a file with that content, in nanoseconds of the epoch: between 2001 and 2018.

    Even seconds: some file systems store no others.
    """
    return (1_000_000_000 + 2 * int(sha256[:7], 16)) * 1_000_000_000


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except (IsADirectoryError, PermissionError):
        # A folder was put in its place; some systems report that as a missing permission.
        if not Path(path).is_dir():
            raise
        shutil.rmtree(path)
