"""Common parts of fitting: the shapes, their extents, and the part of them that lies in the image."""

from __future__ import annotations

import math
from typing import Generic, NamedTuple, TypeVar, assert_never

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Keypoint,
    Keypoints,
    Mask,
    Part,
    Polygon,
    Polyline,
    Ring,
    RotatedBox,
    Sample,
)
from synapse_hooks.data.geometry import Bounds, bounds, clip_ring, corners, has_area, overhang
from synapse_hooks.data.masks import mask_bounds

TOLERANCE = 1.0
"""By how many pixels a shape may reach out of its image without being reported."""

EXACT = 1e-6
"""By how many pixels two numbers may differ that mean the same."""

_COMPUTABLE = 1e100
"""Pixels: products of larger numbers are not finite any more."""

T = TypeVar('T')

Shape = Box | RotatedBox | Polygon | Mask | Keypoints


class NotExpressible(Exception):
    """The annotation cannot be fitted, for this reason."""


class Fit(NamedTuple, Generic[T]):
    """An annotation as the target can hold it."""

    value: T
    cost: str = ''
    """What is lost; empty if nothing is."""
    outside: int = 0
    """How many of the source's single joints lie outside the image."""


def enclosing_box(shape: Shape, sample: Sample) -> Bounds | None:
    """The smallest upright rectangle around a shape, or None where it has no extent at all.

    Where the source gives a box of its own for a polygon or mask, it is that one.
    """
    match shape:
        case Box(x, y, w, h):
            return _upright(x, y, w, h)
        case RotatedBox():
            return bounds(corners(shape))
        case Polygon() | Mask() | Keypoints() if shape.box is not None and shape.box[2] and shape.box[3]:
            return _upright(*shape.box)
        case Polygon():
            points = [point for part in shape.parts if part for point in part[0]]
            return bounds(points) if points else None
        case Mask():
            return mask_bounds(shape, sample.width, sample.height)
        case Keypoints():
            return None
        case _:
            assert_never(shape)


def _upright(x: float, y: float, w: float, h: float) -> Bounds:
    return min(x, x + w), min(y, y + h), max(x, x + w), max(y, y + h)


NOT_FINITE = 'a coordinate is not finite'
FAULTS = ('a coordinate', 'it has no', 'it is malformed', 'it lies outside')
"""The beginnings of reasons that are faults of the annotation, not of the target."""


def number_fault(shape: Shape | Polyline | Keypoint) -> str:
    """Why its numbers cannot be computed with; empty where they can. Missing joints do not count."""
    try:
        total = float(_total(shape))
    except OverflowError:
        return 'a coordinate is too large'
    if not math.isfinite(total):
        return NOT_FINITE
    return 'a coordinate is too large' if total > _COMPUTABLE else ''


def _total(shape: Shape | Polyline | Keypoint) -> float:
    """The sum of the amounts of all its numbers."""
    match shape:
        case Box(x, y, w, h):
            return abs(x) + abs(y) + abs(w) + abs(h)
        case RotatedBox(x, y, w, h, angle):
            return abs(x) + abs(y) + abs(w) + abs(h) + abs(angle)
        case Polygon():
            total = sum(abs(x) + abs(y) for ring in shape.rings for x, y in ring)
        case Polyline(points):
            return sum(abs(x) + abs(y) for x, y in points)
        case Keypoint(x, y):
            return abs(x) + abs(y)
        case Keypoints():
            total = sum(abs(joint.x) + abs(joint.y) for joint in shape.points if joint.visibility)
        case Mask():
            total = 0
        case _:
            assert_never(shape)
    return total + sum(map(abs, shape.box or ()))


def parts_of(shape: Box | RotatedBox | Polygon | Mask, sample: Sample) -> list[Part]:
    """A shape as polygons, as far as it may reach. A mask is traced along the edges of its pixels."""
    match shape:
        case Polygon():
            return shape.parts
        case RotatedBox():
            return [[corners(shape)]]
        case Box(x, y, w, h):
            return [[ring_of(*_upright(x, y, w, h))]]
        case Mask():
            # Only masks need numpy.
            from synapse_hooks.data.trace import trace

            if shape.runs and not (traced := trace(shape, sample.width, sample.height)):
                raise NotExpressible('it lies outside the image')
            return traced if shape.runs else []
        case _:
            assert_never(shape)


def ring_of(left: float, top: float, right: float, bottom: float) -> Ring:
    """The corners of an upright rectangle, clockwise."""
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def inside(parts: list[Part], sample: Sample) -> list[Part]:
    """What lies in the image.

    Raises:
        NotExpressible: Nothing does.
    """
    if not any(has_area(part[0]) for part in parts if part):
        raise NotExpressible('it has no area')
    found = []
    for part in parts:
        rings = [clip_ring(ring, sample.width, sample.height) for ring in part]
        if rings and has_area(rings[0]):
            found.append([rings[0], *filter(has_area, rings[1:])])
    if not found:
        raise NotExpressible('it lies outside the image')
    return found


CUT = "cut at the image's edge"


def cut(extent: Bounds, sample: Sample) -> str:
    """What it costs to cut something of this extent at the image's edge."""
    return CUT if overhang(extent, sample.width, sample.height) > TOLERANCE else ''


def same_object(one: AnyAnnotation, other: AnyAnnotation) -> bool:
    """Whether two annotations of a sample say that they belong to one object."""
    return one.group is not None and one.group == other.group and one.entry == other.entry
