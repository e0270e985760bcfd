"""How far a sink has got in the journal: byte offsets in a small file of its own."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import msgspec

from synapse_hooks.errors import StorageError
from synapse_hooks.journal.reader import journal_files, parse
from synapse_hooks.storage import safe_name, write_atomic

FOLDER = 'sinks'
_BESIDE = 'artifacts/'
"""What begins the keys of the second lane in the file of a cursor."""


class Places(Protocol):
    """Where the places of a reader are kept."""

    def places(self, lane: int) -> dict[str, int]:
        """The saved places of a lane, by file of the journal; a copy."""

    def save(self, lane: int, places: Mapping[str, int]) -> None:
        """Begin here the next time."""


class CursorFile:
    """The saved places of a sink, `sinks/NAME.cursor` in the run directory: one for each lane and file of the journal.

    Both lanes are in one file, so that one write saves what belongs together. A file with the places of one lane means
    that artifacts have got as far as the rest.

    Args:
        run_dir: The run directory.
        name: The name of the sink.
        lanes: 1, or 2 where artifacts have a lane of their own.
    """

    def __init__(self, run_dir: Path, name: str, lanes: int = 1) -> None:
        self.path = run_dir / FOLDER / f'{safe_name(name)}.cursor'
        self._lock = threading.Lock()
        saved = self._load()
        first = {key: place for key, place in saved.items() if not key.startswith(_BESIDE)}
        second = {key: saved.get(_BESIDE + key, place) for key, place in first.items()}
        if lanes == 1:
            # Where the lanes were joined, something may come twice, and nothing is missing.
            first = {key: min(place, second[key]) for key, place in first.items()}
        self._places = [first, second][:lanes]

    def places(self, lane: int) -> dict[str, int]:
        """The saved places of a lane, by file of the journal; a copy."""
        with self._lock:
            return dict(self._places[lane])

    def save(self, lane: int, places: Mapping[str, int]) -> None:
        """Begin here the next time. A full disk is not an error: then events come twice, and none is missing."""
        with self._lock:
            self._places[lane] = dict(places)
            content = dict(self._places[0])
            for other in self._places[1:]:
                for file in {*content, *other}:
                    content[_BESIDE + file] = other.get(file, 0)
                    content.setdefault(file, 0)
            with suppress(OSError, StorageError):
                write_atomic(self.path, msgspec.json.encode(content), durable=False)

    def _load(self) -> dict[str, int]:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=dict[str, int])
        except (OSError, msgspec.MsgspecError):
            return {}


class Cursor:
    """The place of one reader in the journal of a run.

    `read()` goes forward in memory; `save()` makes that the place where the next process begins. A reader that dies in
    between reads the same events again, so what it does with them happens at least once.

    Args:
        run_dir: The run directory.
        file: Where places are saved.
        types: The event types that matter; others are passed over.
        lane: Which of the places in `file`.
    """

    def __init__(self, run_dir: Path, file: Places, types: Collection[str], lane: int = 0) -> None:
        self.run_dir = run_dir
        self.types = types
        self.passed: dict[str, int] = file.places(lane)
        """Up to where everything that matters was dealt with, by file: saved or not."""
        self._file, self._lane = file, lane
        self._marks = [f'"{type}"'.encode() for type in types]
        self._saved = self.passed
        self._here = dict(self._saved)

    def read(self, limit: int, *, until: Mapping[str, int] | None = None) -> list[dict[str, Any]]:
        """The next events that matter; none when everything was read. What was read before has been dealt with.

        Args:
            limit: How many at most.
            until: Places after which nothing is read, by file of the journal; without them, everything is.
        """
        found: list[dict[str, Any]] = []
        for event, file, offset in self._after(self._here, until):
            self._here[file] = offset
            if event is not None:
                found.append(event)
                if len(found) == limit:
                    break
        if not found:
            self.passed = dict(self._here)
        return found

    def save(self) -> None:
        """Everything that was read has been dealt with: begin here the next time."""
        self.passed = dict(self._here)
        if self.passed != self._saved:
            self._saved = self.passed
            self._file.save(self._lane, self._saved)

    def remaining(self) -> dict[str, int]:
        """How many events that matter come after the saved place, by type."""
        counts: dict[str, int] = {}
        for event, _, _ in self._after(self._saved):
            if event is not None:
                counts[event['type']] = counts.get(event['type'], 0) + 1
        return counts

    def _after(
        self, places: Mapping[str, int], until: Mapping[str, int] | None = None
    ) -> Iterator[tuple[dict[str, Any] | None, str, int]]:
        for path in journal_files(self.run_dir):
            offset = places.get(path.name, 0)
            size = path.stat().st_size
            end = size if until is None else min(size, until.get(path.name, 0))
            if offset in (size, end):
                continue
            # A journal shorter than the cursor is another one (a copy, a restored backup): read it from its beginning.
            offset = offset if offset < size else 0
            with path.open('rb') as file:
                file.seek(offset)
                for line in file:
                    if not line.endswith(b'\n') or (until is not None and offset >= end):
                        break
                    offset += len(line)
                    # Looking for a few bytes is faster than parsing what is not wanted.
                    event = parse(line) if any(mark in line for mark in self._marks) else None
                    matters = event is not None and str(event.get('type')) in self.types
                    yield (event if matters else None), path.name, offset
