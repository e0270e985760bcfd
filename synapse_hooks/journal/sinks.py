"""Delivering the journal to sinks: the backend, the terminal, and those of plugins.

Every sink has a thread and a cursor of its own, so a slow one does not delay the others, an unreachable one gets
everything later, and a process that starts again continues where the last one stopped.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
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
    'progress': 'progress_changed',
    'run_start': 'log_status',
    'run_end': 'log_status',
}
"""The hook that takes each type of event; the other types are for readers of the journal only."""
_UNAVAILABLE: Final = (SinkUnavailable, ConnectionError, TimeoutError)
_MOST_WARNINGS: Final = 10


class Sink(Protocol):
    """What events are delivered to. One that has an attribute `hooks` gets, and waits for, those only."""

    @property
    def name(self) -> str:
        """Unique among the sinks of a run, and the same in the next attempt: its cursor goes by it."""

    def deliver(self, hook: str, payload: Any) -> None:
        """Take events.

        Args:
            hook: `log_params`, `log_metrics`, `log_message`, `log_artifact`, `log_status` or `progress_changed`.
            payload: A list of events in order; for `progress_changed` one event, the latest of a step and category.

        Raises:
            SinkUnavailable: Not now; the same events come again later. So do ConnectionError and TimeoutError. Any
                other exception skips these events.
        """


class SinkPump:
    """Delivers the events of a run to sinks, each on a daemon thread; without sinks there is no thread.

    Delivery is at least once: `(run, attempt, rank, pid, seq)` identifies a repetition. A sink that fails (other than
    being unavailable) loses its events, which a `sink_loss` event counts; the first failure of each kind is a
    warning in the journal.

    Args:
        journal: The journal to deliver; warnings go into it.
        sinks: Where to.
        poll: Seconds between two reads of the journal: the delay of a terminal.
        batch: The largest number of events per delivery.
        retry: Seconds to wait after the first failed delivery, and at most after many; they double in between.
        jitter: A number in [0, 1); a wait is 50 % to 100 % of its length, so that many runs do not come back at once.

    Raises:
        ValueError: Two sinks have the same name.

    Example:
        >>> class Printer:
        ...     name = 'printer'
        ...     def deliver(self, hook, payload):
        ...         print(hook, [event['text'] for event in payload])
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     journal = Journal(Path(folder))
        ...     journal.record('message', {'text': 'hello'})
        ...     pump = SinkPump(journal, [Printer()])
        ...     pump.start()
        ...     pump.close()
        log_message ['hello']
        {'printer': 0}
    """

    def __init__(
        self,
        journal: Journal,
        sinks: Sequence[Sink],
        *,
        poll: float = 0.2,
        batch: int = 500,
        retry: tuple[float, float] = (1.0, 30.0),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        names = [sink.name for sink in sinks]
        if len(set(names)) < len(names):
            raise ValueError(f'the names of sinks must differ: {sorted(names)}')
        self._lanes = [_Lane(journal, sink, poll, batch, retry, jitter) for sink in sinks]

    def start(self) -> None:
        """Begin to deliver, with what earlier attempts left undelivered. Returns at once."""
        for lane in self._lanes:
            lane.closing.clear()
            lane.gave_up = False
            lane.start()

    def close(self, deadline: float = 30.0, *, insist: bool = False) -> dict[str, int]:
        """Deliver what is left, then stop. Without `start()` before, it delivers everything that is there.

        Args:
            deadline: Seconds to wait at most; a sink that has not returned by then is left behind.
            insist: Try an unavailable sink until the deadline; without it, one last time.

        Returns:
            The number of undelivered events by sink, 0 where all is well. They are delivered when the run is resumed.
        """
        until = time.monotonic() + deadline
        for lane in self._lanes:
            lane.until, lane.insist, lane.gave_up = until, insist, False
            lane.closing.set()
        # Twice: what the last words of one sink cause (a warning) may come after another has finished.
        for _ in range(2):
            for lane in self._lanes:
                if lane.undelivered():
                    lane.start()
            for lane in self._lanes:
                lane.join(until)
        return {lane.sink.name: lane.undelivered() for lane in self._lanes}

    @property
    def reasons(self) -> dict[str, str]:
        """Why sinks could not be reached when that was tried last, by sink."""
        return {lane.sink.name: lane.reason for lane in self._lanes if lane.reason}


class _Lane:
    """One sink: its thread, its cursor, its failures."""

    def __init__(
        self,
        journal: Journal,
        sink: Sink,
        poll: float,
        batch: int,
        retry: tuple[float, float],
        jitter: Callable[[], float],
    ) -> None:
        self.sink = sink
        self.closing = threading.Event()
        self.until = 0.0
        self.insist = False
        self.gave_up = False
        self.reason = ''
        self._journal = journal
        hooks = getattr(sink, 'hooks', HOOK_OF.values())
        self._cursor = Cursor(journal.run_dir, sink.name, [type for type, hook in HOOK_OF.items() if hook in hooks])
        self._poll, self._batch, self._retry, self._jitter = poll, batch, retry, jitter
        self._pending: list[tuple[str, list[dict[str, Any]]]] = []
        self._warned: set[str] = set()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        # In this order: a thread that gives up sets this before it ends, and then there is no other last try.
        if self._thread is None or not (self._thread.is_alive() or self.gave_up):
            self._thread = threading.Thread(target=self._run, name=f'sink-{self.sink.name}', daemon=True)
            self._thread.start()

    def join(self, until: float) -> None:
        if self._thread is not None:
            self._thread.join(max(0.0, until - time.monotonic()))

    def undelivered(self) -> int:
        counts = self._cursor.remaining()
        # Of progress, only the latest is ever delivered.
        return sum(min(count, 1) if type == 'progress' else count for type, count in counts.items())

    def _run(self) -> None:
        failures = 0
        while True:
            # Read before the journal is: everything recorded before close() is delivered.
            closing = self.closing.is_set()
            try:
                wait = self._poll if self._deliver_some() else 0.0
                done, failures, self.reason = wait > 0, 0, ''
            except (SinkUnavailable, OSError) as error:
                self.reason = text_of(error) if isinstance(error, SinkUnavailable) else summary(error)
                # An OSError that is not of _UNAVAILABLE is the journal's own: a disk came off.
                first, most = self._retry
                wait = min(most, first * 2.0 ** min(failures, 30)) * (0.5 + self._jitter() / 2)
                done, failures = not self.insist, failures + 1
                self.gave_up = closing and done
            if closing and (done or time.monotonic() + wait >= self.until):
                return
            if closing:
                time.sleep(wait)
            else:
                self.closing.wait(wait)

    def _deliver_some(self) -> bool:
        """Deliver one batch; True when there was none."""
        if not self._pending:
            self._pending = _by_hook(self._cursor.read(self._batch))
            if not self._pending:
                return True
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
        return False

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
