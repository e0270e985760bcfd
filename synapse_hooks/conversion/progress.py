"""The progress of a conversion, reported to its context."""

from __future__ import annotations

import time

from synapse_hooks.context import TrainContext

_EVERY = 0.25


class Progress:
    """Reports to the run how many samples were written, a few times a second.

    Args:
        context: The run.
    """

    def __init__(self, context: TrainContext) -> None:
        self.context = context
        self.total: int | None = None
        self.count = 0
        self._what = 'convert'
        self._reported_at = 0.0

    def start(self, total: int | None, what: str = 'convert') -> None:
        """Begin; `total` is how many there are, None where that is unknown."""
        self.total, self.count, self._what = total, 0, what

    def add(self, count: int) -> None:
        """So many more were written."""
        self.count += count
        if time.monotonic() - self._reported_at > _EVERY:
            self._reported_at = time.monotonic()
            self.context.set_progress(self.count, self.total or 0, self._what)

    def finish(self) -> None:
        """All of them were."""
        self.context.set_progress(self.count, self.count, self._what)
