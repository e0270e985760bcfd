"""From the pixels of a mask to polygons along their edges, and back; exactly.

Pixels that share a side belong together; pixels that only touch at a corner do not, neither in the mask nor in its
holes. So each part is one piece, no ring touches itself, and a hole meets the ring around it in single points at most.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from synapse_hooks.data.geometry import Part, Ring
from synapse_hooks.data.masks import HasRuns, Runs, by_rows, in_lines, tidy

_Numbers = NDArray[np.int64]


def trace(mask: HasRuns, width: int, height: int) -> list[Part]:
    """A mask as polygons: each part is an outer ring, clockwise as displayed, and its holes, the other way round.

    A ring has a point only where it turns, and begins at its top-left one; parts and holes come from top to bottom,
    then from left to right. Their area, outer rings less holes, is the number of the mask's pixels. Pixels that the
    image does not have are left out.

    Example:
        >>> from synapse_hooks.data.areas import Mask
        >>> trace(Mask([(0, 2), (3, 1)]), 3, 2)
        [[[(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]]]
    """
    runs = tidy(by_rows(mask, width, height), width * height)
    if not runs:
        return []
    lines, starts, ends = in_lines(runs, width)
    corners = _corners(lines, starts, ends, width)
    points = list(zip(corners.xs.tolist(), corners.ys.tolist(), strict=True))
    parts: list[Part] = []
    part_of = np.zeros(len(points), dtype=np.int64)
    begins = lines * width + starts
    for walk in sorted(_walks(corners)):
        x, y = points[walk[0]]
        if corners.kinds[walk[0]] > 0:
            part_of[walk] = len(parts)
            parts.append([])
        else:
            # The pixels left of a hole belong to its part, and so does the ring that they begin at: it is known by now.
            run = np.searchsorted(begins, y * width + x - 1, side='right') - 1
            part_of[walk] = part_of[corners.upper(starts[run], y)]
        ring = [points[corner] for corner in walk]
        is_hole = corners.kinds[walk[0]] < 0
        parts[part_of[walk[0]]].append([ring[0], *ring[:0:-1]] if is_hole == (ring[1][1] == y) else ring)
    return parts


@dataclass(slots=True)
class _Corners:
    """Where the edges of a mask turn, from top to bottom, then from left to right.

    Where pixels touch at a corner only, there are two, one for each of them.
    """

    xs: _Numbers
    ys: _Numbers
    kinds: _Numbers
    """Above 0 where the pixel below and right of it is in the mask."""
    along: _Numbers
    """The corner at the other end of the vertical edge. (That of the horizontal one is the neighbour in the list.)"""
    columns: _Numbers
    """The corners from left to right, then from top to bottom."""
    _places: _Numbers = field(init=False)
    _tall: int = field(init=False)

    def __post_init__(self) -> None:
        self._tall = int(self.ys[-1]) + 1
        self._places = self.xs[self.columns] * self._tall + self.ys[self.columns]

    def upper(self, x: int, y: int) -> int:
        """The upper corner of the vertical edge at `x` that passes the row of pixels `y`."""
        return int(self.columns[np.searchsorted(self._places, x * self._tall + y, side='right') - 1])


def _corners(lines: _Numbers, starts: _Numbers, ends: _Numbers, width: int) -> _Corners:
    """Runs of one line begin and end where those of the line before do not: there the edges turn."""
    wide = width + 1
    above, under = lines * wide, (lines + 1) * wide
    keys = np.concatenate((above + starts, above + ends, under + ends, under + starts))
    signs = np.repeat(np.array([1, -1, 1, -1]), len(lines))
    order = np.argsort(keys, kind='stable')
    keys, signs = keys[order], signs[order]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    kinds = np.add.reduceat(signs, first)
    copies = np.abs(kinds)
    keys, kinds = np.repeat(keys[first], copies), np.repeat(kinds, copies)
    ys, xs = np.divmod(keys, wide)
    # Of two in one place the first has the edge to the left, and the edge up or down that goes round the same pixel.
    second = np.append(False, keys[1:] == keys[:-1])
    columns = np.lexsort((second == (kinds > 0), ys, xs))
    along = np.empty_like(columns)
    along[columns[::2]], along[columns[1::2]] = columns[1::2], columns[::2]
    return _Corners(xs, ys, kinds, along, columns)


def _walks(corners: _Corners) -> Iterator[list[int]]:
    """The corners of each ring, the top-left one first. A walk that comes to a place again has closed a ring there."""
    along = corners.along.tolist()
    same = np.append(False, (corners.xs[1:] == corners.xs[:-1]) & (corners.ys[1:] == corners.ys[:-1]))
    places = (np.arange(len(same)) - same).tolist()
    doubled = set(np.flatnonzero(same) - 1)
    done = bytearray(len(along))
    for start in range(len(along)):
        walk: list[int] = []
        visited: dict[int, int] = {}
        corner = start
        while not done[corner]:
            across = corner ^ 1
            for here in (corner, across):
                done[here] = 1
                place = places[here]
                if place in doubled:
                    at = visited.get(place, len(walk))
                    if at < len(walk) and places[walk[at]] == place:
                        yield _from_top_left(walk[at:])
                        del walk[at:]
                    visited[place] = len(walk)
                walk.append(here)
            corner = along[across]
        if walk:
            yield _from_top_left(walk)


def _from_top_left(walk: list[int]) -> list[int]:
    at = walk.index(min(walk))
    return walk[at:] + walk[:at]


def fill(parts: list[Part], width: int, height: int) -> Runs:
    """The pixels whose centres lie inside: the inverse of `trace`, as tidy runs row by row.

    What lies inside an even number of the rings of one part is outside of it; parts add up.

    Example:
        >>> fill([[[(0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)]]], 3, 2)
        [(0, 2), (3, 1)]
    """
    return tidy([run for part in parts for run in _fill(part, width, height)], width * height)


def _fill(part: Part, width: int, height: int) -> Iterator[tuple[int, int]]:
    ends: list[Ring] = [[*ring[1:], *ring[:1]] for ring in part]
    x1, y1 = np.array([point for ring in part for point in ring], dtype=np.float64).reshape(-1, 2).T
    x2, y2 = np.array([point for ring in ends for point in ring], dtype=np.float64).reshape(-1, 2).T
    # The rows whose centres an edge crosses; its upper end counts and its lower one does not.
    top = np.clip(np.ceil(np.minimum(y1, y2) - 0.5), 0, height).astype(np.int64)
    rows = np.clip(np.ceil(np.maximum(y1, y2) - 0.5), 0, height).astype(np.int64) - top
    edge = np.repeat(np.arange(len(rows)), rows)
    row = top[edge] + np.arange(len(edge)) - (np.cumsum(rows) - rows)[edge]
    x = x1[edge] + (row + 0.5 - y1[edge]) * (x2 - x1)[edge] / (y2 - y1)[edge]
    place = np.clip(np.ceil(x - 0.5), 0, width).astype(np.int64) + row * width
    place.sort()
    begin, end = place[::2], place[1::2]
    some = end > begin
    return zip(begin[some].tolist(), (end - begin)[some].tolist(), strict=True)
