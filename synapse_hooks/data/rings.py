"""The rings of many polygons as arrays: measured all at once, and parsed all at once where they are text."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from math import inf
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from synapse_hooks.data.geometry import Ring

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass
class Rings:
    """The rings of many polygons, one after the other."""

    owners: Places
    """For each ring, which polygon it belongs to."""
    starts: Places
    """For each ring, its first point; at the end, the number of points."""
    points: Floats
    """`x, y` in pixels."""
    broken: Sequence[int] = ()
    """The polygons whose text could not be parsed: they have no rings."""

    @classmethod
    def of_texts(cls, texts: Sequence[bytes]) -> Rings:
        """Parse the texts of many `Outline`s.

        Example:
            >>> rings = Rings.of_texts([b'[[0,0,4,0,4,3]]', b'[[7]]'])
            >>> rings.points.tolist(), rings.broken
            ([[0.0, 0.0], [4.0, 0.0], [4.0, 3.0]], [1])
        """
        rings = _parse(texts)
        if rings is not None:
            return rings
        if len(texts) == 1:
            return cls(np.zeros(0, np.int64), starts_of([]), np.zeros((0, 2)), [0])
        # One of them cannot be parsed this way: divide until it is alone.
        half = len(texts) // 2
        one, other = cls.of_texts(texts[:half]), cls.of_texts(texts[half:])
        return cls(
            np.concatenate([one.owners, other.owners + half]),
            np.concatenate([one.starts, other.starts[1:] + len(one.points)]),
            np.concatenate([one.points, other.points]),
            [*one.broken, *(place + half for place in other.broken)],
        )

    def of(self, owner: int) -> list[Ring]:
        """The rings of one polygon."""
        first, last = np.searchsorted(self.owners, [owner, owner + 1]).tolist()
        cuts = self.starts[first : last + 1].tolist()
        rings = [self.points[start:stop].tolist() for start, stop in pairwise(cuts)]
        return [[(x, y) for x, y in ring] for ring in rings]

    def bounds(self) -> Floats:
        """`left, top, right, bottom` of each ring."""
        if not len(self.owners):
            return np.zeros((0, 4))
        lows = np.minimum.reduceat(self.points, self.starts[:-1])
        highs = np.maximum.reduceat(self.points, self.starts[:-1])
        return np.concatenate([lows, highs], axis=1)

    def areas(self) -> Floats:
        """The area inside each ring, by the shoelace formula; positive where it runs clockwise as it is seen."""
        if not len(self.owners):
            return np.zeros(0)
        after = np.arange(1, len(self.points) + 1)
        after[self.starts[1:] - 1] = self.starts[:-1]
        x, y = self.points.T
        cross: Floats = x * y[after] - x[after] * y
        twice: Floats = np.add.reduceat(cross, self.starts[:-1])
        return twice / 2


class Points:
    """Builds `Rings`, point by point."""

    def __init__(self) -> None:
        self.numbers = array('d')
        """`x, y` of each point, one after the other."""
        self.counts: list[int] = []
        """How many points each ring has."""
        self.owners: list[int] = []
        """Which polygon each ring belongs to."""

    def add(self, owners: Iterable[int], rings: Sequence[Sequence[Iterable[float]]]) -> None:
        """Add rings, each with the polygon that it belongs to."""
        flat: list[float] = []
        for ring in rings:
            for point in ring:
                flat.extend(point)
        counts = list(map(len, rings))
        append(self.numbers, flat, 2 * sum(counts))
        self.counts += counts
        self.owners += owners

    def rings(self) -> Rings:
        """All of them."""
        points = np.frombuffer(self.numbers).reshape(-1, 2)
        return Rings(np.array(self.owners, dtype=np.int64), starts_of(self.counts), points)


def append(numbers: array[float], more: Sequence[float], count: int) -> None:
    """Add numbers to an array: in less time than `extend` takes, and best soon after they were made.

    Numbers that wait in a list lie all over the memory, and cost several times as much to collect.

    Args:
        numbers: The array.
        more: What to add: numbers, or what `float` makes one of.
        count: How many there must be.

    Raises:
        TypeError, ValueError: There are more or fewer, or something is not a number.
    """
    if len(more) != count:
        raise ValueError(f'{len(more)} numbers where {count} must be: a point has two, a box four')
    try:
        numbers.frombytes(_pack(count)(*more))
    except struct.error:
        numbers.extend(map(_as_float, more))


def _as_float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return inf if number > 0 else -inf


@lru_cache(256)
def _pack(count: int) -> Callable[..., bytes]:
    return struct.Struct(f'{count}d').pack


def starts_of(counts: Sequence[int] | Places) -> Places:
    """Where each of some pieces starts that stand one after the other, and where the last one ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def _parse(texts: Sequence[bytes]) -> Rings | None:
    """The rings of texts that are lists of rings; None where one is anything else."""
    owners: list[int] = []
    counts: list[int] = []
    numbers = array('d')
    for start in range(0, len(texts), _TOGETHER):
        try:
            forms = _decode(b'[%b]' % b','.join(texts[start : start + _TOGETHER]))
        except msgspec.DecodeError:
            return None
        if not all(forms):
            return None
        rings = list(chain.from_iterable(forms))
        owners += map(len, forms)
        counts += map(len, rings)
        flat = list(chain.from_iterable(rings))
        append(numbers, flat, len(flat))
    lengths = np.array(counts, dtype=np.int64)
    if ((lengths < 6) | (lengths & 1)).any():
        return None
    return Rings(
        np.repeat(np.arange(len(texts)), owners), starts_of(lengths // 2), np.frombuffer(numbers).reshape(-1, 2)
    )


_TOGETHER = 100
"""Texts that are parsed together: their numbers, as Python has them, are to fit into the processor's cache."""
_decode: Callable[[bytes], list[list[list[float]]]] = msgspec.json.Decoder(list[list[list[float]]]).decode
