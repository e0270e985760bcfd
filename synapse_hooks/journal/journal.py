"""The journal: what happens in a run, one line for each event, appended to `events.jsonl` and never changed again.

A line is one `os.write` to a file opened for appending, so the operating system has it when `record()`
returns: a killed process loses nothing. Only a power failure can, and therefore checkpoints and the end of a run are
synced to the disk, which no other event waits for; so is the file of a checkpoint, before its event.

One process writes one file. The process that drives the run has `events.jsonl`; every other one (a forked worker, a
process that got the journal by pickle, another rank) has `events-RANK-PID.jsonl` beside it. Two writers never share a
file, so nothing depends on what a file system makes of concurrent appends; readers put the files together again.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from synapse_hooks.errors import RunError
from synapse_hooks.journal.reader import JOURNAL, last_attempt
from synapse_hooks.journal.values import Redactor, encode, shortened
from synapse_hooks.safe_text import summary, text_of
from synapse_hooks.storage import sync_below

VERSION: Final = 1
"""The version of the schema, `v` of every event."""
LONGEST_LINE: Final = 64 * 1024
"""Bytes in a line at most, its end included."""
ENVELOPE: Final = frozenset(('v', 'type', 'run', 'attempt', 'rank', 'pid', 'seq', 'ts', 'mono'))
"""The keys that every event has; the rest of an event is its payload."""
_SYNCED: Final = frozenset(('checkpoint', 'run_end'))


class JournalWarning(UserWarning):
    """Events cannot be written; the run continues."""


class Journal:
    """Appends events to a run directory: a `synapse_hooks.context.Recorder`. Any thread may record at any time.

    An event is a flat JSON object: the envelope, then the payload. `v` is the schema's version, `attempt` counts the
    processes that drove this run from 1, `seq` counts the events of one process from 1, `ts` is the time in UTC (ISO
    8601 with offset), `mono` seconds on a clock that never jumps, for durations within one `pid`.

    Args:
        run_dir: The run directory; made when it is missing.
        run: The name of the run; without it, that of the folder.
        rank: The place of this process among those that train together, from 0.
        redact: Secrets. Where one occurs in a string, the line has `<redacted>`; see `secrets_of`.

    Raises:
        RunError: The folder cannot be made, or what it holds cannot be read.

    Example:
        >>> import json, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     journal = Journal(Path(folder))
        ...     journal.record('metrics', {'phase': 'train', 'axis': 'epoch', 'step': 1, 'values': {'loss': 0.5}})
        ...     event = json.loads((Path(folder) / 'events.jsonl').read_text())
        >>> event['type'], event['attempt'], event['seq'], event['values']
        ('metrics', 1, 1, {'loss': 0.5})
    """

    attempt: int
    """Which process, from 1, drives the run; workers have the number of their driver."""
    path: Path
    """The file of this process."""
    lost: int
    """Events of this process that could not be written."""
    loss: str
    """Why the last one could not."""

    _file: int | None
    _lock: threading.RLock
    _seq: itertools.count[int]
    _calls: list[Callable[[], None]]

    def __init__(self, run_dir: Path, *, run: str | None = None, rank: int = 0, redact: Sequence[str] = ()) -> None:
        self.run_dir = Path(run_dir).absolute()
        self.run = run or self.run_dir.name
        self.rank = rank
        self.path = self.run_dir / JOURNAL
        self._redactor = Redactor(redact)
        try:
            self.run_dir.mkdir(parents=True, exist_ok=True)
            self.attempt = last_attempt(self.run_dir) + 1
        except OSError as error:
            hint = 'choose another run directory, or make this one readable and writable'
            raise RunError(
                f'no journal can be kept in {self.run_dir}: {error}', hint=hint, path=str(run_dir)
            ) from error
        self._start()

    @classmethod
    def join(
        cls,
        run_dir: Path,
        *,
        run: str | None = None,
        attempt: int | None = None,
        rank: int = 0,
        redact: Sequence[str] = (),
    ) -> Journal:
        """The journal of another process of a running run: a file of its own, and the same attempt.

        Arguments and errors are those of the class; `attempt` is the last one recorded when it is not given.
        """
        journal = cls(run_dir, run=run, rank=rank, redact=redact)
        journal.attempt = attempt or max(1, journal.attempt - 1)
        journal._leave()
        return journal

    def record(self, type: str, payload: Mapping[str, Any]) -> None:
        """Append an event.

        It never raises an Exception and never waits, but for the disk on `checkpoint` and `run_end`. Values that are
        not JSON become the nearest thing that is. A key of the envelope in `payload` gets an underscore at its end.
        A line above 64 KiB has its long strings cut, and `truncated`, its original size in bytes. What cannot be
        written, on a full disk, is a `JournalWarning` the first time, is counted in `lost`, and in a `sink_loss` event
        of the sink `journal` as soon as there is room.
        """
        if type == 'checkpoint':
            # What it names is on the disk before it is named.
            with suppress(Exception):
                sync_below(Path(self.run_dir, payload['path']), self.run_dir)
        with self._lock:
            try:
                data = self._line(type, payload)
            except Exception as error:  # a payload that is not a mapping must not end a training either
                data = self._line(
                    'message', {'level': 'warning', 'code': 'bad-event', 'text': f'{text_of(type)}: {summary(error)}'}
                )
            self._append(data)
            if type in _SYNCED:
                self.flush()
            calls, self._calls = self._calls, []
        for call in calls:
            call()

    def call_on_next(self, call: Callable[[], None]) -> None:
        """Call something once, when the next event of this process was recorded, on the thread that recorded it.

        It must be quick, and neither raise nor record anything.
        """
        with self._lock:
            if call not in self._calls:
                self._calls.append(call)

    def flush(self) -> None:
        """Wait until the disk has everything: against power failures."""
        with self._lock, suppress(OSError):
            if self._file is not None:
                os.fsync(self._file)

    def close(self) -> None:
        """Give the file back. Recording afterwards opens it again."""
        with self._lock, suppress(OSError):
            file, self._file = self._file, None
            if file is not None:
                os.close(file)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rejoin, (self.run_dir, self.run, self.attempt, self.rank, self._redactor.secrets)

    def _start(self) -> None:
        # Reentrant: a signal handler runs in the middle of record() and may record something itself.
        self._lock = threading.RLock()
        self._seq = itertools.count(1)
        self._pid = os.getpid()
        self._file = None
        self._torn = False
        self.lost, self.loss = 0, ''
        self._counted = 0
        self._calls = []
        _JOURNALS.add(self)

    def _leave(self) -> None:
        """Continue with a file of this process's own."""
        self._start()
        self.path = self.run_dir / f'events-{self.rank}-{self._pid}.jsonl'

    def _line(self, type: str, payload: Mapping[str, Any]) -> bytes:
        if not ENVELOPE.isdisjoint(payload):
            payload = {f'{key}_' if key in ENVELOPE else key: value for key, value in payload.items()}
        event = {
            'v': VERSION,
            'type': type,
            'run': self.run,
            'attempt': self.attempt,
            'rank': self.rank,
            'pid': self._pid,
            'seq': next(self._seq),
            'ts': datetime.now(UTC).isoformat(timespec='microseconds'),
            'mono': round(time.monotonic(), 6),
            **payload,
        }
        return shortened(self._redactor(encode(event)), LONGEST_LINE - 1) + b'\n'

    def _append(self, data: bytes) -> None:
        try:
            file = self._open() if self._file is None else self._file
            if self._torn:
                data = b'\n' + data
            if count := self.lost - self._counted:
                data += self._line('sink_loss', {'sink': 'journal', 'count': count, 'reason': self.loss})
            while data:
                data = data[os.write(file, data) :]
            self._torn, self._counted = False, self.lost
        except OSError as error:
            self.lost += 1
            self.loss = error.strerror or str(error)
            self.close()  # opening again finds out how much of the line is there
            if self.lost == 1:
                with suppress(JournalWarning):
                    warnings.warn(f'{self.path} cannot be written: {self.loss}', JournalWarning, stacklevel=3)

    def _open(self) -> int:
        self._file = file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        size = os.fstat(file).st_size
        # A process that died while writing left half a line: it is ended, never changed.
        self._torn = size > 0 and os.pread(file, 1, size - 1) != b'\n'
        return file


def _rejoin(run_dir: Path, run: str, attempt: int, rank: int, redact: Sequence[str]) -> Journal:
    return Journal.join(run_dir, run=run, attempt=attempt, rank=rank, redact=redact)


def _forked() -> None:
    for journal in list(_JOURNALS):
        if journal._file is not None:
            with suppress(OSError):
                os.close(journal._file)
        journal._leave()


_JOURNALS: Final[weakref.WeakSet[Journal]] = weakref.WeakSet()
# In the child, the lock may be held by a thread that does not exist there.
os.register_at_fork(after_in_child=_forked)
