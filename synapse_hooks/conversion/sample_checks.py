"""The types and values that the fields of a sample and its annotations must have.

Numbers need not be finite: they come from files, and a sink drops those annotations, with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, Final, NamedTuple

import msgspec

from synapse_hooks.data import (
    MEDIA,
    SPLITS,
    Box,
    Classification,
    DatasetInfo,
    Group,
    Joint,
    Keypoint,
    Keypoints,
    Mask,
    Other,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
    Sample,
    split_name,
)
from synapse_hooks.data.geometry import too_large
from synapse_hooks.portable import PortableException

_NUMBERS: Final = frozenset((int, float))
_PLAIN: Final = frozenset((str, int, bool, type(None)))


class Expected(NamedTuple):
    """What a field must be, and how to fix it."""

    what: str
    hint: str


SAMPLES = Expected('samples', '`yield` them, one at a time')
_MEDIUM = Expected(f'one of {", ".join(MEDIA)}', 'leave it out for an image')
_SAMPLE = Expected('a Sample', '`yield` samples of synapse_hooks.data: `Sample(id, image=file)`')
TEXT = Expected('text', 'make it text: `str(...)`')
UNIQUE = Expected('unique within its split', 'take it from `unique_ids(names)` of synapse_hooks.formats')
_SMALLER = Expected('a number that a float can hold', 'check where it comes from')
NUMBER = Expected('a number', "make it one of Python's: `float(...)`, or `.tolist()` of an array")
COUNT = Expected('a whole number, 0 or more', 'make it an `int`')
_POINTS = Expected('a list of points (x, y)', 'a point is two numbers, in pixels')
_RINGS = Expected('a list of parts, each a list of rings', 'of one ring: `Polygon.simple(points)`')
_BOX = Expected('(x, y, w, h)', 'four numbers, in pixels, or None')
_JOINT = Expected('a Joint', '`Joint(x, y, visibility)` of synapse_hooks.data')
_VISIBILITY = Expected('0, 1 or 2', '0 is missing, 1 occluded, 2 visible')
_RUNS = Expected('a list of runs (start, length)', 'whole numbers; a start is 0 or more, a length 1 or more')
_LIST = Expected('a list', 'make it a list: `[...]`')
_DICT = Expected('a dict', 'make it a dict, or leave it out')
_JSON = Expected('a value of JSON', 'text, finite numbers, booleans, None, and lists and dicts of these')
_SPLIT = Expected(
    f'{", ".join(SPLITS)} or None', 'None is for a dataset without splits; `val` and `validation` are valid'
)
_ANNOTATION = Expected('an annotation', '`Box`, `Polygon`, ... of synapse_hooks.data; `Other` for what none can hold')
CLASSES = Expected('a tuple of names that differ', 'text, each once: a class has the number of its place')
COUNTS = Expected('a dict of whole numbers', 'how many images, by the name of the split')
_SKELETONS = Expected('a dict of names', 'the joints of each, by the label of the object')
_INFO = Expected('a DatasetInfo', 'return one: `DatasetInfo(classes=(...))`')


class InvalidField(PortableException):
    """The value of a field has a wrong type, or is not allowed."""

    def __init__(self, field: str, expected: Expected, value: Any) -> None:
        super().__init__(field)
        self.place = 0
        """Which of the sample's annotations it is, from 1; 0 for the sample itself."""
        self.field = field
        self.expected = expected
        self.value = value


def check_sample(sample: Any) -> None:
    """Check a sample and its annotations. The name of its split is normalized: `val` becomes `valid`.

    Raises:
        InvalidField: The value of a field has a wrong type, or is not allowed.
    """
    if not isinstance(sample, Sample):
        raise InvalidField('', _SAMPLE, sample)
    _text('id', sample.id)
    _text('image', sample.file)
    if sample.medium not in MEDIA:
        raise InvalidField('medium', _MEDIUM, sample.medium)
    _count('width', sample.width)
    _count('height', sample.height)
    if sample.split is not None and sample.split not in SPLITS:
        sample.split = _split(sample.split)
    if type(sample.annotations) is not list:
        raise InvalidField('annotations', _LIST, sample.annotations)
    if type(sample.extra) is not dict:
        raise InvalidField('extra', _DICT, sample.extra)
    for place, annotation in enumerate(sample.annotations, 1):
        try:
            _check_annotation(annotation)
        except InvalidField as error:
            error.place = place
            raise


def check_info(info: Any) -> dict[str, int]:
    """Check the declaration of a dataset.

    Returns:
        Its splits, with normalized names.

    Raises:
        InvalidField: The value of a field has a wrong type, or is not allowed.
    """
    if not isinstance(info, DatasetInfo):
        raise InvalidField('', _INFO, info)
    if info.classes is not None:
        check_classes(info.classes)
    if info.count is not None:
        _count('count', info.count)
    _text('name', info.name)
    if not isinstance(info.extra, Mapping):
        raise InvalidField('extra', _DICT, info.extra)
    if not isinstance(info.skeletons, Mapping):
        raise InvalidField('skeletons', _SKELETONS, info.skeletons)
    for label, joints in info.skeletons.items():
        _text('skeletons', label)
        _texts('skeletons', joints)
    if info.splits is not None:
        check_counts(info.splits)
    return {_split(name): count for name, count in (info.splits or {}).items()}


def check_classes(classes: Any) -> None:
    """See that classes are text, and that no two are the same.

    Raises:
        InvalidField: They are not.
    """
    _texts('classes', classes)
    if len({*classes}) != len(classes):
        raise InvalidField('classes', CLASSES, next(name for name in classes if classes.count(name) > 1))


def check_counts(splits: Any) -> None:
    """See that splits are names with the numbers of their images.

    Raises:
        InvalidField: They are not.
    """
    if not isinstance(splits, Mapping):
        raise InvalidField('splits', COUNTS, splits)
    for name, count in splits.items():
        _text('splits', name)
        _count('splits', count)


def _split(name: Any) -> str:
    split = split_name(name.lower()) if isinstance(name, str) else ''
    if split not in SPLITS:
        raise InvalidField('split', _SPLIT, name)
    return split


def _check_annotation(annotation: Any) -> None:
    check = _CHECKS.get(type(annotation))
    if check is None:
        raise InvalidField('', _ANNOTATION, annotation)
    if not (type(annotation.id) is type(annotation.label) is str):
        _text('id', annotation.id)
        _text('label', annotation.label)
    if annotation.group is not None:
        _text('group', annotation.group)
    if annotation.attributes or type(annotation.attributes) is not dict:
        check_attributes(annotation.attributes)
    if type(annotation.extra) is not dict:
        raise InvalidField('extra', _DICT, annotation.extra)
    _count('entry', annotation.entry)
    check(annotation)


def _text(field: str, value: Any) -> None:
    if type(value) is not str:
        raise InvalidField(field, TEXT, value)


def _texts(field: str, values: Any) -> None:
    if not isinstance(values, list | tuple):
        raise InvalidField(field, _LIST, values)
    for place, value in enumerate(values):
        _text(f'{field}[{place}]', value)


def _count(field: str, value: Any) -> None:
    if type(value) is not int or value < 0:
        raise InvalidField(field, COUNT, value)


def check_attributes(attributes: Any) -> None:
    """See that attributes are a dict of names and values that JSON can hold.

    Raises:
        InvalidField: They are not.
    """
    if type(attributes) is not dict:
        raise InvalidField('attributes', _DICT, attributes)
    for name, value in attributes.items():
        _text('the name of an attribute', name)
        if type(value) not in _PLAIN and not (isfinite(value) if type(value) is float else _is_json(value)):
            raise InvalidField(f'attributes[{name!r}]', _JSON, value)


def _is_json(value: Any) -> bool:
    try:
        _encode(value)
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def _numbers(field: str, values: Sequence[Any]) -> None:
    if _NUMBERS.issuperset(map(type, values)):
        if too_large(values):
            raise InvalidField(field, _SMALLER, max(values, key=abs))
        return
    raise InvalidField(field, NUMBER, next(value for value in values if type(value) not in _NUMBERS))


def _points(field: str, points: Any) -> None:
    try:
        pairs = {*map(len, points)} <= {2}
        numbers = [number for point in points for number in point]
    except TypeError:
        raise InvalidField(field, _POINTS, points) from None
    if not pairs:
        raise InvalidField(field, _POINTS, next(point for point in points if len(point) != 2))
    _numbers(field, numbers)


def _own_box(shape: Polygon | Keypoints | Mask) -> None:
    box: Any = shape.box
    if box is None:
        return
    if not isinstance(box, list | tuple) or len(box) != 4:
        raise InvalidField('box', _BOX, box)
    _numbers('box', box)


def _box(box: Box) -> None:
    numbers = box.x, box.y, box.w, box.h
    # Most annotations are boxes, and nearly all are fine.
    if {*map(type, numbers)} <= _NUMBERS and not too_large(numbers):
        return
    for field, number in zip(('x', 'y', 'w', 'h'), numbers, strict=True):
        _numbers(field, [number])


def _rotated_box(box: RotatedBox) -> None:
    for field in ('x', 'y', 'w', 'h', 'angle'):
        _numbers(field, [getattr(box, field)])


def _polygon(polygon: Polygon) -> None:
    parts: Any = polygon.parts
    if not isinstance(parts, list | tuple) or not all(isinstance(part, list | tuple) for part in parts):
        raise InvalidField('parts', _RINGS, parts)
    for part in parts:
        for ring in part:
            _points('parts', ring)
    _own_box(polygon)


def _polyline(line: Polyline) -> None:
    _points('points', line.points)


def _joint(joint: Joint | Keypoint) -> None:
    _numbers('x', [joint.x])
    _numbers('y', [joint.y])
    if type(joint.visibility) is not int or joint.visibility not in (0, 1, 2):
        raise InvalidField('visibility', _VISIBILITY, joint.visibility)


def _keypoints(skeleton: Keypoints) -> None:
    if not isinstance(skeleton.points, list | tuple):
        raise InvalidField('points', _LIST, skeleton.points)
    for joint in skeleton.points:
        if not isinstance(joint, Joint):
            raise InvalidField('points', _JOINT, joint)
        _joint(joint)
    _texts('names', skeleton.names)
    _own_box(skeleton)


def _mask(mask: Mask) -> None:
    try:
        fine = all(type(start) is type(length) is int and start >= 0 < length for start, length in mask.runs)
    except (TypeError, ValueError):
        fine = False
    if not fine:
        raise InvalidField('runs', _RUNS, mask.runs)
    _own_box(mask)


def _relation(relation: Relation) -> None:
    _text('source', relation.source)
    _text('target', relation.target)


def _group(group: Group) -> None:
    _texts('members', group.members)


def _other(other: Other) -> None:
    _text('tool', other.tool)


def _classification(annotation: Classification) -> None:
    """Its label is all that it has."""


_CHECKS: Final[dict[type, Callable[[Any], None]]] = {
    Box: _box,
    RotatedBox: _rotated_box,
    Polygon: _polygon,
    Polyline: _polyline,
    Keypoint: _joint,
    Keypoints: _keypoints,
    Mask: _mask,
    Classification: _classification,
    Relation: _relation,
    Group: _group,
    Other: _other,
}

_encode = msgspec.json.Encoder().encode
