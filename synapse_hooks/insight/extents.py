"""The extent of an annotation, and its geometry for comparisons."""

from __future__ import annotations

from typing import Any

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Classification,
    Keypoint,
    Keypoints,
    Mask,
    Polygon,
    Polyline,
    RotatedBox,
    Sample,
)
from synapse_hooks.data.geometry import Bounds, bounds, corners, has_area
from synapse_hooks.data.masks import mask_bounds

POINT_KINDS = (Keypoint, Keypoints)
"""Kinds whose points are checked one by one."""


def extent(annotation: AnyAnnotation, sample: Sample) -> Bounds | None:
    """The smallest upright rectangle around an annotation, in pixels; None if it has no position or no points.

    Example:
        >>> extent(Box(8, 2, -4, 3), Sample('a'))
        (4, 2, 8, 5)
    """
    match annotation:
        case Box(x, y, w, h):
            return min(x, x + w), min(y, y + h), max(x, x + w), max(y, y + h)
        case RotatedBox():
            return bounds(corners(annotation))
        case Polygon():
            points = [point for part in annotation.parts for point in (part[0] if part else ())]
            return bounds(points) if points else None
        case Mask():
            return mask_bounds(annotation, sample.width, sample.height) if sample.width and sample.height else None
        case Polyline():
            return bounds(annotation.points) if annotation.points else None
        case Keypoints(box=box) if box is not None:
            x, y, w, h = box
            return x, y, x + w, y + h
        case _:
            return None


def covers_nothing(annotation: AnyAnnotation, around: Bounds | None) -> bool:
    """Whether a shape that should have an area has none. `around` is its extent."""
    match annotation:
        case Polygon():
            return not any(part and has_area(part[0]) for part in annotation.parts)
        case Mask():
            return not any(length > 0 for _, length in annotation.runs)
        case RotatedBox(w=w, h=h):
            return not (w and h)
        case Box() | Keypoints():
            return around is not None and not (around[2] > around[0] and around[3] > around[1])
        case Polyline():
            return len(set(annotation.points)) < 2
        case _:
            return False


def visible(annotation: AnyAnnotation) -> list[tuple[float, float]]:
    """The points of a skeleton or a single joint that are not missing."""
    match annotation:
        case Keypoint(x=x, y=y, visibility=visibility):
            return [(x, y)] if visibility else []
        case Keypoints():
            return [(joint.x, joint.y) for joint in annotation.points if joint.visibility]
        case _:
            return []


def geometry(annotation: AnyAnnotation) -> Any:
    """A value that is equal for annotations of one kind and equal geometry; None for kinds that are not compared."""
    match annotation:
        case Box(x, y, w, h):
            return x, y, w, h
        case RotatedBox(x, y, w, h, angle):
            return x, y, w, h, angle
        case Polygon():
            return annotation.parts
        case Mask():
            return annotation.columns, annotation.runs
        case Polyline() | Keypoints():
            return annotation.points
        case Keypoint(x=x, y=y, visibility=visibility):
            # Missing joints all have the coordinates 0, 0.
            return (x, y, annotation.group) if visibility else None
        case Classification():
            return ()
        case _:
            return None
