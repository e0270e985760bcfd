"""Shapes: their bounds and areas, cut at the image's edge, joined into one ring, rectangles around them. Pixels."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

_FEW = 32
"""Up to so many pairs of points are compared in plain Python: numpy would cost more than it saves."""
_MANY = 1 << 20
"""So many pairs of points are compared at a time, so that large rings do not need large memory."""

_MISS = 1e-6
"""Pixels: less than any target writes."""

TOO_LARGE = 'a number that is too large'

Bounds = tuple[float, float, float, float]
"""`(left, top, right, bottom)`."""
Ring = list[tuple[float, float]]
"""A closed line without its last point repeated: `[(x, y), ...]`."""
Part = list[Ring]
"""One connected area: its outer ring, then a ring for each hole."""


class Turned(Protocol):
    """A rectangle that is turned around its centre: a `RotatedBox`."""

    x: float
    y: float
    w: float
    h: float
    angle: float


def bounds(points: Iterable[tuple[float, float]]) -> Bounds:
    """The smallest upright rectangle around some points.

    Example:
        >>> bounds([(1, 5), (4, 2)])
        (1, 2, 4, 5)
    """
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def too_large(numbers: Iterable[float]) -> bool:
    """Whether one of them is an integer that no float can hold: JSON has them, and nothing can be computed with them.

    Example:
        >>> too_large([1, 2.5]), too_large([10**400])
        (False, True)
    """
    try:
        array('d', numbers)
    except OverflowError:
        return True
    return False


def clip_bounds(box: Bounds, width: float, height: float) -> Bounds | None:
    """The part of a rectangle that lies in the image, or None if that has no area.

    Example:
        >>> clip_bounds((-2, 3, 10, 8), 8, 6)
        (0, 3, 8, 6)
    """
    left, top, right, bottom = max(box[0], 0), max(box[1], 0), min(box[2], width), min(box[3], height)
    return (left, top, right, bottom) if right > left and bottom > top else None


def clip_ring(ring: Ring, width: float, height: float) -> Ring:
    """The part of a ring that lies in the image (Sutherland and Hodgman, 1974); empty if there is none.

    Example:
        >>> clip_ring([(-4, 0), (4, 0), (4, 4), (-4, 4)], 8, 8)
        [(0, 0.0), (4, 0), (4, 4), (0, 4.0)]
        >>> clip_ring([(0, 0), (8.000000000000002, 0), (4, 4)], 8, 8)
        [(0, 0), (8, 0), (4, 4)]
    """
    if all(0 <= x <= width and 0 <= y <= height for x, y in ring):
        return ring
    ring = [(_snapped(x, width), _snapped(y, height)) for x, y in ring]
    for axis, edge, sign in ((0, 0.0, 1), (0, width, -1), (1, 0.0, 1), (1, height, -1)):
        ring = _cut(ring, axis, edge, sign)
    return ring


def _snapped(number: float, edge: float) -> float:
    """A coordinate that misses the edge of the image only because it was computed, put there."""
    if -_MISS < number < 0:
        return 0
    return edge if edge < number < edge + _MISS else number


def _cut(ring: Ring, axis: int, edge: float, sign: int) -> Ring:
    kept: Ring = []
    for before, point in zip([*ring[-1:], *ring[:-1]], ring, strict=True):
        inside, was_inside = (point[axis] - edge) * sign >= 0, (before[axis] - edge) * sign >= 0
        if inside != was_inside:
            share = (edge - before[axis]) / (point[axis] - before[axis])
            other = before[1 - axis] + share * (point[1 - axis] - before[1 - axis])
            edge_point = (0 if edge == 0 else edge, other) if axis == 0 else (other, 0 if edge == 0 else edge)
            kept.append(edge_point)
        if inside:
            kept.append(point)
    return kept


def overhang(box: Bounds, width: float, height: float) -> float:
    """By how many pixels a rectangle reaches out of the image; at most 0 where it does not."""
    return max(-box[0], -box[1], box[2] - width, box[3] - height)


def area(ring: Ring) -> float:
    """The area inside a ring, by the shoelace formula.

    Example:
        >>> area([(0, 0), (4, 0), (4, 3)])
        6.0
    """
    return abs(_signed_area(ring))


def _signed_area(ring: Ring) -> float:
    total = 0.0
    for (x1, y1), (x2, y2) in zip(ring, [*ring[1:], *ring[:1]], strict=True):
        total += x1 * y2 - x2 * y1
    return total / 2


def has_area(ring: Ring) -> bool:
    """Whether a ring encloses anything. One that crosses itself does, even where its areas cancel each other out.

    Example:
        >>> has_area([(0, 0), (4, 4), (4, 0), (0, 4)]), has_area([(0, 0), (4, 0), (4, 4), (4, 0)])
        (True, False)
    """
    if len(ring) < 3:
        return False
    if area(ring) > 0:
        return True
    # Lines that are drawn there and back enclose nothing.
    lines = Counter(frozenset(line) for line in zip(ring, [*ring[1:], *ring[:1]], strict=True))
    return any(count % 2 for count in lines.values()) and len(hull(ring)) > 2


def ring_of(left: float, top: float, right: float, bottom: float) -> Ring:
    """The corners of an upright rectangle, clockwise."""
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def corners(box: Turned) -> Ring:
    """The four corners of a rotated box, clockwise from its top-left one before the turn."""
    cx, cy = box.x + box.w / 2, box.y + box.h / 2
    cos, sin = math.cos(box.angle), math.sin(box.angle)
    return [
        (cx + dx * cos - dy * sin, cy + dx * sin + dy * cos)
        for dx, dy in (
            (-box.w / 2, -box.h / 2),
            (box.w / 2, -box.h / 2),
            (box.w / 2, box.h / 2),
            (-box.w / 2, box.h / 2),
        )
    ]


def join(parts: list[Part]) -> Ring:
    """Parts and their holes as one ring: each ring is joined to those before it by a seam without width.

    Outer rings run one way round and holes the other, so that a hole stays a hole under the even-odd rule and under
    the non-zero rule, and `area` is right. A single ring stays as it is.

    Example:
        >>> join([[[(0, 0), (4, 0), (0, 4)]], [[(9, 0), (9, 4), (6, 0)]]])
        [(0, 0), (4, 0), (6, 0), (9, 0), (9, 4), (6, 0), (4, 0), (0, 4)]
        >>> area(join([[[(0, 0), (9, 0), (9, 9), (0, 9)], [(3, 3), (6, 3), (6, 6), (3, 6)]]]))
        72.0
    """
    if len(parts) == 1 and len(parts[0]) == 1:
        return parts[0][0]
    rings = [_oriented(ring, hole=place > 0) for part in parts for place, ring in enumerate(part)]
    if len(rings) == 2 and len(rings[0]) * len(rings[1]) <= _FEW:
        here, there = _nearest_of_few(*rings)
        return _seam(rings[0], rings[1], here, there)
    return _join_many(rings)


def _join_many(rings: list[Ring]) -> Ring:
    import numpy as np

    joined = rings[0]
    places = np.array(joined, dtype=np.float64)
    for ring in rings[1:]:
        others = np.array(ring, dtype=np.float64)
        here, there = _nearest(places, others)
        joined = _seam(joined, ring, here, there)
        if ring is not rings[-1]:
            places = _seam_of_arrays(places, others, here, there)
    return joined


def join_arrays(rings: list[NDArray[float64]]) -> NDArray[float64]:
    """The same as `join` for rings that are parts of their own, all running one way: points are rows of arrays."""
    joined = rings[0]
    for ring in rings[1:]:
        joined = _seam_of_arrays(joined, ring, *_nearest(joined, ring))
    return joined


def _seam(joined: Ring, ring: Ring, here: int, there: int) -> Ring:
    return [*joined[: here + 1], *ring[there:], *ring[: there + 1], *joined[here:]]


def _seam_of_arrays(joined: NDArray[float64], ring: NDArray[float64], here: int, there: int) -> NDArray[float64]:
    import numpy as np

    return np.concatenate((joined[: here + 1], ring[there:], ring[: there + 1], joined[here:]))


def _nearest_of_few(one: Ring, other: Ring) -> tuple[int, int]:
    """The places of the two nearest points; of several such pairs the first."""
    _, here, there = min(
        ((x - u) * (x - u) + (y - v) * (y - v), i, j) for i, (x, y) in enumerate(one) for j, (u, v) in enumerate(other)
    )
    return here, there


def _nearest(one: NDArray[float64], other: NDArray[float64]) -> tuple[int, int]:
    """The same as `_nearest_of_few`, for arrays of any size."""
    step = max(1, _MANY // len(other))
    best, nearest = math.inf, (0, 0)
    for start in range(0, len(one), step):
        across = one[start : start + step, :1] - other[:, 0]
        down = one[start : start + step, 1:] - other[:, 1]
        across *= across
        down *= down
        across += down
        place = int(across.argmin())
        here, there = divmod(place, len(other))
        if across[here, there] < best:
            best, nearest = float(across[here, there]), (start + here, there)
    return nearest


def _oriented(ring: Ring, *, hole: bool) -> Ring:
    return ring[::-1] if (_signed_area(ring) < 0) != hole else ring


def hull(points: Iterable[tuple[float, float]]) -> Ring:
    """The convex hull of some points, clockwise as displayed, without points on its sides (Andrew, 1979).

    Example:
        >>> hull([(0, 0), (4, 0), (2, 1), (4, 4), (2, 0)])
        [(0, 0), (4, 0), (4, 4)]
    """
    ordered = sorted(set(points))
    if len(ordered) < 3:
        return ordered
    return [*_half(ordered)[:-1], *_half(ordered[::-1])[:-1]]


def _half(ordered: Ring) -> Ring:
    kept: Ring = []
    for x, y in ordered:
        while len(kept) > 1:
            (x1, y1), (x2, y2) = kept[-2:]
            if (x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) > 0:
                break
            kept.pop()
        kept.append((x, y))
    return kept
