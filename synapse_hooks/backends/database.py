"""The SQLite file of a workspace: created atomically, checked when opened, its errors with hints."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from synapse_hooks.errors import BackendError, DiskFull, StorageError
from synapse_hooks.storage import scratch

VERSION: Final = 1
"""The version of the tables."""
APPLICATION: Final = 0x53594E48
"""What marks an SQLite file as a workspace's: `SYNH`."""

_BUSY_SECONDS = 30.0
_TABLES = """
CREATE TABLE records (
    kind TEXT NOT NULL,
    id INTEGER NOT NULL,
    name TEXT,
    key TEXT,
    owner TEXT,
    time REAL NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX names ON records (kind, name) WHERE name IS NOT NULL;
CREATE UNIQUE INDEX keys ON records (kind, key) WHERE key IS NOT NULL;
"""
# Version 1 had it not at first: it is made where it is missing.
_RESERVED = 'CREATE INDEX IF NOT EXISTS reserved ON records (kind, id) WHERE owner IS NOT NULL;'


@dataclass(frozen=True, slots=True)
class Database:
    """One SQLite file. Safe for threads, forks and processes: every operation opens a connection of its own.

    Raises:
        BackendError: The file is not a workspace's, is damaged, of a newer version, locked for long, or out of reach.
        DiskFull: No space.
    """

    file: Path

    def exists(self) -> bool:
        """Whether the file is there."""
        with _errors(self.file):
            if self.file.parent.is_file():
                raise BackendError(
                    f'{self.file.parent} cannot be used as a workspace: it is a file',
                    hint='name a folder with --workspace or SYNAPSE_WORKSPACE',
                    path=str(self.file.parent),
                )
            return self.file.exists()

    def create(self) -> None:
        """Create the file, unless it exists. It appears with its tables, or not at all."""
        if self.exists():
            with self.connected() as connection:
                connection.execute(_RESERVED)
                return
        with _errors(self.file), scratch(self.file) as folder:
            fresh = folder / 'fresh.sqlite'
            with closing(sqlite3.connect(fresh, isolation_level=None)) as connection:
                connection.executescript(
                    f'{_TABLES}{_RESERVED}PRAGMA application_id={APPLICATION};PRAGMA user_version={VERSION};'
                )
                connection.execute('PRAGMA journal_mode=WAL')
            try:
                self.file.hardlink_to(fresh)
            except FileExistsError:
                return
            except OSError:
                # A file system without hard links: two processes that create it at the same time are not noticed.
                if not self.file.exists():
                    fresh.rename(self.file)

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """A connection to a file that exists; reads need no more."""
        uri = f'{self.file.absolute().as_uri()}?mode=rw'
        with (
            _errors(self.file),
            closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)) as connection,
        ):
            _check(self.file, connection)
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """A connection with an exclusive write lock while the block runs; an exception rolls everything back."""
        with self.connected() as connection:
            connection.execute('BEGIN IMMEDIATE')
            try:
                yield connection
                connection.execute('COMMIT')
            except BaseException:
                if connection.in_transaction:
                    connection.execute('ROLLBACK')
                raise


def _check(file: Path, connection: sqlite3.Connection) -> None:
    application = connection.execute('PRAGMA application_id').fetchone()[0]
    version = connection.execute('PRAGMA user_version').fetchone()[0]
    if application != APPLICATION:
        raise BackendError(
            f'{file} is not the file of a workspace',
            hint='choose another folder with --workspace, or move that file away',
            path=str(file),
        )
    if version > VERSION:
        raise BackendError(
            f'{file} was written by a newer synapse-hooks (version {version}, this one supports {VERSION})',
            hint='upgrade with `pip install -U synapse-hooks`, or choose another folder with --workspace',
            path=str(file),
        )


@contextmanager
def _errors(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        name = getattr(error, 'sqlite_errorname', '') or ''
        if name == 'SQLITE_FULL' or (name.startswith('SQLITE_IOERR') and _is_full(file.parent)):
            raise DiskFull(
                f'cannot write {file}: no space is left on the device; nothing half-written was kept',
                hint='free some space, then run the same command again',
                path=str(file),
            ) from error
        problem, hint = _explained(file, name, error)
        raise BackendError(problem, hint=hint, path=str(file)) from error
    except (StorageError, OSError) as error:
        if isinstance(error, DiskFull):
            raise
        reason = error.problem if isinstance(error, StorageError) else error
        raise BackendError(
            f'{file.parent} cannot be used as a workspace: {reason}',
            hint='choose a folder that you may write with --workspace or SYNAPSE_WORKSPACE',
            path=str(file.parent),
        ) from error


def _is_full(folder: Path) -> bool:
    """Whether there is no room for the file that even reading needs; SQLite then reports an I/O error only."""
    try:
        return shutil.disk_usage(folder).free < 1 << 16
    except OSError:
        return False


def _explained(file: Path, name: str, error: sqlite3.Error) -> tuple[str, str]:
    if name.startswith(('SQLITE_BUSY', 'SQLITE_LOCKED')):
        return f'{file} has been in use by another process for {_BUSY_SECONDS:g} s', 'run the same command again'
    if name.startswith('SQLITE_NOTADB'):
        return f'{file} is not a database', 'choose another folder with --workspace, or move that file away'
    if name.startswith('SQLITE_CORRUPT'):
        return f'{file} is damaged: {error}', 'restore it from a copy; the files beside it are not affected'
    if name.startswith(('SQLITE_READONLY', 'SQLITE_CANTOPEN', 'SQLITE_PERM')) or not os.access(file, os.W_OK):
        return (
            f'{file} cannot be opened for writing: {error}',
            'change its owner or permissions and those of its folder, or choose another folder with --workspace',
        )
    return f'{file}: {error}', 'look at the disk and its permissions, then run the same command again'
