"""Shapes: their bounds, their areas, cut at the image's edge, and joined into one ring. Pure Python, pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable

from synapse_hooks.data.sample import Part, Ring, RotatedBox

Bounds = tuple[float, float, float, float]
"""`(left, top, right, bottom)`."""


def bounds(points: Iterable[tuple[float, float]]) -> Bounds:
    """The smallest upright rectangle around some points.

    Example:
        >>> bounds([(1, 5), (4, 2)])
        (1, 2, 4, 5)
    """
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def clip_bounds(box: Bounds, width: float, height: float) -> Bounds | None:
    """The part of a rectangle that lies in the image, or None where there is none with an area.

    Example:
        >>> clip_bounds((-2, 3, 10, 8), 8, 6)
        (0, 3, 8, 6)
    """
    left, top, right, bottom = max(box[0], 0), max(box[1], 0), min(box[2], width), min(box[3], height)
    return (left, top, right, bottom) if right > left and bottom > top else None


def clip_ring(ring: Ring, width: float, height: float) -> Ring:
    """The part of a ring that lies in the image (Sutherland and Hodgman, 1974); empty where there is none.

    Example:
        >>> clip_ring([(-4, 0), (4, 0), (4, 4), (-4, 4)], 8, 8)
        [(0, 0.0), (4, 0), (4, 4), (0, 4.0)]
    """
    if all(0 <= x <= width and 0 <= y <= height for x, y in ring):
        return ring
    for axis, edge, sign in ((0, 0.0, 1), (0, width, -1), (1, 0.0, 1), (1, height, -1)):
        ring = _cut(ring, axis, edge, sign)
    return ring


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
    """Whether a ring encloses anything."""
    return len(ring) >= 3 and area(ring) > 0


def corners(box: RotatedBox) -> Ring:
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
    joined = rings[0]
    for ring in rings[1:]:
        _, here, there = min(
            ((x - u) ** 2 + (y - v) ** 2, i, j) for i, (x, y) in enumerate(joined) for j, (u, v) in enumerate(ring)
        )
        joined = [*joined[: here + 1], *ring[there:], *ring[: there + 1], *joined[here:]]
    return joined


def _oriented(ring: Ring, *, hole: bool) -> Ring:
    return ring[::-1] if (_signed_area(ring) < 0) != hole else ring
