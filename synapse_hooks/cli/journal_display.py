"""A run in the terminal that goes on in another process: what its journal has is shown as it is of a run here."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from synapse_hooks.cli.display import Display
from synapse_hooks.journal import is_driven
from synapse_hooks.journal.follow import Follower
from synapse_hooks.runs.stage import seconds_of

POLL: Final = 0.2
"""Seconds between two looks at the journal."""
_LAST: Final = 5.0
"""Seconds to wait for the last events to be shown."""
_RECENT: Final = 10
"""How many of the metrics that were logged before are shown."""
_TYPES: Final = ('run_start', 'step', 'progress', 'metrics', 'message', 'run_end')


class JournalDisplay:
    """Shows the events of a journal on a display.

    Args:
        run_dir: The run directory.
        display: Where to show them; it has begun.
    """

    def __init__(self, run_dir: Path, display: Display) -> None:
        self.run_dir = run_dir
        self.has_ended = False
        """Whether the end of the last attempt was shown."""
        self._display = display
        self._follower = Follower(run_dir, _TYPES)

    def show_backlog(self) -> None:
        """Show what there is of the last attempt: of many metrics the last."""
        backlog = _Backlog()
        while events := self._follower.read():
            backlog.add(events)
        self._show(backlog.events())

    def skip_backlog(self) -> None:
        """Show nothing of what there is."""
        while self._follower.read():
            pass

    def show_new(self) -> bool:
        """Show the events that were added since; whether there were any."""
        events = self._follower.read()
        self._show(events)
        return bool(events)

    def _show(self, events: Iterable[Mapping[str, Any]]) -> None:
        for event in events:
            self.has_ended = event['type'] == 'run_end'
            # Another program may have written anything into the journal.
            with suppress(ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
                _show_one(event, self._display)


@contextmanager
def shown_run(run_dir: Path, *, resumed: bool) -> Iterator[None]:
    """Show a run that is launched, while the block waits for it.

    Args:
        run_dir: Its run directory.
        resumed: Whether it was begun before, so that it may be at work already.
    """
    display = Display()
    display.begin(run_dir)
    journal = JournalDisplay(run_dir, display)
    if resumed and is_driven(run_dir):
        journal.show_backlog()
    else:
        journal.skip_backlog()
    stopped = threading.Event()

    def follow() -> None:
        while journal.show_new() or not stopped.wait(POLL):
            pass
        journal.show_new()

    thread = threading.Thread(target=follow, name='display', daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(_LAST)
        display.end()


class _Backlog:
    """What is shown of the events before: those of the last attempt, of many metrics the last."""

    def __init__(self) -> None:
        self._begin(0)

    def _begin(self, attempt: int) -> None:
        self._attempt = attempt
        self._events: list[tuple[int, dict[str, Any]]] = []
        self._metrics: deque[tuple[int, dict[str, Any]]] = deque(maxlen=_RECENT)
        self._progress: tuple[int, dict[str, Any]] | None = None
        self._count = 0

    def add(self, events: Iterable[dict[str, Any]]) -> None:
        """Events, in order."""
        for event in events:
            attempt = event.get('attempt')
            if isinstance(attempt, int) and attempt > self._attempt:
                self._begin(attempt)
            self._count += 1
            entry = self._count, event
            if event['type'] == 'metrics':
                self._metrics.append(entry)
            elif event['type'] == 'progress':
                self._progress = entry
            else:
                self._events.append(entry)

    def events(self) -> list[dict[str, Any]]:
        """Those that are shown, in order."""
        entries = [*self._events, *self._metrics, *([self._progress] if self._progress else [])]
        return [event for _, event in sorted(entries, key=lambda entry: entry[0])]


def _show_one(event: Mapping[str, Any], display: Display) -> None:
    match event['type']:
        case 'step':
            _show_stage(event, display)
        case 'metrics':
            display.log_metrics([event])
        case 'message':
            display.log_message([event])
        case 'progress':
            display.progress_changed(event)


def _show_stage(event: Mapping[str, Any], display: Display) -> None:
    name, status, error = str(event.get('name')), str(event.get('status')), event.get('error')
    if status == 'running':
        display.begin_stage(name)
    else:
        detail = str(error) if error else '' if status == 'succeeded' else status
        display.end_stage(name, status, seconds_of(event.get('seconds')) or 0.0, detail)
