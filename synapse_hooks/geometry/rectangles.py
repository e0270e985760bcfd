"""Fits annotations into a target that holds rotated rectangles, as four corners.

A rectangle that is cut at the image's edge is none any more, so corners may lie outside. How far is what ultralytics
8.4 asks (`verify_image_label`): the upright box around the corners has its centre in the image, and its sides are no
longer than those of the image. Within that, a rotated box is written as it is. Else it becomes the rectangle in the
same direction around what lies in the image, as ultralytics' own `Instances.clip` does it; its centre is in the image.
If its upright box is still too large, it is scaled down around its centre.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from synapse_hooks.data import Area, Box, Ring, RotatedBox, Sample
from synapse_hooks.data.geometry import Bounds, bounds, corners, ring_of
from synapse_hooks.data.rectangles import min_area_rect, rect_around
from synapse_hooks.geometry.extents import TOLERANCE, Fit, NotExpressible, cut, enclosing_box, inside, parts_of


def fit_rectangle(shape: Area, sample: Sample, target: str) -> Fit[Ring]:
    """A shape as the corners of a rectangle: an upright box cut at the image's edge, others in any direction.

    Raises:
        NotExpressible: It has no area, or lies outside of the image.
    """
    points = [point for part in inside(parts_of(shape, sample), sample) for point in part[0]]
    return _RECTANGLES.get(type(shape), _smallest)(shape, points, sample, target)


def _upright(box: Box, points: Ring, sample: Sample, target: str) -> Fit[Ring]:
    return Fit(ring_of(*bounds(points)), cut(enclosing_box(box, sample) or (0, 0, 0, 0), sample))


def _turned(box: RotatedBox, points: Ring, sample: Sample, target: str) -> Fit[Ring]:
    ring = corners(box)
    extent = bounds(ring)
    if _centred(extent, sample) and _share(extent, sample) == 1:
        return Fit(ring)
    return _scaled(rect_around(points, box.angle), cut(extent, sample), sample)


def _smallest(shape: Area, points: Ring, sample: Sample, target: str) -> Fit[Ring]:
    box = min_area_rect(points)
    if not (box.w and box.h):
        raise NotExpressible('it has no area')
    return _scaled(box, f'{target} holds rotated boxes: the smallest one around it', sample)


_RECTANGLES: dict[type, Callable[[Any, Ring, Sample, str], Fit[Ring]]] = {Box: _upright, RotatedBox: _turned}
"""How rectangles are fitted, of which `points` are in the image; other areas get the smallest one around them."""


def _scaled(box: RotatedBox, cost: str, sample: Sample) -> Fit[Ring]:
    extent = bounds(corners(box))
    share = _share(extent, sample)
    if share == 1:
        return Fit(corners(box), cost)
    x, y = box.x + box.w / 2 * (1 - share), box.y + box.h / 2 * (1 - share)
    fitted = msgspec.structs.replace(box, x=x, y=y, w=box.w * share, h=box.h * share)
    scaled = max(extent[2] - extent[0] - sample.width, extent[3] - extent[1] - sample.height) > TOLERANCE
    return Fit(
        corners(fitted), '; '.join(filter(None, (cost, 'scaled down to the size of the image' if scaled else '')))
    )


def _centred(extent: Bounds, sample: Sample) -> bool:
    return 0 <= extent[0] + extent[2] <= 2 * sample.width and 0 <= extent[1] + extent[3] <= 2 * sample.height


def _share(extent: Bounds, sample: Sample) -> float:
    """To which share of its size a rectangle must shrink for its upright box to be no larger than the image."""
    return min(1, sample.width / (extent[2] - extent[0]), sample.height / (extent[3] - extent[1]))
