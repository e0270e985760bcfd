"""The smallest rectangles around some points. Pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable

from synapse_hooks.data.areas import RotatedBox
from synapse_hooks.data.geometry import bounds, hull


def rect_around(points: Iterable[tuple[float, float]], angle: float) -> RotatedBox:
    """The smallest rectangle around some points that is turned by `angle`, in radians.

    Example:
        >>> rect_around([(0, 0), (4, 0), (4, 3)], 0).positions()
        [(0.0, 0.0), (4.0, 0.0), (4.0, 3.0), (0.0, 3.0)]
    """
    cos, sin = math.cos(angle), math.sin(angle)
    left, top, right, bottom = bounds((x * cos + y * sin, y * cos - x * sin) for x, y in points)
    u, v, w, h = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
    return RotatedBox(u * cos - v * sin - w / 2, u * sin + v * cos - h / 2, w, h, angle)


def min_area_rect(points: Iterable[tuple[float, float]]) -> RotatedBox:
    """The smallest rectangle around some points, however it is turned: one of its sides lies on their hull.

    Its angle is at least 0 and below a quarter turn. Of several that are equally small it is the one turned least.

    Example:
        >>> min_area_rect([(0, 2), (2, 0), (4, 2), (2, 4), (2, 2)]).angle == math.pi / 4
        True
    """
    around = hull(points)
    angles = {_quarter(x1, y1, x2, y2) for (x1, y1), (x2, y2) in zip(around, [*around[1:], *around[:1]], strict=True)}
    rects = [rect_around(around, angle) for angle in sorted(angles)]
    smallest = min(rect.w * rect.h for rect in rects)
    return next(rect for rect in rects if rect.w * rect.h <= smallest * (1 + 1e-12))


def _quarter(x1: float, y1: float, x2: float, y2: float) -> float:
    """The direction of a side, as the least turn that lays a rectangle along it."""
    angle = math.atan2(y2 - y1, x2 - x1) % (math.pi / 2)
    return 0.0 if angle >= math.pi / 2 else angle
