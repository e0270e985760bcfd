"""Recording the calls of hooks while a run goes on.

A call appends one tuple to a queue. A thread turns the queue into lines and appends them to the file, four times a
second: neither a slow disk nor a full one is noticed by the run, and a killed run has all but its last moments.
"""

from __future__ import annotations

import errno
import functools
import itertools
import os
import stat
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import msgspec

from synapse_hooks.hookspecs import HOOK_API, semantics
from synapse_hooks.safe_text import summary
from synapse_hooks.storage.safe_open import NO_LINK
from synapse_hooks.tracing.records import (
    EACH,
    TRACE,
    VERSION,
    AnyRecord,
    AttemptBegan,
    CallBegan,
    CallEnded,
    Function,
    MoreCalls,
    Outcome,
    StepBegan,
    StillRunning,
    TraceEnded,
)
from synapse_hooks.version import __version__

NOT_TRACED: Final = (
    'what a reader, a sink or an executor does after a hook has returned it, in this process or in worker processes: '
    'it is part of the call in which it is used, such as that of the built-in convert',
    'hooks that are called in processes which a training starts, and by the driver of a launched run',
)
_SECONDS: Final = 0.25
"""Between two writes."""
_GROWTH: Final = 1.1
"""How much longer a run has to go on before the file says again that it does."""
_WAIT: Final = 5.0
"""Seconds that the end of a run waits for the disk, at most."""
_APPENDING: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | NO_LINK | getattr(os, 'O_NONBLOCK', 0)
_QUEUED: Final = 200_000
"""Calls that wait to be written, at most; older ones are lost, and counted."""

_Begun = tuple[int, int | None, '_Function', str, float]
"""A call under way: its number, that of the call around it, the function, the step, and when it began."""
_Ended = tuple[_Begun, float, Outcome, str | None, str]
"""A call that is over: when, how, the type of the error, and the thread."""


class _Function:
    """A traced function of a plugin."""

    __slots__ = ('answer', 'calls', 'is_known', 'nothing', 'record')

    def __init__(self, record: Function) -> None:
        self.record = record
        answers = semantics(record.hook) in ('first', 'merged')
        self.answer: Outcome = 'answered' if answers else 'done'
        # What the action answers is final, None too.
        self.nothing: Outcome = 'done' if not answers else 'answered' if record.rank == 'action' else 'declined'
        self.calls = 0
        self.is_known = False


class _Thread(threading.local):
    """The calls that are under way on a thread, the outermost first."""

    def __init__(self, threads: dict[int, tuple[str, list[_Begun]]]) -> None:
        self.name = '' if threading.current_thread() is threading.main_thread() else threading.current_thread().name
        self.calls: list[_Begun] = []
        threads[threading.get_ident()] = (self.name, self.calls)


@dataclass(slots=True)
class _Counted:
    """Calls that are not written one by one."""

    calls: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    raised: int = 0
    written: int = 0
    """How many calls the last line about them has counted."""


@dataclass(eq=False)
class Tracer:
    """Records the calls of the functions that `traced` returns.

    Nothing that goes wrong with the file harms a call: it is noted in `failure`, and recording ends.
    """

    failure: str = ''
    """Why the file could not be written; empty if it could."""

    _threads: dict[int, tuple[str, list[_Begun]]] = field(default_factory=dict)
    _step: str = ''

    def __post_init__(self) -> None:
        self._here = _Thread(self._threads)
        self._numbers, self._functions = itertools.count(1), itertools.count(1)
        self._ended: deque[_Ended] = deque(maxlen=_QUEUED)
        self._steps: deque[StepBegan] = deque()
        self._announced: set[int] = set()
        self._counted: dict[tuple[_Function, str, str], _Counted] = {}
        self._consumed = 0
        self._zero = perf_counter()
        self._path: Path | None = None
        self._pid = os.getpid()
        self._stop = threading.Event()
        self._writer = threading.Thread(target=self._write_regularly, name='trace', daemon=True)

    # -- before and after the calls ----------------------------------------------------------------------------------

    def open(self, run_dir: Path, attempt: int) -> None:
        """Begin to write, in a thread.

        Args:
            run_dir: The run directory; what earlier attempts have left in its trace.jsonl stays.
            attempt: Which attempt of the run, from 1.
        """
        self._path = run_dir / TRACE
        started = datetime.now(UTC).isoformat(timespec='milliseconds')
        self._zero = perf_counter()
        began = AttemptBegan(VERSION, attempt, started, os.getpid(), __version__, HOOK_API, EACH, NOT_TRACED)
        self._append([began], is_first=True)
        self._writer.start()

    def begin_step(self, name: str) -> None:
        """Note that a step of the run begins; an empty name means that the steps are over."""
        self._step = name
        self._steps.append(StepBegan(name, self._seconds(perf_counter())))

    def close(self) -> None:
        """Write what there is, and end. It waits for a slow disk, but not for long."""
        if self._path is None or os.getpid() != self._pid:
            return
        self._stop.set()
        with suppress(RuntimeError):
            self._writer.join(_WAIT)
        if self._writer.is_alive():
            self.failure = self.failure or f'the disk took longer than {_WAIT:g} s'

    # -- the calls ---------------------------------------------------------------------------------------------------

    def traced(self, function: Callable[..., Any], record: Function) -> Callable[..., Any]:
        """`function`, with the same arguments, so that its calls are recorded.

        Args:
            function: A function that answers a hook; for a wrapper, a generator function.
            record: What the file says of it; its `id` is set here.
        """
        known = _Function(msgspec.structs.replace(record, id=next(self._functions)))
        return self._wrapper(function, known) if record.wrapper else self._plain(function, known)

    def _plain(self, function: Callable[..., Any], known: _Function) -> Callable[..., Any]:
        here, numbers, ended = self._here, self._numbers, self._ended
        answer, nothing = known.answer, known.nothing

        @functools.wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Any:
            calls = here.calls
            depth = len(calls)
            call = (next(numbers), calls[-1][0] if depth else None, known, self._step, perf_counter())
            calls.append(call)
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                now = perf_counter()
                # What a signal has interrupted may have left calls that are over.
                del calls[depth:]
                ended.append((call, now, 'raised', type(error).__name__, here.name))
                raise
            now = perf_counter()
            del calls[depth:]
            ended.append((call, now, nothing if result is None else answer, None, here.name))
            return result

        return traced

    def _wrapper(self, function: Callable[..., Any], known: _Function) -> Callable[..., Any]:
        here, numbers, ended = self._here, self._numbers, self._ended

        @functools.wraps(function)
        def traced(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
            calls = here.calls
            depth = len(calls)
            call = (next(numbers), calls[-1][0] if depth else None, known, self._step, perf_counter())
            calls.append(call)
            outcome: Outcome = 'raised'
            raised: str | None = None
            try:
                result = yield from function(*args, **kwargs)
                outcome = 'wrapped'
                return result
            except BaseException as error:
                raised = type(error).__name__
                raise
            finally:
                now = perf_counter()
                del calls[depth:]
                ended.append((call, now, outcome, raised, here.name))

        return traced

    # -- the file ----------------------------------------------------------------------------------------------------

    def _write_regularly(self) -> None:
        shown = 0.0
        while not self._stop.wait(_SECONDS):
            records, now = self._records(), self._seconds(perf_counter())
            if now > _GROWTH * shown:
                shown = now
                records.append(StillRunning(now))
            self._append(records)
        self._append([*self._records(is_last=True), TraceEnded(self._seconds(perf_counter()), self._lost())])

    def _records(self, *, is_last: bool = False) -> list[AnyRecord]:
        """What is to be written now."""
        records: list[AnyRecord] = []
        while self._steps:
            records.append(self._steps.popleft())
        while self._ended:
            call, now, outcome, error, thread = self._ended.popleft()
            number, parent, function, step, began = call
            function.calls += 1
            self._consumed += 1
            self._announced.discard(number)
            if function.calls > EACH:
                self._count(function, step, thread, now - began, is_error=error is not None)
                continue
            self._introduce(function, records)
            start, seconds = self._seconds(began), round(now - began, 9)
            records.append(CallEnded(number, function.record.id, start, seconds, outcome, parent, error, step, thread))
        if not is_last:
            records += self._under_way(records)
        for (function, step, thread), counted in self._counted.items():
            # As often as the number has doubled, so that the file stays small.
            if counted.calls >= 2 * counted.written or (is_last and counted.calls > counted.written):
                counted.written = counted.calls
                spent, longest = round(counted.seconds, 9), round(counted.longest, 9)
                records.append(
                    MoreCalls(function.record.id, counted.calls, spent, longest, counted.raised, step, thread)
                )
        return records

    def _introduce(self, function: _Function, records: list[AnyRecord]) -> None:
        if not function.is_known:
            function.is_known = True
            records.append(function.record)

    def _under_way(self, records: list[AnyRecord]) -> list[AnyRecord]:
        """Calls that have begun and are not over, unless the file has them."""
        begun: list[AnyRecord] = []
        for thread, calls in list(self._threads.values()):
            for number, parent, function, step, began in list(calls):
                if number not in self._announced and function.calls < EACH:
                    self._announced.add(number)
                    self._introduce(function, records)
                    begun.append(CallBegan(number, function.record.id, self._seconds(began), parent, step, thread))
        return begun

    def _count(self, function: _Function, step: str, thread: str, seconds: float, *, is_error: bool) -> None:
        key = (function, step, thread)
        counted = self._counted.get(key)
        if counted is None:
            counted = self._counted[key] = _Counted()
        counted.calls += 1
        counted.seconds += seconds
        counted.longest = max(counted.longest, seconds)
        counted.raised += is_error

    def _lost(self) -> int:
        """Calls that are over and were not written: their numbers were given out."""
        begun = sum(len(calls) for _, calls in list(self._threads.values()))
        return max(0, next(self._numbers) - 1 - begun - self._consumed)

    def _seconds(self, moment: float) -> float:
        return round(moment - self._zero, 9)

    def _append(self, records: list[AnyRecord], *, is_first: bool = False) -> None:
        """Append lines, in a process that has not been forked meanwhile."""
        if not records or self.failure or self._path is None or os.getpid() != self._pid:
            return
        data = msgspec.json.Encoder().encode_lines(records)
        # The file is opened each time: nothing depends on a descriptor that other code may close.
        try:
            file = os.open(self._path, _APPENDING, 0o666)
            try:
                status = os.fstat(file)
                if not stat.S_ISREG(status.st_mode):
                    raise OSError(errno.EINVAL, 'it is not a regular file', str(self._path))
                size = status.st_size if is_first else 0
                if size and os.pread(file, 1, size - 1) != b'\n':
                    # An attempt that was killed while it wrote.
                    data = b'\n' + data
                while data:
                    data = data[os.write(file, data) :]
            finally:
                os.close(file)
        except Exception as error:
            self.failure = summary(error)
