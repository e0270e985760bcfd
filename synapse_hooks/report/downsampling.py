"""Fewer points of a curve, so that a page stays small: of each stretch the lowest and the highest value remain."""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = tuple[float, float]
"""A step and a value."""


def downsampled(points: Sequence[Point], most: int) -> list[Point]:
    """The points of a curve, or about `most` of them. No peak is lost.

    The curve is divided into stretches with as many points each, and of each stretch the points with the lowest and
    the highest value are kept, where they are; the first and the last point of the curve are kept too.

    Args:
        points: Sorted by step. Values that are not finite must have been taken out.
        most: At least 4.

    Example:
        >>> curve = [(step, float(step == 700)) for step in range(1000)]
        >>> few = downsampled(curve, 20)
        >>> len(few) <= 20, (700, 1.0) in few, few[0], few[-1]
        (True, True, (0, 0.0), (999, 0.0))
    """
    if len(points) <= most:
        return list(points)
    stretches = (most - 2) // 2
    kept = {0, len(points) - 1}
    for number in range(stretches):
        start, end = (math.ceil(len(points) * place / stretches) for place in (number, number + 1))
        places = range(start, end)
        kept.add(min(places, key=lambda place: points[place][1]))
        kept.add(max(places, key=lambda place: points[place][1]))
    return [points[place] for place in sorted(kept)]
