"""The reporter for a terminal: messages in colour, and below them a bar with count, total, rate and time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from synapse_hooks.cli.display import Display
from synapse_hooks.cli.rate import Rate


@contextmanager
def terminal_reporter() -> Iterator[TerminalReporter]:
    """The reporter; its bar is removed when the block ends."""
    display = Display()
    columns = (
        TextColumn('{task.description:18}', markup=False),
        BarColumn(bar_width=32),
        TextColumn('{task.fields[count]}'),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=display.console, transient=True) as bar:
        yield TerminalReporter(display, bar)


class TerminalReporter:
    """See `synapse_hooks.cli.reporter.Reporter`.

    Args:
        display: Prints the messages.
        bar: A progress bar that is started.
    """

    def __init__(self, display: Display, bar: Progress) -> None:
        self._display = display
        self._bar = bar
        self._start('reading', None)

    def messages(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """See `Reporter.say`."""
        self._display.log_message(messages)

    def progress(self, what: str, done: float, total: float | None) -> None:
        """See `Reporter.progress`."""
        if what != self._what:
            self._bar.remove_task(self._task)
            self._start(what, total)
        text = self._rate.update(time.monotonic(), done, total)
        self._bar.update(self._task, completed=done, total=total, count=text)

    def _start(self, what: str, total: float | None) -> None:
        # A rate counts from here: the first block of images took as long as everything before it.
        self._what, self._rate = what, Rate('images')
        self._task = self._bar.add_task(what, total=total, count='')
