"""Annotations that are points, lines, or not drawn at all; and the list of all kinds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from synapse_hooks.data.annotation import (
    Annotation,
    Move,
    Rectangle,
    Shape,
    given_bounds,
    has_size,
    moved_box,
    sort_own_box,
    upright,
)
from synapse_hooks.data.areas import Box, Mask, Polygon, RotatedBox
from synapse_hooks.data.geometry import Bounds, Ring, bounds


class Joint(NamedTuple):
    """A point of a skeleton.

    Example:
        >>> Joint(12.5, 30)
        Joint(x=12.5, y=30, visibility=2)
    """

    x: float
    """Pixels from the left edge of the image."""
    y: float
    """Pixels from its top edge."""
    visibility: int = 2
    """0 missing (x and y mean nothing), 1 occluded, 2 visible."""


class Polyline(Annotation, tag='polyline'):
    """An open line."""

    points: Ring
    """`[(x, y), ...]` in pixels, from one end to the other."""

    def extent(self, width: int, height: int) -> Bounds | None:
        return bounds(self.points) if self.points else None

    def positions(self) -> Ring:
        return self.points

    def is_empty(self) -> bool:
        return len(set(self.points)) < 2

    def magnitude(self) -> float:
        return sum(abs(x) + abs(y) for x, y in self.points)

    def geometry(self) -> Any:
        return self.points

    def moved(self, move: Move) -> Polyline:
        return msgspec.structs.replace(self, points=[move.point(x, y) for x, y in self.points])


class Keypoint(Annotation, tag='keypoint'):
    """One joint by itself; `label` names the joint, `group` says which object it belongs to."""

    x: float
    """Pixels from the left edge of the image."""
    y: float
    """Pixels from its top edge."""
    visibility: int = 2
    """0 missing, 1 occluded, 2 visible."""

    def positions(self) -> Ring:
        return [(self.x, self.y)] if self.visibility else []

    def joints(self) -> Sequence[Joint]:
        return [Joint(self.x, self.y, self.visibility)]

    def magnitude(self) -> float:
        return abs(self.x) + abs(self.y)

    def geometry(self) -> Any:
        # Missing joints all have the coordinates 0, 0.
        return (self.x, self.y, self.group) if self.visibility else None

    def moved(self, move: Move) -> Keypoint:
        x, y = move.point(self.x, self.y) if self.visibility else (self.x, self.y)
        return msgspec.structs.replace(self, x=x, y=y)


class Keypoints(Shape, tag='keypoints'):
    """A whole skeleton of one object; `label` is the object's class."""

    points: list[Joint]
    """The joints, in the order of the skeleton, missing ones included."""
    names: list[str] = []
    """The joints' names in the same order, where the source knows them; else empty."""
    box: Rectangle | None = None
    """The object's box `(x, y, w, h)` in pixels, where the source gives one."""

    def extent(self, width: int, height: int) -> Bounds | None:
        return None if self.box is None else upright(*self.box)

    def positions(self) -> Ring:
        return [(joint.x, joint.y) for joint in self.points if joint.visibility]

    def joints(self) -> Sequence[Joint]:
        return self.points

    def given_box(self) -> Bounds | None:
        return given_bounds(self.box)

    def is_empty(self) -> bool:
        return self.box is not None and not has_size(upright(*self.box))

    def magnitude(self) -> float:
        total = sum(abs(joint.x) + abs(joint.y) for joint in self.points if joint.visibility)
        return total + sum(map(abs, self.box or ()))

    def geometry(self) -> Any:
        return self.points

    def moved(self, move: Move) -> Keypoints:
        joints = [Joint(*move.point(x, y), v) if v else Joint(x, y, v) for x, y, v in self.points]
        return msgspec.structs.replace(self, points=joints, box=moved_box(self.box, move))

    def sort_corners(self) -> bool:
        return sort_own_box(self)


class Classification(Annotation, tag='classification'):
    """A class of the whole image."""

    def geometry(self) -> Any:
        return ()


class Relation(Annotation, tag='relation'):
    """Says that one annotation relates to another in the way that `label` names."""

    source: str
    """The id of an annotation of the same sample."""
    target: str
    """The id of the other one."""

    def follow(self, ids: Mapping[str, str]) -> None:
        self.source, self.target = ids.get(self.source, self.source), ids.get(self.target, self.target)


class Group(Annotation, tag='group'):
    """Says that annotations of the sample belong together."""

    members: list[str]
    """Their ids."""

    def follow(self, ids: Mapping[str, str]) -> None:
        self.members = [ids.get(member, member) for member in self.members]


class Other(Annotation, tag='other'):
    """Anything else, carried through untouched: other media (3D boxes, video sections, ...) and unknown tools."""

    tool: str
    """Where it belongs in a DM document: `pcds.3d_bounding_box`, `videos.segmentation`, `images.some_tool`."""
    document: Any = None
    """Its content, as the source has it."""
    fault: str = ''
    """What is wrong with it, if its kind is known but its content is malformed."""

    @property
    def kind(self) -> str:
        """The same as `tool`."""
        return self.tool

    def malformed(self) -> str:
        return self.fault


AnyAnnotation = (
    Box | RotatedBox | Polygon | Polyline | Keypoint | Keypoints | Mask | Classification | Relation | Group | Other
)
"""What a sample holds."""
