"""Delivering the journal to sinks: the backend, the terminal, and those of plugins.

Every sink has a thread and a cursor of its own, so a slow one does not delay the others, an unreachable one gets
everything later, and a process that starts again continues where the last one stopped. Where artifacts are uploaded,
they have a second thread, so that a large one does not delay the metrics of the same sink.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from synapse_hooks.journal.cursor import Cursor, CursorFile
from synapse_hooks.journal.journal import Journal
from synapse_hooks.journal.lane import HOOK_OF, Lane, Request, Sink, Timing
from synapse_hooks.safe_text import summary

_ROUNDS: Final = 3
"""What the last words of one sink cause (a warning) may come after another has finished, and so may artifacts."""


class SinkPump:
    """Delivers the events of a run to sinks, each on a daemon thread; without sinks there is no thread.

    Delivery is at least once: `(run, attempt, rank, pid, seq)` identifies a repetition. A sink that fails (other than
    being unavailable) loses its events, which a `sink_loss` event counts; the first failure of each kind is a
    warning in the journal.

    Args:
        journal: The journal to deliver; warnings go into it.
        sinks: Where to.
        poll: Seconds between two reads of the journal for what other processes record; events of this one are
            delivered at once.
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

    failures: dict[str, str]
    """What went wrong when sinks were closed, by sink."""

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
        timing = Timing(poll, batch, retry, jitter)
        self.failures = {}
        self._journal = journal
        self._lanes = {sink.name: _lanes(journal, sink, timing) for sink in sinks}
        self._is_closed = False

    def start(self) -> None:
        """Begin to deliver, with what earlier attempts left undelivered. Returns at once."""
        for lane in self._all():
            lane.start()

    def drain(self, deadline: float = 30.0, *, insist: bool = False) -> dict[str, int]:
        """Deliver what is left, and go on. Without `start()` before, it delivers everything that is there.

        Args:
            deadline: Seconds to wait at most.
            insist: Try an unavailable sink until the deadline; without it, one more time.

        Returns:
            The number of undelivered events by sink, 0 where all is well. They are delivered when the run is resumed.
        """
        return self._drain(time.monotonic() + deadline, insist)

    def close(self, deadline: float = 30.0, *, insist: bool = False, closing: float = 10.0) -> dict[str, int]:
        """Deliver what is left, call `closed` of each sink, then stop.

        Arguments and result are those of `drain`; a sink that has not returned by the deadline is left behind. When it
        is called again, it only counts.

        Args:
            deadline: See `drain`.
            insist: See `drain`.
            closing: Seconds that sinks may take besides for what they do after the last delivery.
        """
        if self._is_closed:
            return self._undelivered()
        undelivered = self._drain(time.monotonic() + deadline, insist)
        self._is_closed = True
        ends = {name: Request(last=partial(self._end, name, undelivered[name])) for name in self._lanes}
        for name, (lane, *others) in self._lanes.items():
            lane.request(ends[name])
            for other in others:
                other.request(Request(last=lambda: None))
        until = time.monotonic() + closing
        for name, end in ends.items():
            if not end.done.wait(max(0.0, until - time.monotonic())):
                self.failures.setdefault(name, f'it did not return within {closing:g} s')
        return undelivered

    @property
    def reasons(self) -> dict[str, str]:
        """Why sinks could not be reached when that was tried last, by sink."""
        return {lane.sink.name: lane.reason for lane in self._all() if lane.reason}

    def _all(self) -> list[Lane]:
        return [lane for lanes in self._lanes.values() for lane in lanes]

    def _undelivered(self) -> dict[str, int]:
        return {name: sum(lane.undelivered() for lane in lanes) for name, lanes in self._lanes.items()}

    def _drain(self, until: float, insist: bool) -> dict[str, int]:
        lanes = self._all()
        for _ in range(_ROUNDS):
            requests = {lane: Request(until, insist) for lane in lanes}
            for lane, request in requests.items():
                lane.request(request)
            for request in requests.values():
                request.done.wait(max(0.0, until - time.monotonic()))
            lanes = [lane for lane in lanes if not lane.gave_up and lane.undelivered()]
        return self._undelivered()

    def _end(self, name: str, undelivered: int) -> None:
        closed = getattr(self._lanes[name][0].sink, 'closed', None)
        try:
            if closed is not None:
                closed(undelivered)
        except BaseException as error:  # a sink is third-party code, and signals arrive in the main thread
            self.failures[name] = summary(error)
            text = f'sink {name!r} failed in sink_closed: {summary(error)}'
            self._journal.record('message', {'level': 'warning', 'code': 'sink-failed', 'text': text})


def _lanes(journal: Journal, sink: Sink, timing: Timing) -> list[Lane]:
    """One lane, or two where a sink takes artifacts beside other events and may be called by two threads."""
    hooks = getattr(sink, 'hooks', HOOK_OF.values())
    types = [type for type, hook in HOOK_OF.items() if hook in hooks]
    others = [type for type in types if type != 'artifact']
    if not getattr(sink, 'concurrent_artifacts', False) or others in ([], types):
        file = CursorFile(journal.run_dir, sink.name)
        return [Lane(journal, sink, Cursor(journal.run_dir, file, types), timing)]
    file = CursorFile(journal.run_dir, sink.name, lanes=2)
    leader = Lane(journal, sink, Cursor(journal.run_dir, file, others), timing)
    artifacts = Cursor(journal.run_dir, file, ['artifact'], lane=1)
    return [leader, Lane(journal, sink, artifacts, timing, leader)]
