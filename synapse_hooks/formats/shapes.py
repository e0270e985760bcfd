"""What becomes of an annotation in a target that holds only upright boxes, or only polygons.

One rule for all such targets. Whatever reaches out of the image is cut at its edge; up to one pixel that is rounding
noise and not worth a word. What has no area, or lies wholly outside, is dropped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Literal, TypeVar, assert_never

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Keypoints,
    LossReport,
    Mask,
    Part,
    Polygon,
    Ring,
    RotatedBox,
    Sample,
)
from synapse_hooks.data.geometry import Bounds, bounds, clip_bounds, clip_ring, corners, has_area, join, overhang
from synapse_hooks.data.masks import mask_bounds

NOISE = 1.0
"""By how many pixels a shape may reach out of its image without a word in the report."""

_EXACT = 1e-6

T = TypeVar('T')

Shape = Box | RotatedBox | Polygon | Mask | Keypoints


def enclosing_box(shape: Shape, sample: Sample) -> Bounds | None:
    """The smallest upright rectangle around a shape, or None where it has no extent at all."""
    match shape:
        case Box(x, y, w, h):
            return min(x, x + w), min(y, y + h), max(x, x + w), max(y, y + h)
        case RotatedBox():
            return bounds(corners(shape))
        case Polygon():
            points = [point for part in shape.parts for point in part[0]]
            return bounds(points) if points else None
        case Mask():
            return mask_bounds(shape, sample.width, sample.height)
        case Keypoints():
            if shape.box is None:
                return None
            x, y, w, h = shape.box
            return x, y, x + w, y + h
        case _:
            assert_never(shape)


class _Lost(Exception):
    """The annotation cannot be fitted, for this reason."""


class Fitter:
    """Fits annotations into a target, and reports what that costs.

    Args:
        report: Where it is reported.
        target: What the target is called in the reasons: `yolo detect`.
        join: Which rings of a polygon become one ring by seams without width: `all`, or only `holes` with the ring
            around them.
        crowds: Whether the target can say that a region holds a crowd; if not, they are dropped.
        keeps: The attributes that the target can hold; None means all.
        whole: Whether the target counts whole pixels: boxes are rounded to them, and are at least one wide and high.
    """

    def __init__(
        self,
        report: LossReport,
        target: str,
        *,
        join: Literal['all', 'holes'] = 'all',
        crowds: bool = False,
        keeps: Collection[str] | None = (),
        whole: bool = False,
    ) -> None:
        self.report = report
        self.target = target
        self.join = join
        self.crowds = crowds
        self.keeps = keeps
        self.whole = whole

    def box(self, annotation: AnyAnnotation, sample: Sample) -> Bounds | None:
        """The annotation as an upright rectangle inside the image, or None when it was dropped."""
        return self._reported(self._box, annotation, sample)

    def rings(self, annotation: AnyAnnotation, sample: Sample) -> list[Ring] | None:
        """The annotation as polygons inside the image, one ring each, or None when it was dropped."""
        return self._reported(self._rings, annotation, sample)

    def _reported(
        self, fit: Callable[[AnyAnnotation, Sample], tuple[T, str]], annotation: AnyAnnotation, sample: Sample
    ) -> T | None:
        try:
            fitted, cost = fit(annotation, sample)
        except _Lost as lost:
            self.report.dropped(annotation.kind, str(lost), sample.id, annotation.id)
            return None
        if cost:
            self.report.converted(annotation.kind, cost, sample.id, annotation.id)
        if self.keeps is not None and annotation.attributes:
            shape = {'rotation'} if isinstance(annotation, RotatedBox) else set()
            self.report.left_out(annotation.attributes.keys() - shape.union(self.keeps))
        return fitted

    def _box(self, annotation: AnyAnnotation, sample: Sample) -> tuple[Bounds, str]:
        if not isinstance(annotation, Shape):
            raise _Lost(f'{self.target} has no place for it')
        if isinstance(annotation, Keypoints) and _has_shape(annotation, sample):
            raise _Lost(f'{self.target} has no place for it; its object is there')
        if not self.crowds and annotation.attributes.get('iscrowd'):
            raise _Lost(f'{self.target} has no crowd regions')
        found = enclosing_box(annotation, sample)
        if found is None or found[2] <= found[0] or found[3] <= found[1]:
            raise _Lost('it has no area')
        inside = clip_bounds(found, sample.width, sample.height)
        if inside is None:
            raise _Lost('it lies outside the image')
        fitted = _rounded(inside) if self.whole else inside
        if not isinstance(annotation, Box):
            return fitted, f'{self.target} holds boxes: its enclosing box'
        if cut := _cut(found, sample):
            return fitted, cut
        moved = max(abs(before - after) for before, after in zip(inside, fitted, strict=True)) > _EXACT
        return fitted, f'{self.target} counts whole pixels: rounded' if moved else ''

    def _rings(self, annotation: AnyAnnotation, sample: Sample) -> tuple[list[Ring], str]:
        if not isinstance(annotation, Shape):
            raise _Lost(f'{self.target} has no place for it')
        if not self.crowds and annotation.attributes.get('iscrowd'):
            raise _Lost(f'{self.target} has no crowd regions')
        match annotation:
            case Polygon():
                parts, why = annotation.parts, ''
            case RotatedBox():
                parts, why = [[corners(annotation)]], f'{self.target} holds polygons: its four corners'
            case Box():
                left, top, right, bottom = enclosing_box(annotation, sample) or (0, 0, 0, 0)
                ring: Ring = [(left, top), (right, top), (right, bottom), (left, bottom)]
                parts, why = [[ring]], f'{self.target} holds polygons: its four corners'
            case Mask() | Keypoints():
                raise _Lost(f'{self.target} holds polygons, and none was drawn')
            case _:
                assert_never(annotation)
        inside = _inside(parts, sample)
        joined = [join(inside)] if self.join == 'all' else [join([part]) for part in inside]
        if not why and len(joined) < sum(map(len, inside)):
            what = 'parts and holes' if self.join == 'all' else 'holes'
            why = f'{self.target} holds simple rings: {what} are joined by seams'
        if not why and isinstance(annotation, Polygon):
            why = _cut(bounds(point for ring in annotation.rings for point in ring), sample)
        return joined, why


def _inside(parts: list[Part], sample: Sample) -> list[Part]:
    if not any(has_area(part[0]) for part in parts if part):
        raise _Lost('it has no area')
    inside = []
    for part in parts:
        rings = [clip_ring(ring, sample.width, sample.height) for ring in part]
        if rings and has_area(rings[0]):
            inside.append([rings[0], *filter(has_area, rings[1:])])
    if not inside:
        raise _Lost('it lies outside the image')
    return inside


def _rounded(box: Bounds) -> Bounds:
    left, top, right, bottom = map(round, box)
    # Half a pixel at the far edge may round up to the edge itself.
    left, top = min(left, math.ceil(box[2]) - 1), min(top, math.ceil(box[3]) - 1)
    return left, top, max(right, left + 1), max(bottom, top + 1)


def _cut(extent: Bounds, sample: Sample) -> str:
    return "cut at the image's edge" if overhang(extent, sample.width, sample.height) > NOISE else ''


def _has_shape(skeleton: Keypoints, sample: Sample) -> bool:
    """Whether the object of a skeleton is there as a shape of its own."""
    return skeleton.group is not None and any(
        other is not skeleton and other.group == skeleton.group and isinstance(other, Shape)
        for other in sample.annotations
    )
