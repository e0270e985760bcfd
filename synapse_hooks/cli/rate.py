"""How fast something is, and how long the rest takes at that pace."""

from __future__ import annotations

from collections import deque
from typing import Final

_WINDOW: Final = 10.0
"""Seconds whose pace counts: a server that became slow is slow now."""


class Rate:
    """The pace of something that is counted: of its last seconds.

    Args:
        unit: What is counted.

    Example:
        >>> rate = Rate('items')
        >>> rate.shown(0.0, 0, 3000), rate.shown(2.0, 500, 3000, 25_000_000)
        ('0 of 3,000 items', '500 of 3,000 items, 250/s, 12.5 MB/s, 0:10 left')
    """

    def __init__(self, unit: str) -> None:
        self._unit = unit
        self._past: deque[tuple[float, float, float]] = deque()

    def shown(self, now: float, done: float, total: float | None, transferred: float = 0) -> str:
        """Count, total, rate and what remains, as far as they are known.

        Args:
            now: In seconds, on any clock that does not jump.
            done: How many are done.
            total: How many there are; None or 0 where that is unknown.
            transferred: Bytes that came or went over a network for it so far.
        """
        if self._past and done < self._past[-1][1]:
            # It began anew.
            self._past.clear()
        self._past.append((now, done, transferred))
        # One that is older than the window stays: otherwise a long silence would have no pace.
        while len(self._past) > 2 and self._past[1][0] <= now - _WINDOW:
            self._past.popleft()
        then, before, bytes_before = self._past[0]
        words = [f'{done:,.0f}{f" of {total:,.0f}" if total else ""} {self._unit}']
        if now > then and done > before:
            pace = (done - before) / (now - then)
            words.append(f'{pace:,.0f}/s' if pace >= 10 else f'{pace:.1f}/s')
        if now > then and transferred > bytes_before:
            words.append(f'{(transferred - bytes_before) / (now - then) / 1e6:,.1f} MB/s')
        if total and now > then and before < done < total:
            words.append(f'{_clock((total - done) * (now - then) / (done - before))} left')
        return ', '.join(words)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f'{hours}:{minutes:02}:{rest:02}' if hours else f'{minutes}:{rest:02}'
