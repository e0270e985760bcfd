"""A lane: the thread that takes events from the journal to one sink, in order, again where the sink was unavailable."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from synapse_hooks.errors import SinkUnavailable
from synapse_hooks.journal.cursor import Cursor
from synapse_hooks.journal.journal import Journal
from synapse_hooks.safe_text import summary, text_of

HOOK_OF: Final = {
    'params': 'log_params',
    'metrics': 'log_metrics',
    'message': 'log_message',
    'artifact': 'log_artifact',
    'system': 'log_system',
    'progress': 'progress_changed',
    'run_start': 'log_status',
    'run_end': 'log_status',
}
"""The hook that takes each type of event; the other types are for readers of the journal only."""
_UNAVAILABLE: Final = (SinkUnavailable, ConnectionError, TimeoutError)
_MOST_WARNINGS: Final = 10
_PAUSE: Final = 0.05
"""Seconds after a delivery in which no event wakes a lane: so many events wake it seldom, and the first one at once."""


class Sink(Protocol):
    """What events are delivered to.

    One that has an attribute `hooks` gets, and waits for, those only. One with a true attribute `concurrent_artifacts`
    gets artifacts on a second thread. A method `closed(undelivered)` is called after the last delivery.
    """

    @property
    def name(self) -> str:
        """Unique among the sinks of a run, and the same in the next attempt: its cursor goes by it."""

    def deliver(self, hook: str, payload: Any) -> None:
        """Take events.

        Args:
            hook: `log_params`, `log_metrics`, `log_message`, `log_artifact`, `log_system`, `log_status` or
                `progress_changed`.
            payload: A list of events in order; for `progress_changed` one event, the latest of a step and category.

        Raises:
            SinkUnavailable: Not now; the same events come again later. So do ConnectionError and TimeoutError. Any
                other exception skips these events.
        """


@dataclass(frozen=True)
class Timing:
    """How often a lane looks at the journal, and at a sink that is unavailable."""

    poll: float
    """Seconds between two reads of the journal, for what other processes recorded; an event of this one wakes it."""
    batch: int
    """The largest number of events per delivery."""
    retry: tuple[float, float]
    """Seconds to wait after the first failed delivery, and at most after many."""
    jitter: Callable[[], float]
    """A number in [0, 1) for each wait."""

    def wait(self, failures: int) -> float:
        """Seconds to wait after so many failures in a row."""
        first, most = self.retry
        return min(most, first * 2.0 ** min(failures, 30)) * (0.5 + self.jitter() / 2)


@dataclass(frozen=True, eq=False)
class Request:
    """What a lane has to do: deliver everything that is there, or, with `last`, call that and end."""

    until: float = 0.0
    """When to stop trying, on the monotonic clock."""
    insist: bool = False
    """Try an unavailable sink until then; without it, once."""
    last: Callable[[], None] | None = None
    done: threading.Event = field(default_factory=threading.Event)


class Lane:
    """A thread and a place in the journal; a sink has one lane, or a second one for artifacts.

    Args:
        journal: The journal; warnings go into it.
        sink: Where to.
        cursor: Whose place it is, and which types of events.
        timing: How often.
        leader: The lane that this one never overtakes: a sink has everything that was recorded before an artifact.
    """

    def __init__(
        self, journal: Journal, sink: Sink, cursor: Cursor, timing: Timing, leader: Lane | None = None
    ) -> None:
        self.sink = sink
        self.gave_up = False
        self.reason = ''
        self._journal, self._cursor, self._timing, self._leader = journal, cursor, timing, leader
        self._follower: Lane | None = None
        if leader is not None:
            leader._follower = self
        # Putting into a SimpleQueue is atomic, also where a signal handler records an event within another one.
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._is_called = False
        self._pending: list[tuple[str, list[dict[str, Any]]]] = []
        self._warned: set[str] = set()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to deliver, unless it has."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name=f'sink-{self.sink.name}', daemon=True)
            self._thread.start()

    def request(self, request: Request) -> None:
        """Pass a request on; `request.done` is set when it is done. It does not wait."""
        self.start()
        self._requests.put(request)

    def wake(self) -> None:
        """There is something to read, perhaps. It neither waits nor takes a lock."""
        if not self._is_called:
            self._is_called = True
            self._requests.put(None)

    def undelivered(self) -> int:
        """How many events the sink has not received."""
        counts = self._cursor.remaining()
        # Of progress, only the latest is ever delivered.
        return sum(min(count, 1) if type == 'progress' else count for type, count in counts.items())

    def _run(self) -> None:
        asked: Request | None = None
        failures, wait, is_idle = 0, 0.0, False
        while True:
            # After a delivery, and while the sink is unavailable, the time to wait does not end early.
            request = self._next(wait, early=is_idle)
            if request is not None:
                # Taken before the journal is read: everything recorded before the request is delivered.
                asked, self.gave_up = request, False
                if request.last is not None:
                    request.last()
                    request.done.set()
                    return
            if self._leader is None:
                # Before reading, so that no event comes between.
                self._journal.call_on_next(self.wake)
            try:
                count = self._deliver_some()
                failures, self.reason, is_idle = 0, '', not count
                if count:
                    # With less than a full batch it has caught up: let events gather, which is cheaper for all.
                    wait = 0.0 if asked is not None or count >= self._timing.batch else min(_PAUSE, self._timing.poll)
                    continue
                wait, is_over = self._timing.poll, True
            except (SinkUnavailable, OSError) as error:
                # An OSError that is not of _UNAVAILABLE is the journal's own: a disk came off.
                self.reason = text_of(error) if isinstance(error, SinkUnavailable) else summary(error)
                wait, failures, is_idle = self._timing.wait(failures), failures + 1, False
                is_over = asked is not None and (not asked.insist or time.monotonic() + wait >= asked.until)
                self.gave_up = is_over
            if asked is not None and is_over:
                asked.done.set()
                asked = None

    def _next(self, seconds: float, *, early: bool) -> Request | None:
        """The next request, or None when the time is up, or, with `early`, when there is something to read."""
        until = time.monotonic() + seconds
        while True:
            try:
                request = self._requests.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return None
            if request is not None:
                return request
            self._is_called = False
            if early:
                return None

    def _deliver_some(self) -> int:
        """Deliver one batch; returns how many events it had."""
        if not self._pending:
            until = None if self._leader is None else self._leader._cursor.passed
            self._pending = _by_hook(self._cursor.read(self._timing.batch, until=until))
            if not self._pending:
                self._call_follower()
                return 0
        count = sum(len(events) for _, events in self._pending)
        while self._pending:
            hook, events = self._pending[0]
            try:
                if hook == 'progress_changed':
                    for event in _latest(events):
                        self.sink.deliver(hook, event)
                else:
                    self.sink.deliver(hook, events)
            except _UNAVAILABLE:
                raise
            except BaseException as error:  # a sink is third-party code, and signals arrive in the main thread
                self._lose(hook, len(events), error)
            del self._pending[0]
        self._cursor.save()
        self._call_follower()
        return count

    def _call_follower(self) -> None:
        if self._follower is not None and self._follower._cursor.passed != self._cursor.passed:
            self._follower.wake()

    def _lose(self, hook: str, count: int, error: BaseException) -> None:
        # A warning is itself an event for this sink. Warning once for each kind of error ends that circle.
        kind = type(error).__name__
        reason = f'{hook}: {summary(error)}'
        self._journal.record('sink_loss', {'sink': self.sink.name, 'count': count, 'reason': reason})
        if kind not in self._warned and len(self._warned) < _MOST_WARNINGS:
            self._warned.add(kind)
            text = f'sink {self.sink.name!r} failed in {reason}; it missed {count} events, which the journal has'
            self._journal.record('message', {'level': 'warning', 'code': 'sink-failed', 'text': text})


def _latest(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last progress event of every step, and all other events: the end of a step is not lost in the next."""
    last: dict[tuple[Any, ...], dict[str, Any]] = {}
    for event in events:
        key = event.get('step'), event.get('category'), event.get('training')
        last.pop(key, None)
        last[key] = event
    return list(last.values())


def _by_hook(events: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    batches: list[tuple[str, list[dict[str, Any]]]] = []
    open_batches: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        hook = HOOK_OF[event['type']]
        if event['type'] == 'run_end':
            # It comes after everything before it, and before everything after it.
            batches += [*open_batches.items(), (hook, [event])]
            open_batches = {}
        else:
            open_batches.setdefault(hook, []).append(event)
    return [*batches, *open_batches.items()]
