"""What every kind of annotation says of itself, so that code for any kind need not ask which one it is.

`Annotation` has the answers of what has no position, `Shape` is an object, `Area` an object that covers pixels. A new
kind is a class that derives from one of them, a member of `AnyAnnotation`, and an entry in the table of each format
that writes it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from synapse_hooks.data.geometry import Bounds, Part, bounds

NOT_FINITE = 'a coordinate is not finite'
_COMPUTABLE = 1e100
"""Pixels: products of larger numbers are not finite any more."""

Rectangle = tuple[float, float, float, float]
"""`(x, y, w, h)` in pixels: the top-left corner, width and height."""


class Move(Protocol):
    """Where things of one image are in another image of the same scene: one that is turned, or has another size."""

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Where a point is."""

    def mask(self, mask: Any) -> Any:
        """A `Mask` where its pixels are: a mask, or a polygon around them."""


class Annotation(Struct, kw_only=True, tag_field='kind', tag='annotation'):
    """What all annotations have in common. Use one of the classes below; `Other` is for everything they cannot hold."""

    id: str = ''
    """Unique within a sample, or empty: a writer that needs one makes one."""
    label: str = ''
    """The name of the class; of a `Keypoint`, the name of the joint."""
    attributes: dict[str, Any] = {}
    """Further values, by name, in the order of the source."""
    group: str | None = None
    """Annotations of one sample with equal `group` belong to one object."""
    entry: int = 0
    """Which of several entries for the same file it came from; 0 but for odd DM documents."""
    extra: dict[str, Any] = {}
    """What a format needs to give back its own document unchanged, under the format's name. Others leave it alone."""

    @property
    def kind(self) -> str:
        """The name under which it is counted: `box`, `polygon`, `videos.segmentation`, ..."""
        return str(self.__struct_config__.tag)

    def malformed(self) -> str:
        """What is wrong with its content, if that could not be read; else empty."""
        return ''

    def extent(self, width: int, height: int) -> Bounds | None:
        """The smallest upright rectangle around it; None if it has no position, or nothing in it.

        Args:
            width: Of the image, in pixels.
            height: The same.

        Example:
            >>> from synapse_hooks.data import Box, Classification
            >>> Box(8, 2, -4, 3).extent(10, 10), Classification().extent(10, 10)
            ((4, 2, 8, 5), None)
        """
        return None

    def positions(self) -> list[tuple[float, float]]:
        """The points by which it is drawn, without missing joints; none of a mask."""
        return []

    def joints(self) -> Sequence[tuple[float, float, int]]:
        """The joints `(x, y, visibility)` of a skeleton, or a single one; none of other kinds."""
        return ()

    def is_empty(self) -> bool:
        """Whether it should cover something, and covers nothing.

        Example:
            >>> from synapse_hooks.data import Box, Classification
            >>> Box(1, 2, 0, 3).is_empty(), Classification().is_empty()
            (True, False)
        """
        return False

    def magnitude(self) -> float:
        """The sum of the amounts of all its numbers; those of missing joints do not count."""
        return 0

    def number_fault(self) -> str:
        """Why its numbers cannot be computed with; empty where they can.

        Example:
            >>> from synapse_hooks.data import Box, Keypoint
            >>> Box(1, 2, 3, float('nan')).number_fault(), Keypoint(1, 10**400).number_fault()
            ('a coordinate is not finite', 'a coordinate is too large')
        """
        try:
            total = float(self.magnitude())
        except OverflowError:
            return 'a coordinate is too large'
        if not math.isfinite(total):
            return NOT_FINITE
        return 'a coordinate is too large' if total > _COMPUTABLE else ''

    def geometry(self) -> Any:
        """A value that is equal for annotations of one kind and equal geometry; None if they are not compared."""
        return None

    def moved(self, move: Move) -> Any:
        """The same in an image that is turned or scaled: an annotation."""
        return self

    def follow(self, ids: Mapping[str, str]) -> None:
        """Refer to other annotations by their new ids.

        Args:
            ids: The new ids, by the old ones.
        """

    def sort_corners(self) -> bool:
        """Sort the corners of its box, if they are in reverse order so that its size is negative.

        Returns:
            Whether they were.
        """
        return False


class Shape(Annotation):
    """An object in the image: its label is a class of objects."""

    def sides(self, around: Bounds) -> tuple[float, float]:
        """Its width and height, before it is turned. `around` is its extent."""
        return around[2] - around[0], around[3] - around[1]

    def given_box(self) -> Bounds | None:
        """The box that the source gives for it beside its own geometry, if that has a size."""
        return None


class Area(Shape):
    """An object that covers pixels."""

    def outlines(self, width: int, height: int) -> list[Part]:
        """The area as polygons, as far as it may reach. A mask is traced along the edges of its pixels.

        Args:
            width: Of the image, in pixels.
            height: The same.
        """
        raise NotImplementedError


def upright(x: float, y: float, w: float, h: float) -> Bounds:
    """The bounds of a box, also of one whose size is negative.

    Example:
        >>> upright(8, 2, -4, 3)
        (4, 2, 8, 5)
    """
    return min(x, x + w), min(y, y + h), max(x, x + w), max(y, y + h)


def sorted_box(x: float, y: float, w: float, h: float) -> Rectangle:
    """The same box with a size that is not negative.

    Example:
        >>> sorted_box(8, 2, -4, 3)
        (4, 2, 4, 3)
    """
    return min(x, x + w), min(y, y + h), abs(w), abs(h)


def sort_own_box(shape: Any) -> bool:
    """`Annotation.sort_corners` of what has a `box` beside its own geometry."""
    box = shape.box
    if box is None or not (box[2] < 0 or box[3] < 0) or shape.number_fault():
        return False
    shape.box = sorted_box(*box)
    return True


def given_bounds(box: Rectangle | None) -> Bounds | None:
    """`Shape.given_box` of what has a `box` beside its own geometry."""
    return upright(*box) if box is not None and box[2] and box[3] else None


def has_size(around: Bounds) -> bool:
    """Whether bounds have an area."""
    return around[2] > around[0] and around[3] > around[1]


def moved_box(box: Rectangle | None, move: Move) -> Rectangle | None:
    """The upright box around a box that was moved."""
    if box is None:
        return None
    x, y, w, h = box
    left, top, right, bottom = bounds(move.point(*corner) for corner in ((x, y), (x + w, y + h)))
    return left, top, right - left, bottom - top
