"""How far a sink has got in the journal: byte offsets in a small file of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from synapse_hooks.errors import StorageError
from synapse_hooks.journal.reader import journal_files, parse
from synapse_hooks.storage import safe_name, write_atomic

FOLDER = 'sinks'


class Cursor:
    """The place of one reader in the journal of a run.

    `read()` goes forward in memory; `save()` makes that the place where the next process begins. A reader that dies in
    between reads the same events again, so what it does with them happens at least once.

    Args:
        run_dir: The run directory.
        name: Whose cursor it is; the file is `sinks/NAME.cursor` in the run directory.
        types: The event types that matter; others are passed over.
    """

    def __init__(self, run_dir: Path, name: str, types: Collection[str]) -> None:
        self.run_dir = run_dir
        self.path = run_dir / FOLDER / f'{safe_name(name)}.cursor'
        self.types = types
        self._marks = [f'"{type}"'.encode() for type in types]
        self._saved = self._load()
        self._here = dict(self._saved)

    def read(self, limit: int) -> list[dict[str, Any]]:
        """The next events that matter, `limit` at most; none when everything was read."""
        found: list[dict[str, Any]] = []
        for event, file, offset in self._after(self._here):
            self._here[file] = offset
            if event is not None:
                found.append(event)
                if len(found) == limit:
                    break
        return found

    def save(self) -> None:
        """Begin here the next time. A full disk is not an error: then events come twice, and none is missing."""
        if self._here == self._saved:
            return
        self._saved = dict(self._here)
        with suppress(OSError, StorageError):
            write_atomic(self.path, msgspec.json.encode(self._saved), durable=False)

    def remaining(self) -> dict[str, int]:
        """How many events that matter come after the saved place, by type."""
        counts: dict[str, int] = {}
        for event, _, _ in self._after(self._saved):
            if event is not None:
                counts[event['type']] = counts.get(event['type'], 0) + 1
        return counts

    def _after(self, places: dict[str, int]) -> Iterator[tuple[dict[str, Any] | None, str, int]]:
        for path in journal_files(self.run_dir):
            offset = places.get(path.name, 0)
            size = path.stat().st_size
            if size == offset:
                continue
            # A journal shorter than the cursor is another one (a copy, a restored backup): read it from its beginning.
            offset = offset if offset < size else 0
            with path.open('rb') as file:
                file.seek(offset)
                for line in file:
                    if not line.endswith(b'\n'):
                        break
                    offset += len(line)
                    # Looking for a few bytes is faster than parsing what is not wanted.
                    event = parse(line) if any(mark in line for mark in self._marks) else None
                    matters = event is not None and str(event.get('type')) in self.types
                    yield (event if matters else None), path.name, offset

    def _load(self) -> dict[str, int]:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=dict[str, int])
        except (OSError, msgspec.MsgspecError):
            return {}
