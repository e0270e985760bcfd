"""Reading the events of a run, and what is most often needed of them.

A run that was killed leaves a torn last line, and a disk that was full a torn line in the middle. Neither keeps the
other lines from being read.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from synapse_hooks.errors import RunError

JOURNAL: Final = 'events.jsonl'
"""The file of the process that drives the run."""
_WORKERS: Final = 'events-*.jsonl'
_TAIL: Final = 256 * 1024


class Events(Iterator[dict[str, Any]]):
    """The events of a run, one at a time. `corrupt` counts the lines passed so far that hold no JSON object."""

    def __init__(self, run_dir: Path, types: Collection[str] = ()) -> None:
        self.corrupt = 0
        self._types = frozenset(types)
        # Looking for a few bytes is ten times as fast as parsing a line that is not wanted.
        self._marks = [f'"{type}"'.encode() for type in types]
        # merge() keeps the order within each file, even if a clock was changed; the time only orders the files.
        self._events = heapq.merge(*(self._of(path) for path in journal_files(run_dir)), key=_moment)

    def __iter__(self) -> Events:
        return self

    def __next__(self) -> dict[str, Any]:
        return next(self._events)

    def _of(self, path: Path) -> Iterator[dict[str, Any]]:
        try:
            file = path.open('rb')
        except FileNotFoundError:
            # The run was removed after its files were listed.
            return
        with file:
            for line in file:
                if not line.endswith(b'\n'):
                    return
                if self._marks and not any(mark in line for mark in self._marks):
                    continue
                event = parse(line)
                if event is not None:
                    if not self._types or str(event.get('type')) in self._types:
                        yield event
                elif line.strip():
                    self.corrupt += 1


def read_events(run_dir: Path, *, types: Collection[str] = ()) -> Events:
    """Every event of a run, of all attempts and processes, in the order in which they were recorded.

    Unknown types are included. A line that is not finished is left out: it is being written
    now, or was when the process died.

    Args:
        run_dir: The run directory.
        types: The types of events that are wanted; without any, all of them.

    Raises:
        RunError: There is no such folder. (A folder without a journal has no events.)

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, 'events.jsonl').write_text('{"type":"message","text":"hello"}\\n{"type":"mes')
        ...     [event['text'] for event in read_events(Path(folder))]
        ['hello']
    """
    if not Path(run_dir).is_dir():
        raise RunError(f'there is no run directory {str(run_dir)!r}', hint='check the path', path=str(run_dir))
    return Events(Path(run_dir), types)


def latest(run_dir: Path, type: str) -> dict[str, Any] | None:
    """The last event of a type, or None.

    Raises:
        RunError: There is no such folder.
    """
    found = None
    for event in read_events(run_dir, types=(type,)):
        found = event
    return found


def journal_files(run_dir: Path) -> list[Path]:
    """The files of a run's journal: the main one first, then those of other processes, by name."""
    main = Path(run_dir, JOURNAL)
    return [main] * main.is_file() + sorted(path for path in Path(run_dir).glob(_WORKERS) if path.is_file())


def last_attempt(run_dir: Path) -> int:
    """The highest attempt that has an event, or 0. It reads the end of each file only."""
    return max((_last_attempt(path) for path in journal_files(run_dir)), default=0)


def last_time(run_dir: Path, *, but: Collection[str] = ()) -> str | None:
    """The time of the last event of the process that drives the run; None if there is none. Only the end of the file is
    read.

    Args:
        run_dir: The run directory.
        but: Types of events that do not count.
    """
    try:
        with Path(run_dir, JOURNAL).open('rb') as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            lines = file.readlines()
    except OSError:
        return None
    events = (event for line in reversed(lines) if (event := parse(line)) is not None)
    return next((str(event.get('ts')) for event in events if event.get('type') not in but), None)


def parse(line: bytes) -> dict[str, Any] | None:
    """One line of a journal as an event, or None where it holds no JSON object."""
    try:
        event = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return event if isinstance(event, dict) else None


def _last_attempt(path: Path) -> int:
    with path.open('rb') as file:
        size = file.seek(0, 2)
        for start in (max(0, size - _TAIL), 0):
            file.seek(start)
            attempts = [attempt_of(event) for line in reversed(file.readlines()) if (event := parse(line))]
            if any(attempts):
                return max(attempts)
    return 0


def attempt_of(event: dict[str, Any]) -> int:
    """The attempt of a run that an event belongs to, from 1; 0 where it has none."""
    attempt = event.get('attempt')
    return attempt if isinstance(attempt, int) else 0


def _moment(event: dict[str, Any]) -> tuple[int, str]:
    return attempt_of(event), str(event.get('ts'))
