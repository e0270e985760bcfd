"""Skeletons: from the single joints of a DM document to one annotation, and the order of joints that targets share."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from synapse_hooks.data.annotation import Area
from synapse_hooks.data.annotations import AnyAnnotation, Group, Joint, Keypoint, Keypoints
from synapse_hooks.data.areas import Box
from synapse_hooks.data.geometry import bounds

PERSON = (
    'nose',
    'left_eye',
    'right_eye',
    'left_ear',
    'right_ear',
    'left_shoulder',
    'right_shoulder',
    'left_elbow',
    'right_elbow',
    'left_wrist',
    'right_wrist',
    'left_hip',
    'right_hip',
    'left_knee',
    'right_knee',
    'left_ankle',
    'right_ankle',
)
"""The joints of a person in COCO's order (cocodataset.org, keypoints)."""

_BOX_KEYS = ('group_bbox', 'bounding_box')
_MADE_OF = 'skeletons'
_WORDS = re.compile(r'[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_a-zA-Z]+')
_SIDES = {'l': 'left', 'r': 'right'}
_MIRRORED = {'left': 'right', 'right': 'left'}

_Key = tuple[int, str]


def assemble(annotations: list[AnyAnnotation]) -> list[AnyAnnotation]:
    """The annotations of a sample, with one `Keypoints` for the joints of each object instead of a `Keypoint` each.

    Joints are of one object when their `group` is the same, or when a `Group` names them. That group goes, as its
    joints do; the skeleton stands where the first of them stood. Its class is the group's label, else the label of the
    object's own shape, else ''. Its box is `group_bbox` or `bounding_box` of a joint's row in a DM document, else what
    surrounds the boxes of the object, which stay and get the group of the skeleton. A joint whose name the object has
    already, and one without a group, stays a `Keypoint`.

    The labels and attributes of joints and group are kept in the skeleton's attributes: the group's as they are,
    a joint's as `nose.colour`. `made_of` has the number of annotations that went into it.

    Example:
        >>> made = assemble([
        ...     Keypoint(3, 4, label='nose', group='g'),
        ...     Keypoint(5, 3, label='left_eye', group='g'),
        ...     Box(0, 0, 9, 9, id='b', label='dog', group='g'),
        ... ])
        >>> [annotation.kind for annotation in made], made[0].label, made[0].names, made[0].box
        (['keypoints', 'box'], 'dog', ['nose', 'left_eye'], (0, 0, 9, 9))
    """
    if not has_joints(annotations):
        return annotations
    keys = _keys(annotations)
    objects: dict[_Key, _Object] = {}
    for annotation, key in zip(annotations, keys, strict=True):
        if key is not None and isinstance(annotation, Keypoint):
            objects.setdefault(key, _Object()).take(annotation)
    for annotation, key in zip(annotations, keys, strict=True):
        if key in objects and isinstance(annotation, Group | Area):
            objects[key].belongs(annotation)
    assembled: list[AnyAnnotation] = []
    for annotation, key in zip(annotations, keys, strict=True):
        if key is None or key not in objects:
            assembled.append(annotation)
        elif objects[key].consumed(annotation):
            if annotation is objects[key].joints[0]:
                assembled.append(objects[key].skeleton(key))
        elif isinstance(annotation, Area) and annotation.group is None:
            assembled.append(msgspec.structs.replace(annotation, group=key[1]))
        else:
            assembled.append(annotation)
    return assembled


def has_joints(annotations: Iterable[AnyAnnotation]) -> bool:
    """Whether there is a single joint among them, which `assemble` may make part of a skeleton."""
    return any(type(annotation) is Keypoint for annotation in annotations)


def made_of(annotation: AnyAnnotation) -> Mapping[str, int]:
    """How many annotations of which kinds the source has for this one: a skeleton may have been joints and a group.

    Example:
        >>> made_of(Box(0, 0, 1, 1))
        {'box': 1}
    """
    kinds: Mapping[str, int] | None = annotation.extra.get(_MADE_OF)
    return kinds if kinds is not None else {annotation.kind: 1}


def _keys(annotations: list[AnyAnnotation]) -> list[_Key | None]:
    """The object that each annotation belongs to: that of its own `group`, else that of the group that names it."""
    joint_groups = {
        (one.entry, one.id): one.group for one in annotations if isinstance(one, Keypoint) and one.group is not None
    }
    named: dict[_Key, str] = {}
    of_group: dict[_Key, str] = {}
    for one in annotations:
        if isinstance(one, Group):
            others = {joint_groups[one.entry, id] for id in one.members if (one.entry, id) in joint_groups}
            # A group of the joints of several objects is about none of them.
            if one.id in others or len(others) < 2:
                of_group[one.entry, one.id] = one.id if one.id in others or not others else others.pop()
                for id in one.members:
                    named.setdefault((one.entry, id), of_group[one.entry, one.id])
    keys = []
    for one in annotations:
        place = (one.entry, one.id)
        key = of_group.get(place) if isinstance(one, Group) else named.get(place) if one.group is None else one.group
        keys.append((one.entry, key) if key is not None else None)
    return keys


class _Object:
    """What is known of an object that has joints."""

    def __init__(self) -> None:
        self.joints: list[Keypoint] = []
        self.names: set[str] = set()
        self.groups: list[Group] = []
        self.shapes: list[Area] = []

    def take(self, joint: Keypoint) -> None:
        if joint.label not in self.names:
            self.names.add(joint.label)
            self.joints.append(joint)

    def belongs(self, annotation: Group | Area) -> None:
        if isinstance(annotation, Group):
            self.groups.append(annotation)
        else:
            self.shapes.append(annotation)

    def consumed(self, annotation: AnyAnnotation) -> bool:
        return any(annotation is other for other in (*self.joints, *self.groups))

    def skeleton(self, key: _Key) -> Keypoints:
        attributes: dict[str, Any] = {}
        for group in self.groups:
            attributes.update(group.attributes)
        for joint in self.joints:
            attributes.update({f'{joint.label}.{name}': value for name, value in joint.attributes.items()})
        shapes = sorted(self.shapes, key=lambda shape: not isinstance(shape, Box))
        return Keypoints(
            [Joint(joint.x, joint.y, joint.visibility) for joint in self.joints],
            names=[joint.label for joint in self.joints],
            box=self._given_box() or self._box(),
            id=self.groups[0].id if self.groups else self.joints[0].id,
            label=next((other.label for other in (*self.groups, *shapes) if other.label), ''),
            attributes=attributes,
            group=key[1],
            entry=key[0],
            extra={_MADE_OF: dict(Counter(other.kind for other in (*self.joints, *self.groups)))},
        )

    def _given_box(self) -> tuple[float, float, float, float] | None:
        for joint in self.joints:
            rest = joint.extra.get('dm', {}).get('rest', {})
            for given in (rest.get(key) for key in _BOX_KEYS):
                if isinstance(given, dict):
                    given = [given.get(side) for side in ('x', 'y', 'width', 'height')]
                if isinstance(given, list) and len(given) == 4 and all(type(side) in (int, float) for side in given):
                    x, y, w, h = given
                    return x, y, w, h
        return None

    def _box(self) -> tuple[float, float, float, float] | None:
        boxes = [shape for shape in self.shapes if isinstance(shape, Box)]
        if len(boxes) < 2:
            return (boxes[0].x, boxes[0].y, boxes[0].w, boxes[0].h) if boxes else None
        corners = [(box.x, box.y) for box in boxes] + [(box.x + box.w, box.y + box.h) for box in boxes]
        left, top, right, bottom = bounds(corners)
        return left, top, right - left, bottom - top


def joint_order(names: Iterable[str]) -> tuple[str, ...]:
    """Joints in an order that does not depend on where they occur: those of a person as COCO has them, then sorted.

    Example:
        >>> joint_order({'right_eye', 'nose', 'left_eye'})
        ('nose', 'left_eye', 'right_eye')
        >>> joint_order(['tail', 'head'])
        ('head', 'tail')
    """
    return tuple(sorted(set(names), key=lambda name: (_PLACES.get(frozenset(_meaning(name)), math.inf), name)))


def flip_index(names: Sequence[str]) -> list[int]:
    """For each joint the place of its mirror image, as `flip_idx` of ultralytics has it; its own if there is none.

    The sides are words of a name: `left_eye` and `right_eye`, `l_eye`, `eye_left`, `LeftEye`, `eye.L`.

    Example:
        >>> flip_index(['nose', 'left_eye', 'right_eye', 'left_horn'])
        [0, 2, 1, 3]
    """
    meanings = [_meaning(name) for name in names]
    counts = Counter(meanings)
    places = {meaning: place for place, meaning in enumerate(meanings) if counts[meaning] == 1}
    mirrored = [tuple(_MIRRORED.get(word, word) for word in meaning) for meaning in meanings]
    return [
        places.get(mirror, place) if counts[meaning] == 1 else place
        for place, (meaning, mirror) in enumerate(zip(meanings, mirrored, strict=True))
    ]


def arrange(skeleton: Keypoints, order: Sequence[str]) -> list[Joint]:
    """A skeleton's joints in the order of a dataset, `Joint(0, 0, 0)` for those it does not have.

    Joints without names are taken to be in that order already. What is not in the order is left out.

    Example:
        >>> arrange(Keypoints([Joint(1, 2), Joint(3, 4)], names=['tail', 'head']), ('head', 'neck', 'tail'))
        [Joint(x=3, y=4, visibility=2), Joint(x=0, y=0, visibility=0), Joint(x=1, y=2, visibility=2)]
    """
    names = skeleton.names if len(skeleton.names) == len(skeleton.points) else order
    joints = dict(zip(reversed(names[: len(skeleton.points)]), reversed(skeleton.points[: len(names)]), strict=True))
    return [joints.get(name, Joint(0, 0, 0)) for name in order]


def _meaning(name: str) -> tuple[str, ...]:
    """A joint's name as words in lower case, with the sides spelt out."""
    words = (word.lower() for word in _WORDS.findall(name))
    return tuple(_SIDES.get(word, word) for word in words)


_PLACES = {frozenset(_meaning(name)): place for place, name in enumerate(PERSON)}
