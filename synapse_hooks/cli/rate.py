"""The rate of something that is counted, and the time that remains at that rate."""

from __future__ import annotations

from collections import deque
from typing import Final

_WINDOW: Final = 10.0
"""Seconds over which the rate is measured, so that it follows a server that becomes slow."""


class Rate:
    """The rate of something that is counted, over its last ten seconds.

    Args:
        unit: What is counted.

    Example:
        >>> rate = Rate('items')
        >>> rate.update(0.0, 0, 3000), rate.update(2.0, 500, 3000, 25_000_000)
        ('0 of 3,000 items', '500 of 3,000 items, 250/s, 12.5 MB/s, 0:10 left')
    """

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._readings: deque[tuple[float, float, float]] = deque()

    def update(self, now: float, done: float, total: float | None, transferred: float = 0) -> str:
        """Record a count; return count, total, rate and remaining time as text, as far as they are known.

        Args:
            now: In seconds, on any clock that does not jump.
            done: How many are done.
            total: How many there are; None or 0 where that is unknown.
            transferred: Bytes transferred over a network so far.
        """
        if self._readings and done < self._readings[-1][1]:
            # It started again.
            self._readings.clear()
        self._readings.append((now, done, transferred))
        # One reading older than the window stays: otherwise there would be no rate after a long pause.
        while len(self._readings) > 2 and self._readings[1][0] <= now - _WINDOW:
            self._readings.popleft()
        then, before, bytes_before = self._readings[0]
        words = [f'{done:,.0f}{f" of {total:,.0f}" if total else ""} {self._unit}']
        if now > then and done > before:
            rate = (done - before) / (now - then)
            words.append(f'{rate:,.0f}/s' if rate >= 10 else f'{rate:.1f}/s')
        if now > then and transferred > bytes_before:
            words.append(f'{(transferred - bytes_before) / (now - then) / 1e6:,.1f} MB/s')
        if total and now > then and before < done < total:
            words.append(f'{_clock((total - done) * (now - then) / (done - before))} left')
        return ', '.join(words)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02}:{rest:02}' if hours else f'{minutes}:{rest:02}'
