"""The cache of files that were fetched from backends: by content, with an index from files of backends to contents.

    ROOT/blobs/        see `synapse_hooks.storage.blobs`
    ROOT/parts/        see `synapse_hooks.backends.synapse.parts`
    ROOT/index.sqlite  which content a file of a backend has

A file is known by what identifies it at its backend, never by its address, which changes.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from synapse_hooks.backends.synapse.parts import Parts
from synapse_hooks.storage import sweep
from synapse_hooks.storage.blobs import Blob, BlobStore
from synapse_hooks.storage.disk import need_folder

_SCHEMA: Final = 'CREATE TABLE IF NOT EXISTS files (key BLOB PRIMARY KEY, sha256 TEXT, size INTEGER) WITHOUT ROWID'
_BUSY: Final = 30.0


class Cache:
    """The files that were fetched. Several processes may use one cache at once; a broken index is rebuilt.

    Args:
        root: Its folder; it is made when something is put there.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.blobs = BlobStore(self.root / 'blobs')
        self.parts = Parts(self.root / 'parts')
        self._index = self.root / 'index.sqlite'

    def find(self, keys: Iterable[str]) -> dict[str, Blob]:
        """The files that are here, complete, by their keys."""
        wanted = {_digest(key): key for key in keys}
        if not wanted or not self._index.exists():
            return {}
        marks = ','.join('?' * len(wanted))
        query = f'SELECT key, sha256, size FROM files WHERE key IN ({marks})'
        with suppress(sqlite3.DatabaseError), closing(self._connect()) as database:
            rows = database.execute(query, tuple(wanted)).fetchall()
            blobs = {wanted[key]: Blob(*blob) for key, *blob in rows}
            return {key: blob for key, blob in blobs.items() if self.blobs.is_intact(blob)}
        return {}

    def keep(self, files: Mapping[str, Blob]) -> None:
        """Remember which content files have."""
        if not files:
            return
        need_folder(self.root)
        try:
            self._write(files)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                # Full, or in use for long: the files are fetched once more, which is all.
                return
            self._index.unlink(missing_ok=True)
            with suppress(sqlite3.DatabaseError):
                self._write(files)

    def forget(self, contents: Iterable[str]) -> None:
        """Forget contents, by their SHA-256."""
        rows = [(sha256,) for sha256 in contents]
        if not rows or not self._index.exists():
            return
        # A content that is not there is a miss: its entry in the index costs nothing but space.
        with suppress(sqlite3.DatabaseError), closing(self._open()) as database, database:
            database.executemany('DELETE FROM files WHERE sha256 = ?', rows)

    def measure(self) -> tuple[int, int, int]:
        """How many files there are, their bytes, and the bytes of those that no dataset uses."""
        count = size = unused = 0
        for blob in self.blobs.all():
            count, size = count + 1, size + blob.size
            unused += blob.size if self.blobs.link_count(blob.sha256) == 1 else 0
        return count, size, unused

    def prune(self, to: int = 0) -> tuple[int, int]:
        """Remove files that no dataset uses, those first that were not used for longest, until `to` bytes are left.

        A file that is linked to elsewhere takes no more space for being here, and stays. Parts that are not being
        written are removed first where `to` is 0.

        Returns:
            How many files were removed, and the bytes of files and parts.
        """
        parts = self.parts.sweep(0.0) if to == 0 else 0
        _, size, _ = self.measure()
        unused = [blob for blob in self.blobs.all() if self.blobs.link_count(blob.sha256) == 1]
        removed = []
        for blob in sorted(unused, key=lambda blob: self.blobs.last_used(blob.sha256)):
            if size <= to:
                break
            self.blobs.remove(blob.sha256)
            removed.append(blob)
            size -= blob.size
        self.forget(blob.sha256 for blob in removed)
        return len(removed), parts + sum(blob.size for blob in removed)

    def verify(self, *, deep: bool = False) -> list[str]:
        """Remove files that were changed since they were put here; returns what they were called.

        Args:
            deep: Read every byte, instead of going by size and time.
        """
        damaged = [
            blob.sha256
            for blob in self.blobs.all()
            if not self.blobs.is_intact(blob) or (deep and not self.blobs.matches_digest(blob))
        ]
        for sha256 in damaged:
            self.blobs.remove(sha256)
        self.forget(damaged)
        return damaged

    def sweep(self) -> None:
        """Remove what dead processes left unfinished and that cannot be continued."""
        self.blobs.sweep()
        self.parts.sweep()
        sweep(self.root)

    def _write(self, files: Mapping[str, Blob]) -> None:
        with closing(self._open()) as database, database:
            rows = [(_digest(key), *blob) for key, blob in files.items()]
            database.executemany('INSERT OR REPLACE INTO files VALUES (?, ?, ?)', rows)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._index, timeout=_BUSY)

    def _open(self) -> sqlite3.Connection:
        database = self._connect()
        # Nothing is lost that cannot be fetched again.
        database.execute('PRAGMA synchronous = OFF')
        database.execute(_SCHEMA)
        return database


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors='surrogatepass')).digest()[:16]
