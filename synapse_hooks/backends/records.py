"""The records of a workspace.

A record with files is made in three steps, each a transaction or a rename: `reserve` takes a number,
the files are published under it, `complete` makes the record visible. A process that dies before leaves a reservation,
and the reservation is what allows another process to remove the files: a folder without one is never touched.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from synapse_hooks.backends.database import Database
from synapse_hooks.backends.record_types import check_body
from synapse_hooks.errors import BackendError
from synapse_hooks.storage import is_dead, owner

Kind = Literal['dataset', 'model', 'job']
"""What a record is about."""

# The files of a reservation are there within milliseconds; an hour covers a machine that went to sleep.
_ABANDONED_AFTER = 3600.0
_REMOVED = 'removed '


class NameTaken(Exception):
    """A record of that kind has the name, or the key, already."""


@dataclass(frozen=True, slots=True)
class Records:
    """The records in a database, which appears with the first one written. Errors are those of `Database`."""

    database: Database

    def reserve(self, kind: Kind, is_free: Callable[[int], bool]) -> int:
        """Take the next number for which `is_free` holds. The record is invisible until `complete`."""
        self.database.create()
        with self.database.transaction() as connection:
            number = _next(connection, kind)
            while not is_free(number):
                number += 1
            connection.execute(
                "INSERT INTO records (kind, id, owner, time, body) VALUES (?, ?, ?, ?, x'')",
                (kind, number, owner(), time.time()),
            )
        return number

    def complete(
        self, kind: Kind, number: int, body: Mapping[str, Any], *, name: str | None, key: str | None = None
    ) -> dict[str, Any]:
        """Make a reserved record visible. Without a `name` it gets one of its own.

        Raises:
            NameTaken: Another record has the name, or the key.
        """
        names = iter([name]) if name is not None else _own_names(kind, number)
        now, encoded = time.time(), msgspec.json.encode(body)
        with self.database.transaction() as connection:
            for chosen in names:
                try:
                    connection.execute(
                        'UPDATE records SET name=?, key=?, owner=NULL, time=?, body=? WHERE kind=? AND id=?',
                        (chosen, key, now, encoded, kind, number),
                    )
                except sqlite3.IntegrityError as error:
                    if name is None and 'records.key' not in str(error):
                        continue
                    raise NameTaken(name or key) from error
                break
        return _record(number, chosen, now, body)

    def abandoned(self, kind: Kind) -> list[int]:
        """The numbers that processes which are dead have reserved."""
        if not self.database.exists():
            return []
        with self.database.connected() as connection:
            # The sign keeps SQLite from going through all records of the kind: reservations have an index, and are few.
            query = 'SELECT id, owner, time FROM records WHERE owner IS NOT NULL AND +kind=?'
            rows = connection.execute(query, (kind,)).fetchall()
        return [number for number, who, since in rows if is_dead(who, since, abandoned_after=_ABANDONED_AFTER)]

    def is_reserved(self, kind: Kind, number: int) -> bool:
        """Whether the record is reserved, and not complete."""
        with self.database.connected() as connection:
            query = 'SELECT 1 FROM records WHERE kind=? AND id=? AND owner IS NOT NULL'
            return connection.execute(query, (kind, number)).fetchone() is not None

    def release(self, kind: Kind, number: int) -> None:
        """Release a reservation; its files must be removed before. A complete record stays."""
        with self.database.transaction() as connection:
            connection.execute('DELETE FROM records WHERE kind=? AND id=? AND owner IS NOT NULL', (kind, number))

    def withdraw(self, kind: Kind, number: int) -> bool:
        """Make a complete record invisible: it becomes a reservation of this process, so that its files may be removed
        before `release`. Its number is not used again. False if there is no such record.
        """
        if not self.database.exists():
            return False
        self.database.create()
        with self.database.transaction() as connection:
            changed = connection.execute(
                'UPDATE records SET name=NULL, key=NULL, owner=?, time=? WHERE kind=? AND id=? AND owner IS NULL',
                (owner(), time.time(), kind, number),
            )
            if changed.rowcount == 0:
                return False
            connection.execute(
                "INSERT OR REPLACE INTO records (kind, id, time, body) VALUES (?, ?, ?, x'')",
                (f'{_REMOVED}{kind}', number, time.time()),
            )
        return True

    def rename(self, kind: Kind, number: int, name: str, *, key: str | None = None) -> bool:
        """Give a complete record another name. False if there is no such record.

        Args:
            kind: What it is about.
            number: Its number.
            name: The new name.
            key: The new idempotency key; None keeps the one that it has.

        Raises:
            NameTaken: Another record has the name, or the key.
        """
        if not self.database.exists():
            return False
        with self.database.transaction() as connection:
            query = 'UPDATE records SET name=?, key=coalesce(?, key) WHERE kind=? AND id=? AND owner IS NULL'
            try:
                return connection.execute(query, (name, key, kind, number)).rowcount > 0
            except sqlite3.IntegrityError as error:
                raise NameTaken(name) from error

    def insert(self, kind: Kind, body: Mapping[str, Any]) -> dict[str, Any]:
        """Add a record that has no files and no name of its own."""
        self.database.create()
        with self.database.transaction() as connection:
            number, now = _next(connection, kind), time.time()
            connection.execute(
                'INSERT INTO records (kind, id, time, body) VALUES (?, ?, ?, ?)',
                (kind, number, now, msgspec.json.encode(body)),
            )
        return _record(number, None, now, body)

    def update(self, kind: Kind, number: int, fields: Mapping[str, Any]) -> bool:
        """Change fields of a record, keeping the others. False if there is no such record."""
        if not self.database.exists():
            return False
        with self.database.transaction() as connection:
            where = 'WHERE kind=? AND id=? AND owner IS NULL'
            row = connection.execute(f'SELECT body FROM records {where}', (kind, number)).fetchone()
            if row is None:
                return False
            kept = self._decoded(kind, (number, None, 0.0, row[0]))
            body = msgspec.json.encode({**{name: kept[name] for name in kept.keys() - {'id', 'created'}}, **fields})
            connection.execute(f'UPDATE records SET body=? {where}', (body, kind, number))
        return True

    def find(self, kind: Kind, wanted: int | str) -> dict[str, Any] | None:
        """A complete record by number or by name."""
        return self._one(kind, 'id' if isinstance(wanted, int) else 'name', wanted)

    def find_key(self, kind: Kind, key: str) -> dict[str, Any] | None:
        """A complete record by its idempotency key."""
        return self._one(kind, 'key', key)

    def all(self, kind: Kind) -> list[dict[str, Any]]:
        """Every complete record of a kind, by number."""
        if not self.database.exists():
            return []
        query = 'SELECT id, name, time, body FROM records WHERE kind=? AND owner IS NULL ORDER BY id'
        with self.database.connected() as connection:
            return [self._decoded(kind, row) for row in connection.execute(query, (kind,))]

    def _one(self, kind: Kind, column: str, value: int | str) -> dict[str, Any] | None:
        if not self.database.exists():
            return None
        query = f'SELECT id, name, time, body FROM records WHERE kind=? AND {column}=? AND owner IS NULL'
        with self.database.connected() as connection:
            row = connection.execute(query, (kind, value)).fetchone()
        return None if row is None else self._decoded(kind, row)

    def _decoded(self, kind: Kind, row: tuple[int, str | None, float, bytes]) -> dict[str, Any]:
        number, name, since, body = row
        try:
            check_body(kind, body)
            if not isinstance(name, str | None):
                raise TypeError(f'its name is a {type(name).__name__}')
            return _record(number, name, since, msgspec.json.decode(body))
        except (TypeError, ValueError, OverflowError, OSError, RecursionError) as error:
            raise BackendError(
                f'{self.database.file} has a {kind} {number} that cannot be used: {error}',
                hint='restore the workspace from a copy, or use another one: --workspace DIR',
                path=str(self.database.file),
                kind=kind,
                id=number,
            ) from error


def _next(connection: sqlite3.Connection, kind: Kind) -> int:
    # Runs name datasets and models by number, so that of a removed one is not used again.
    query = 'SELECT coalesce(max(id), 0) + 1 FROM records WHERE kind=? OR kind=?'
    return int(connection.execute(query, (kind, f'{_REMOVED}{kind}')).fetchone()[0])


def _own_names(kind: Kind, number: int) -> Iterator[str]:
    yield f'{kind}-{number}'
    again = 2
    while True:
        yield f'{kind}-{number}-{again}'
        again += 1


def _record(number: int, name: str | None, since: float, body: Mapping[str, Any]) -> dict[str, Any]:
    created = datetime.fromtimestamp(since, UTC).isoformat(timespec='seconds')
    return {'id': number, **({'name': name} if name is not None else {}), 'created': created, **body}
