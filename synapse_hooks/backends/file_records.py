"""Records that have files beside them: datasets, and models."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from synapse_hooks.backends.fields import checked_name, id_or_name, not_found
from synapse_hooks.backends.records import Kind, NameTaken, Records
from synapse_hooks.errors import BackendError, SynapseHooksError
from synapse_hooks.safe_text import repr_of
from synapse_hooks.storage import TreeStamp, publish, stamped_digest, sweep, tree_digest, tree_stamp, walk_files

_UNFINISHED: Final = '.unfinished'


@dataclass(frozen=True, slots=True)
class FileRecords:
    """All datasets, or all models, of a workspace: `folder/ID/` holds the files of record ID.

    What is unfinished waits in a folder of its own, so that looking for what dead processes left does not take longer
    with every dataset and every model.
    """

    kind: Kind
    folder: Path
    records: Records

    def add(
        self, staged: Path, body: Mapping[str, Any], *, name: str | None, key: str | None = None, durable: bool = False
    ) -> dict[str, Any]:
        """Publish a finished folder and its record, in this order; neither stays when this raises.

        Args:
            staged: The folder.
            body: The record's fields; `stamp_fields(staged)` must be among them.
            name: None makes one.
            key: What makes trying again safe: if a record has it already, that one is returned.
            durable: See `synapse_hooks.storage.publish`.

        Raises:
            BackendError: Another record has the name.
        """
        # In this order: a record that another process completes in between has the name and the key at once.
        taken = name is not None and self.records.find(self.kind, name) is not None
        if record := self._by_key(key):
            return record
        if taken:
            raise self._name_taken(name)
        number = self.records.reserve(self.kind, lambda number: not self.folder_of(number).exists())
        try:
            publish(staged, self.folder_of(number), durable=durable)
            return self.public(self.records.complete(self.kind, number, body, name=name, key=key))
        except NameTaken as error:
            self._undo(number)
            if record := self._by_key(key):
                return record
            raise self._name_taken(name) from error
        except BaseException:
            # The first error is the one to report; what cannot be undone now is left to a sweep.
            with suppress(SynapseHooksError, OSError):
                self._undo(number)
            raise

    def get(self, wanted: int | str) -> dict[str, Any]:
        """The record with that id or name, as the database has it.

        Raises:
            RecordNotFound: There is none.
        """
        record = self.records.find(self.kind, id_or_name(wanted))
        if record is None:
            raise not_found(self.kind, wanted, self.records.all(self.kind), self.folder.parent)
        return record

    def list(self) -> list[dict[str, Any]]:
        """Every record, by id."""
        return [self.public(record) for record in self.records.all(self.kind)]

    def public(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """A record as callers get it: with the path of its files, without the stamp."""
        stamp = record['stamp']
        shown = {name: value for name, value in record.items() if name != 'stamp'}
        return {**shown, 'files': stamp['files'], 'bytes': stamp['bytes'], 'path': str(self.folder_of(record['id']))}

    def folder_of(self, number: int) -> Path:
        """Where the files of a record are."""
        return self.folder / str(number)

    @property
    def unfinished(self) -> Path:
        """A path for `scratch`: a folder whose content is to become a record's."""
        return self.folder / _UNFINISHED / self.kind

    def files(self, record: Mapping[str, Any]) -> Path:
        """The folder of a record's files, after a check that they are unchanged.

        Raises:
            BackendError: They are missing, or were changed.
        """
        path, number = self.folder_of(record['id']), record['id']
        if not path.is_dir():
            raise BackendError(
                f'the files of {self.kind} {number} ({record["name"]}) are missing: there is no {path}',
                hint='restore that folder from a copy, or add them again under another name',
                path=str(path),
            )
        stamp = tree_stamp(path)
        if stamp == record['stamp']:
            return path
        # A copy of the whole workspace has new times and the same content.
        if tree_digest(path) != record['digest']:
            raise BackendError(
                f'the files of {self.kind} {number} ({record["name"]}) were changed since they were added: {path}'
                + _difference(path, record['stamp'], stamp),
                hint='add them again under another name; a file that is hard-linked must be replaced, not edited',
                path=str(path),
            )
        self.records.update(self.kind, number, {'stamp': stamp})
        return path

    def remove(self, wanted: int | str) -> dict[str, Any]:
        """Remove a record and its files: first the record, so that nothing incomplete is ever visible.

        Returns:
            The record that was removed.

        Raises:
            RecordNotFound: There is none.
        """
        record = self.get(wanted)
        removed = self.public(record)
        if not self.records.withdraw(self.kind, record['id']):
            raise not_found(self.kind, wanted, self.records.all(self.kind), self.folder.parent)
        # What is left when this process is killed now is removed by a sweep.
        self._undo(record['id'])
        return removed

    def rename(self, wanted: int | str, name: str, *, key: str | None = None) -> dict[str, Any]:
        """Give a record another name; its number and its files stay. Arguments: see `Records.rename`.

        Raises:
            RecordNotFound: There is none.
            BackendError: The name is taken, or cannot be one.
        """
        record = self.get(wanted)
        checked_name(self.kind, name)
        try:
            if record['name'] != name and not self.records.rename(self.kind, record['id'], name, key=key):
                raise not_found(self.kind, wanted, self.records.all(self.kind), self.folder.parent)
        except NameTaken as error:
            raise self._name_taken(name) from error
        return self.public(self.get(record['id']))

    def sweep(self) -> None:
        """Remove what dead processes left: unfinished folders, and files whose record was never completed."""
        unfinished = self.unfinished.parent
        # Earlier versions had it beside the records' own folders.
        sweep(unfinished if unfinished.is_dir() else self.folder)
        for number in self.records.abandoned(self.kind):
            self._undo(number)

    def _undo(self, number: int) -> None:
        # A record that was completed after all stays; files go before the reservation that allows to remove them.
        if self.records.is_reserved(self.kind, number):
            shutil.rmtree(self.folder_of(number), ignore_errors=True)
            if not self.folder_of(number).exists():
                self.records.release(self.kind, number)

    def _by_key(self, key: str | None) -> dict[str, Any] | None:
        record = self.records.find_key(self.kind, key) if key else None
        return self.public(record) if record else None

    def _name_taken(self, name: str | None) -> BackendError:
        known = self.records.find(self.kind, name or '') or {}
        return BackendError(
            f'there is a {self.kind} {name!r} already: id {known.get("id", "?")}, created {known.get("created", "?")}',
            hint=f'choose another name, or use that {self.kind}',
            kind=self.kind,
            name=name,
            id=known.get('id'),
        )


def _difference(folder: Path, before: TreeStamp, now: TreeStamp) -> str:
    """What is known of a change, as the end of a sentence."""
    if before['files'] != now['files']:
        return f' has {now["files"]:,} files, and had {before["files"]:,}'
    last = max(walk_files(folder), key=lambda entry: entry.mtime_ns, default=None)
    return '' if last is None else f' (the file written last is {repr_of(last.name)})'


def stamp_fields(folder: Path) -> dict[str, str | TreeStamp]:
    """The fields by which `files` finds out whether they were changed."""
    digest, stamp = stamped_digest(folder)
    return {'digest': digest, 'stamp': stamp}
