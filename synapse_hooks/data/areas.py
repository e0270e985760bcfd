"""Annotations that cover pixels: boxes, polygons and masks."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from synapse_hooks.data.annotation import (
    Area,
    Move,
    Rectangle,
    given_bounds,
    has_size,
    moved_box,
    sort_own_box,
    sorted_box,
    upright,
)
from synapse_hooks.data.geometry import Bounds, Part, Ring, bounds, corners, has_area, ring_of
from synapse_hooks.data.masks import mask_bounds


class Box(Area, tag='box'):
    """An upright rectangle: its top-left corner, width and height, in pixels.

    Example:
        >>> Box(10, 20, 80, 40, label='car').kind
        'box'
    """

    x: float
    """Its left edge: pixels from the left edge of the image."""
    y: float
    """Its top edge: pixels from the top edge of the image."""
    w: float
    """Its width; the right edge is at `x + w`."""
    h: float
    """Its height; the bottom edge is at `y + h`."""

    def extent(self, width: int, height: int) -> Bounds | None:
        return upright(self.x, self.y, self.w, self.h)

    def positions(self) -> list[tuple[float, float]]:
        return [(self.x, self.y), (self.x + self.w, self.y + self.h)]

    def outlines(self, width: int, height: int) -> list[Part]:
        return [[ring_of(*upright(self.x, self.y, self.w, self.h))]]

    def is_empty(self) -> bool:
        return not has_size(upright(self.x, self.y, self.w, self.h))

    def magnitude(self) -> float:
        return abs(self.x) + abs(self.y) + abs(self.w) + abs(self.h)

    def geometry(self) -> Any:
        return self.x, self.y, self.w, self.h

    def moved(self, move: Move) -> Box:
        x, y, w, h = moved_box((self.x, self.y, self.w, self.h), move) or (self.x, self.y, self.w, self.h)
        return msgspec.structs.replace(self, x=x, y=y, w=w, h=h)

    def sort_corners(self) -> bool:
        if not (self.w < 0 or self.h < 0) or self.number_fault():
            return False
        self.x, self.y, self.w, self.h = sorted_box(self.x, self.y, self.w, self.h)
        return True


class RotatedBox(Area, tag='rotated_box'):
    """A rectangle `x, y, w, h` as in `Box`, which is then turned around its centre.

    Example:
        >>> from math import pi
        >>> RotatedBox(0, 0, 40, 20, pi / 2).kind  # covers x from 10 to 30 and y from -10 to 30
        'rotated_box'
    """

    x: float
    """Left edge before it is turned, in pixels."""
    y: float
    """Top edge before it is turned, in pixels."""
    w: float
    """Width before it is turned, in pixels."""
    h: float
    """Height before it is turned, in pixels."""
    angle: float
    """In radians, clockwise as one sees it (y points down)."""

    def extent(self, width: int, height: int) -> Bounds | None:
        return bounds(corners(self))

    def positions(self) -> list[tuple[float, float]]:
        return corners(self)

    def outlines(self, width: int, height: int) -> list[Part]:
        return [[corners(self)]]

    def sides(self, around: Bounds) -> tuple[float, float]:
        return abs(self.w), abs(self.h)

    def is_empty(self) -> bool:
        return not (self.w and self.h)

    def magnitude(self) -> float:
        return abs(self.x) + abs(self.y) + abs(self.w) + abs(self.h) + abs(self.angle)

    def geometry(self) -> Any:
        return self.x, self.y, self.w, self.h, self.angle

    def moved(self, move: Move) -> RotatedBox:
        first, second, third, _ = [move.point(x, y) for x, y in corners(self)]
        w, h = math.dist(first, second), math.dist(second, third)
        angle = math.atan2(second[1] - first[1], second[0] - first[0])
        x, y = (first[0] + third[0] - w) / 2, (first[1] + third[1] - h) / 2
        return msgspec.structs.replace(self, x=x, y=y, w=w, h=h, angle=angle)

    def sort_corners(self) -> bool:
        if not (self.w < 0 or self.h < 0) or self.number_fault():
            return False
        self.x, self.y, self.w, self.h = sorted_box(self.x, self.y, self.w, self.h)
        return True


class Polygon(Area, tag='polygon'):
    """An area: one part or several, each an outer ring and its holes.

    Example:
        >>> Polygon.simple([(0, 0), (4, 0), (4, 3)], label='roof').parts
        [[[(0, 0), (4, 0), (4, 3)]]]
    """

    parts: list[Part]
    """Connected areas: `[[outer, hole, ...], ...]`, each ring a list of `(x, y)` in pixels."""
    box: Rectangle | None = None
    """`(x, y, w, h)`: the box that the source gives for it, where it gives one."""

    @classmethod
    def simple(cls, ring: Ring, **fields: Any) -> Polygon:
        """A polygon of one ring, as most are.

        Args:
            ring: `[(x, y), ...]` in pixels, three points or more, the first not repeated at the end.
            **fields: Those of `Annotation`, and `box`.
        """
        return cls([[ring]], **fields)

    @property
    def rings(self) -> list[Ring]:
        """Every ring, outer ones and holes, in order."""
        return [ring for part in self.parts for ring in part]

    def extent(self, width: int, height: int) -> Bounds | None:
        points = [point for part in self.parts if part for point in part[0]]
        return bounds(points) if points else None

    def positions(self) -> list[tuple[float, float]]:
        return [point for part in self.parts for ring in part for point in ring]

    def outlines(self, width: int, height: int) -> list[Part]:
        return self.parts

    def given_box(self) -> Bounds | None:
        return given_bounds(self.box)

    def is_empty(self) -> bool:
        return not any(part and has_area(part[0]) for part in self.parts)

    def magnitude(self) -> float:
        total = sum(abs(x) + abs(y) for ring in self.rings for x, y in ring)
        return total + sum(map(abs, self.box or ()))

    def geometry(self) -> Any:
        return self.parts

    def moved(self, move: Move) -> Polygon:
        parts = [[[move.point(x, y) for x, y in ring] for ring in part] for part in self.parts]
        return msgspec.structs.replace(self, parts=parts, box=moved_box(self.box, move))

    def sort_corners(self) -> bool:
        return sort_own_box(self)


class Mask(Area, tag='mask'):
    """An area of whole pixels, as runs.

    Example:
        >>> # The pixels (3, 2), (4, 2) and (5, 2) of an image that is 100 wide:
        >>> Mask([(203, 3)], label='scratch').kind
        'mask'
    """

    runs: list[tuple[int, int]]
    """`(start, length)` in pixels, ascending: `start` is `y * width + x`, counted row by row."""
    columns: bool = False
    """Whether runs are counted column by column, as COCO does: `start` is `x * height + y`."""
    box: Rectangle | None = None
    """`(x, y, w, h)`: the box that the source gives for it, where it gives one."""

    def extent(self, width: int, height: int) -> Bounds | None:
        return mask_bounds(self, width, height) if width and height else None

    def outlines(self, width: int, height: int) -> list[Part]:
        # Few datasets need it, and it needs numpy.
        from synapse_hooks.data.trace import trace

        return trace(self, width, height) if self.runs else []

    def given_box(self) -> Bounds | None:
        return given_bounds(self.box)

    def is_empty(self) -> bool:
        return not any(length > 0 for _, length in self.runs)

    def magnitude(self) -> float:
        return sum(map(abs, self.box or ()))

    def geometry(self) -> Any:
        return self.columns, self.runs

    def moved(self, move: Move) -> Mask | Polygon:
        moved: Mask | Polygon = move.mask(self)
        return msgspec.structs.replace(moved, box=moved_box(self.box, move))

    def sort_corners(self) -> bool:
        return sort_own_box(self)
