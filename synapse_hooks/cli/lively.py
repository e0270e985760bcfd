"""The voice on a terminal: sentences in colour, and below them a bar with count, total, rate and time."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from synapse_hooks.cli.display import Display
from synapse_hooks.cli.rate import Rate


@contextmanager
def lively() -> Iterator[Lively]:
    """The voice; when the block ends, its bar is gone."""
    display = Display()
    columns = (
        TextColumn('{task.description:18}', markup=False),
        BarColumn(bar_width=32),
        TextColumn('{task.fields[count]}'),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=display.console, transient=True) as bar:
        yield Lively(display, bar)


class Lively:
    """See `synapse_hooks.cli.voice.Voice`.

    Args:
        display: Says the sentences.
        bar: Is on the terminal already.
    """

    def __init__(self, display: Display, bar: Progress) -> None:
        self._display = display
        self._bar = bar
        self._begin('reading', None)

    def say(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """See `Voice.say`."""
        self._display.log_message(messages)

    def progress(self, what: str, done: float, total: float | None) -> None:
        """See `Voice.progress`."""
        if what != self._what:
            self._bar.remove_task(self._task)
            self._begin(what, total)
        shown = self._rate.shown(time.monotonic(), done, total)
        self._bar.update(self._task, completed=done, total=total, count=shown)

    def _begin(self, what: str, total: float | None) -> None:
        # The first block took as long as everything before it: it says nothing of the pace.
        self._what, self._rate = what, Rate('images')
        self._task = self._bar.add_task(what, total=total, count='')
