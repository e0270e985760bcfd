"""Common parts of fitting: the shapes, their extents, and the part of them that lies in the image."""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from synapse_hooks.data import Annotation, Area, Part, Sample, Shape
from synapse_hooks.data.geometry import Bounds, clip_ring, has_area, overhang

TOLERANCE = 1.0
"""By how many pixels a shape may reach out of its image without being reported."""

EXACT = 1e-6
"""By how many pixels two numbers may differ that mean the same."""

T = TypeVar('T')


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

    Where the source gives a box of its own for a shape, it is that one.
    """
    return shape.given_box() or (shape.extent(sample.width, sample.height) if isinstance(shape, Area) else None)


FAULTS = ('a coordinate', 'it has no', 'it is malformed', 'it lies outside')
"""The beginnings of reasons that are faults of the annotation, not of the target."""


def parts_of(shape: Area, sample: Sample) -> list[Part]:
    """A shape as polygons, as far as it may reach. A mask is traced along the edges of its pixels."""
    parts = shape.outlines(sample.width, sample.height)
    if not parts and not shape.is_empty():
        raise NotExpressible('it lies outside the image')
    return parts


def inside(parts: list[Part], sample: Sample) -> list[Part]:
    """What lies in the image.

    Raises:
        NotExpressible: Nothing does.
    """
    if not any(has_area(part[0]) for part in parts if part):
        raise NotExpressible('it has no area')
    clipped = []
    for part in parts:
        rings = [clip_ring(ring, sample.width, sample.height) for ring in part]
        if rings and has_area(rings[0]):
            clipped.append([rings[0], *filter(has_area, rings[1:])])
    if not clipped:
        raise NotExpressible('it lies outside the image')
    return clipped


CUT = "cut at the image's edge"


def cut(extent: Bounds, sample: Sample) -> str:
    """What it costs to cut something of this extent at the image's edge."""
    return CUT if overhang(extent, sample.width, sample.height) > TOLERANCE else ''


def same_object(one: Annotation, other: Annotation) -> bool:
    """Whether two annotations of a sample say that they belong to one object."""
    return one.group is not None and one.group == other.group and one.entry == other.entry
