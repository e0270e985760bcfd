"""Checks of one sample."""

from __future__ import annotations

import math
from collections.abc import Iterator

from synapse_hooks.data import AnyAnnotation, Mask, Sample, Shape
from synapse_hooks.data.geometry import Bounds, overhang
from synapse_hooks.data.masks import beyond
from synapse_hooks.insight.problems import MARGIN, TINY

Issue = tuple[str, str, str]
"""The id of a problem, the id of the annotation, and details."""


def check(annotation: AnyAnnotation, around: Bounds | None, sample: Sample) -> Iterator[Issue]:
    """Check one annotation by itself.

    Args:
        annotation: The annotation.
        around: Its extent.
        sample: The sample that has it. Without a known image size, edges are not checked.
    """
    if not annotation.label and isinstance(annotation, Shape):
        yield 'unlabelled', annotation.id, annotation.kind
    if fault := annotation.malformed():
        yield 'malformed', annotation.id, f'{annotation.kind}: {fault}'
    if isinstance(annotation, Mask) and sample.width:
        yield from _check_pixels(annotation, around, sample)
    yield from _check_joints(annotation, sample)
    if around is not None and not math.isfinite(sum(around)):
        yield 'not-finite', annotation.id, annotation.kind
    elif annotation.is_empty():
        yield 'empty', annotation.id, annotation.kind
    elif around is not None:
        yield from _check_extent(annotation, around, sample)


def _check_pixels(mask: Mask, around: Bounds | None, sample: Sample) -> Iterator[Issue]:
    if beyond(mask.runs, sample.width * sample.height):
        where = f'pixels beyond those of {sample.width} x {sample.height}'
        yield ('outside', mask.id, f'mask, only {where}') if around is None else ('beyond', mask.id, f'mask, {where}')


def _check_joints(annotation: AnyAnnotation, sample: Sample) -> Iterator[Issue]:
    for x, y, visibility in annotation.joints():
        if not visibility:
            continue
        if not math.isfinite(x + y):
            yield 'not-finite', annotation.id, annotation.kind
        elif sample.width and overhang((x, y, x, y), sample.width, sample.height) > MARGIN:
            yield 'keypoint-outside', annotation.id, f'{x:g}, {y:g} in {sample.width} x {sample.height}'


def _check_extent(annotation: AnyAnnotation, around: Bounds, sample: Sample) -> Iterator[Issue]:
    left, top, right, bottom = around
    if sample.width:
        reach = overhang(around, sample.width, sample.height)
        inside = min(sample.width - left, sample.height - top, right, bottom)
        # A line may run along the edge.
        if inside < 0 or (inside == 0 and isinstance(annotation, Shape)):
            where = f'from {left:g}, {top:g} to {right:g}, {bottom:g} in {sample.width} x {sample.height}'
            yield 'outside', annotation.id, f'{annotation.kind} {where}'
        elif reach > MARGIN:
            yield 'beyond', annotation.id, f'{annotation.kind}, by {reach:.4g} px'
    if not isinstance(annotation, Shape):
        return
    wide, high = annotation.sides(around)
    if wide < TINY or high < TINY:
        yield 'tiny', annotation.id, f'{annotation.kind}, {wide:.3g} x {high:.3g} px'


class DuplicateAnnotations:
    """Finds equal annotations in one sample. Make one for each sample.

    Example:
        >>> from synapse_hooks.data import Box
        >>> duplicates = DuplicateAnnotations()
        >>> [list(duplicates.add(Box(0, 0, 4, 4, label='car', id=id), (0, 0, 4, 4))) for id in 'ab']
        [[], [('duplicate-annotation', 'b', 'box, the same as a')]]
    """

    def __init__(self) -> None:
        self._seen: dict[tuple[type, str, Bounds | None], list[AnyAnnotation]] = {}

    def add(self, annotation: AnyAnnotation, around: Bounds | None) -> Iterator[Issue]:
        """Add an annotation; yields an issue if an equal one was added before."""
        key = (type(annotation), annotation.label, around)
        before = self._seen.get(key)
        if before is None:
            self._seen[key] = [annotation]
            return
        # Few annotations have the same extent, so geometries are seldom compared.
        mine = annotation.geometry()
        for other in before:
            if mine is not None and other.geometry() == mine:
                reference = f', the same as {other.id}' if other.id else ''
                yield 'duplicate-annotation', annotation.id, f'{annotation.kind}{reference}'
                return
        before.append(annotation)
