"""Watch a run that goes on in another process, in another terminal or on a machine that shares the folder.

What is shown is what `train` shows in its own terminal. Ctrl-C ends the display, not the run. RUN is the name of a
run, a beginning of one that no other run has, the id or name of its model, `last` (the default), or the path of a run
directory.
"""

from __future__ import annotations

import argparse
import time
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.cli.common import CommandResult

if TYPE_CHECKING:
    from synapse_hooks.cli.display import Display
    from synapse_hooks.runs import Run

_POLL: Final = 0.2
"""Seconds between two looks at the journal."""
_QUIET: Final = 3.0
"""Seconds without an event after which a run that no process drives has ended."""
_RECENT: Final = 10
"""How many of the metrics that were logged before are shown."""
_TYPES: Final = ('run_start', 'step', 'progress', 'metrics', 'message', 'run_end')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The run."""
    parser.add_argument('run', metavar='RUN', nargs='?', default='last', help='the run; without it, the last one')
    parser.add_argument('--workspace', metavar='DIR', type=Path, help='the workspace, or a folder of runs')


def run(options: argparse.Namespace) -> CommandResult:
    """Watch until the run ends."""
    from synapse_hooks.cli.display import Display
    from synapse_hooks.runs import Run, Runs
    from synapse_hooks.runs.summary import status_text

    found = Runs(options.workspace).find(options.run)
    display = Display()
    display.begin(found.path)
    try:
        _follow(found, display)
    except KeyboardInterrupt as interrupted:
        interrupted.add_note(f'the run goes on: `synapse-hooks watch {found.path}` shows it again')
        raise
    finally:
        display.end()
    ended = Run(found.path)
    best = ended.best_metric
    words = [ended.name, status_text(ended), *([] if best is None else [str(best)])]
    data = {'run': ended.name, 'path': str(ended.path), 'status': ended.status, 'error': ended.error}
    return CommandResult(data, ', '.join(words), 0 if ended.status == 'succeeded' else 1)


def _follow(watched: Run, display: Display) -> None:
    """Show what there is of the last attempt, and then every event, until the run ends."""
    from synapse_hooks.journal import is_driven
    from synapse_hooks.journal.follow import Follower

    follower = Follower(watched.path, _TYPES)
    backlog = _Backlog()
    while events := follower.read():
        backlog.add(events)
    ended = _show(backlog.events(), display)
    quiet = time.monotonic()
    while not ended:
        events = follower.read()
        if events:
            ended, quiet = _show(events, display), time.monotonic()
        elif time.monotonic() > quiet + _QUIET and not is_driven(watched.path):
            return
        else:
            time.sleep(_POLL)


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


def _show(events: Iterable[Mapping[str, Any]], display: Display) -> bool:
    """Show events; whether the run has ended."""
    for event in events:
        if event['type'] == 'run_end':
            return True
        # Another program may have written anything into the journal.
        with suppress(ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            _show_one(event, display)
    return False


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
    from synapse_hooks.runs.stage import seconds_of

    name, status, error = str(event.get('name')), str(event.get('status')), event.get('error')
    if status == 'running':
        display.begin_stage(name)
    else:
        detail = str(error) if error else '' if status == 'succeeded' else status
        display.end_stage(name, status, seconds_of(event.get('seconds')) or 0.0, detail)
