"""Reading `trace.jsonl`: the attempts of a run, each with its calls."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from synapse_hooks.errors import RunError
from synapse_hooks.storage import open_regular
from synapse_hooks.tracing.records import (
    TRACE,
    VERSION,
    AnyRecord,
    AttemptBegan,
    CallBegan,
    CallEnded,
    Function,
    MoreCalls,
    StepBegan,
    StillRunning,
    TraceEnded,
)

UNFINISHED: Final = 'unfinished'
"""The outcome of a call in which the run was killed, or in which it still is."""


@dataclass(frozen=True)
class TracedCall:
    """A call of a function by which a plugin answers a hook."""

    id: int
    """Unique within an attempt, in the order in which calls began."""
    parent: int | None
    """The call around it, on the same thread."""
    function: Function
    """Hook, plugin, distribution and version."""
    start: float
    """Seconds since the attempt's trace began."""
    seconds: float
    """How long it took; of an unfinished call, as far as is known, which is a tenth less at most."""
    outcome: str
    """`answered`, `declined` (None), `done` (the hook takes no answer), `wrapped`, `raised`, or `unfinished`."""
    error: str | None = None
    """The type of the exception that it raised."""
    step: str = ''
    """The step of the run; empty before the first and after the last one."""
    thread: str = ''
    """The name of the thread; empty for the main one."""


@dataclass
class Trace:
    """The calls of an attempt at a run."""

    attempt: int
    """Which attempt, from 1."""
    started: str
    """When it began: ISO 8601, UTC."""
    not_traced: tuple[str, ...] = ()
    """What the calls do not show."""
    calls: list[TracedCall] = field(default_factory=list)
    """In the order in which they began."""
    more: list[tuple[Function, MoreCalls]] = field(default_factory=list)
    """Calls that were only counted, by function and step."""
    steps: list[StepBegan] = field(default_factory=list)
    """The steps, in order; one with an empty name is the end of the last one."""
    seconds: float = 0.0
    """Until its end, or until the last line."""
    is_complete: bool = False
    """Whether it has its end: not if the run was killed, goes on, or could not write."""
    lost: int = 0
    """Calls that came faster than they could be written."""
    unreadable: int = 0
    """Lines that hold no record."""

    def step_spans(self) -> list[tuple[str, float, float]]:
        """Name, start and end of each step, in order: from its beginning to that of the next one."""
        starts = [*(step.start for step in self.steps), self.seconds]
        return [(step.name, step.start, end) for step, end in zip(self.steps, starts[1:], strict=True) if step.name]


def read_traces(run_dir: Path) -> list[Trace]:
    """The traces of a run, one for each attempt that was traced, in order.

    A line that cannot be read, such as the last one of a run that was killed, is left out and counted.

    Args:
        run_dir: The run directory.

    Raises:
        RunError: The run was not traced, or its trace cannot be read.
    """
    path = Path(run_dir) / TRACE
    traces: list[Trace] = []
    reading: _Attempt | None = None
    unreadable = 0
    for record in _records(path):
        if isinstance(record, AttemptBegan):
            if record.v != VERSION:
                raise RunError(
                    f'{path} must have version {VERSION}, got {record.v}',
                    hint='read it with the version of synapse-hooks that wrote it',
                    path=str(path),
                )
            if reading is not None:
                traces.append(reading.finished())
            reading = _Attempt(record)
        elif record is None or reading is None:
            unreadable += 1
            if reading is not None:
                reading.trace.unreadable += 1
        else:
            reading.add(record)
    if reading is not None:
        traces.append(reading.finished())
    if not traces:
        raise RunError(f'{path} has no trace that can be read', hint=_hint(path), path=str(path))
    return traces


class _Attempt:
    """The lines of an attempt, put together."""

    def __init__(self, began: AttemptBegan) -> None:
        self.trace = Trace(began.attempt, began.started, began.not_traced)
        self._functions: dict[int, Function] = {}
        self._begun: dict[int, CallBegan] = {}
        self._ended: dict[int, CallEnded] = {}
        self._more: dict[tuple[int, str, str], MoreCalls] = {}

    def add(self, record: AnyRecord) -> None:
        trace = self.trace
        if isinstance(record, Function):
            self._functions[record.id] = record
        elif isinstance(record, CallEnded):
            self._ended[record.id] = record
            trace.seconds = max(trace.seconds, record.start + record.seconds)
        elif isinstance(record, CallBegan):
            self._begun[record.id] = record
            trace.seconds = max(trace.seconds, record.start)
        elif isinstance(record, StepBegan):
            trace.steps.append(record)
            trace.seconds = max(trace.seconds, record.start)
        elif isinstance(record, MoreCalls):
            self._more[record.function, record.step, record.thread] = record
        elif isinstance(record, StillRunning):
            trace.seconds = max(trace.seconds, record.seconds)
        elif isinstance(record, TraceEnded):
            trace.seconds, trace.lost, trace.is_complete = record.seconds, record.lost, True

    def finished(self) -> Trace:
        """The trace, with its calls in order."""
        trace = self.trace
        for number in sorted({*self._begun, *self._ended}):
            ended = self._ended.get(number)
            record = ended or self._begun[number]
            function = self._functions.get(record.function)
            if function is None:
                trace.unreadable += 1
                continue
            seconds = trace.seconds - record.start if ended is None else ended.seconds
            outcome, error = (UNFINISHED, None) if ended is None else (ended.outcome, ended.error)
            trace.calls.append(
                TracedCall(
                    number, record.parent, function, record.start, seconds, outcome, error, record.step, record.thread
                )
            )
        known = [(self._functions.get(more.function), more) for more in self._more.values()]
        trace.more = [(function, more) for function, more in known if function is not None]
        return trace


def _records(path: Path) -> Iterator[AnyRecord | None]:
    """Every line of the file; None for one that cannot be read."""
    decode = msgspec.json.Decoder(AnyRecord).decode
    try:
        with os.fdopen(open_regular(path), 'rb') as file:
            for line in file:
                try:
                    yield decode(line)
                except (msgspec.DecodeError, UnicodeError):
                    yield None
    except FileNotFoundError as error:
        raise RunError(f'{path.parent} was not traced', hint=_hint(path), path=str(path)) from error
    except OSError as error:
        raise RunError(f'{path} cannot be read: {error.strerror or error}', path=str(path)) from error


def _hint(path: Path) -> str:
    run = shlex.quote(str(path.parent))
    return (
        'add --trace to the command that starts the run, `synapse-hooks train ... --trace`; to run stages of this run '
        f'again, with a trace: `synapse-hooks resume {run} --from-stage NAME --trace`'
    )
