"""What to do about items that cannot be read."""

from __future__ import annotations

from typing import Literal

from synapse_hooks.data.losses import LossReport
from synapse_hooks.errors import UnreadableItem

Tolerance = float | Literal['skip', 'fail']
"""`fail` at the first unreadable item, `skip` them all, or the share from 0 to 1 above which it is a failure."""

DEFAULT_TOLERANCE: Tolerance = 0.01
"""The default: one unreadable item in a hundred."""


class Unreadable:
    """Collects unreadable items of one reading, and decides when there are too many.

    Every skipped item is in the loss report, by name.

    Args:
        tolerance: See `Tolerance`.
        report: Where they are counted.
        total: How many items there are, where that is known: then too many are noticed at once.

    Example:
        >>> policy = Unreadable('skip', LossReport())
        >>> policy.record(UnreadableItem('a.jpg is empty', path='a.jpg'))
        >>> policy.finish(seen=0)
    """

    def __init__(self, tolerance: Tolerance, report: LossReport, total: int | None = None) -> None:
        self.share = {'skip': 1.0, 'fail': 0.0}.get(str(tolerance), 0.0) if isinstance(tolerance, str) else tolerance
        self.report = report
        self.total = total
        self.count = 0
        self.first: UnreadableItem | None = None

    def record(self, error: UnreadableItem) -> None:
        """Count an unreadable item.

        Raises:
            UnreadableItem: There are too many already.
        """
        self.count += 1
        self.first = self.first or error
        self.report.unreadable(str(error.facts.get('path', '')), error.problem)
        if self.share == 0:
            raise error
        if self.total is not None:
            self.finish(self.total - self.count)

    def clear(self) -> None:
        """Forget the recorded items."""
        self.count = 0
        self.first = None

    def merge(self, other: Unreadable) -> None:
        """Add the items that were recorded elsewhere, after those recorded here; the caller merges the reports."""
        self.count += other.count
        self.first = self.first or other.first

    def finish(self, seen: int) -> None:
        """Decide at the end: `seen` items could be read.

        Raises:
            UnreadableItem: More than the tolerated share could not; the first one is named, and is the cause.
        """
        total = self.count + seen
        if self.first is None or self.count <= self.share * total:
            return
        more = f'; so are {self.count - 1:,} more of {total:,} items' if self.count > 1 else f', 1 of {total:,} items'
        wanted = self.first.hint or 'repair or remove it'
        raise UnreadableItem(
            f'{self.first.problem}{more}',
            hint=f'{wanted}, or go on without it: `--unreadable skip` (of a run: `-p unreadable=skip`)',
            path=self.first.facts.get('path'),
            count=self.count,
        ) from self.first
