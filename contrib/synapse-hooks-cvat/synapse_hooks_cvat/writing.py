"""Samples, as the XML file that CVAT takes in.

The labels are at the head of the file and known at its end only: the images go to a temporary file, and are appended.
"""

from __future__ import annotations

import math
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from xml.sax.saxutils import escape, quoteattr

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Classification,
    Keypoint,
    Keypoints,
    Mask,
    Other,
    Polygon,
    Polyline,
    Ring,
    RotatedBox,
    Sample,
)
from synapse_hooks.formats import Fitter

UNWRITABLE = re.compile('[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]')
"""What XML 1.0 cannot hold."""
_OWN = ('occluded', 'z_order', 'source')
"""Attributes of annotations that are the format's own."""
_TYPES = {
    'box': 'bbox',
    'rotated_box': 'bbox',
    'polygon': 'polygon',
    'mask': 'mask',
    'polyline': 'polyline',
    'keypoint': 'points',
    'keypoints': 'skeleton',
    'classification': 'tag',
}
_ANY = 'any'
_RETURN = {'\r': '&#13;'}


class Writing:
    """Writes the file of a dataset, within a `with` block.

    Args:
        file: The file.
        classes: The classes, which are the first labels.
    """

    def __init__(self, file: Path, classes: Sequence[str]) -> None:
        self._file = file
        self._aside = file.with_suffix('.images')
        self._types: dict[str, str] = dict.fromkeys(filter(None, classes), '')
        self._classes = frozenset(classes)
        self._inputs: dict[str, dict[str, str]] = {}
        self._joints: dict[str, dict[str, None]] = {}
        self._groups: dict[str, int] = {}
        self._count = 0

    def __enter__(self) -> Self:
        self._images = self._aside.open('w+b')
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with self._images as images:
            if error is None:
                images.seek(0)
                with self._file.open('wb') as whole:
                    whole.write(''.join(self._head()).encode())
                    shutil.copyfileobj(images, whole)
                    whole.write(b'</annotations>\n')
        self._aside.unlink()

    def add(self, sample: Sample, fitter: Fitter) -> None:
        """Write an image. What its annotations lose is reported."""
        self._groups.clear()
        subset = f' subset={quoteattr(sample.split)}' if sample.split else ''
        name = quoteattr(sample.file_name)
        size = f'width="{sample.width}" height="{sample.height}"'
        shapes = [text for shape in sample.annotations for text in self._shape(shape, sample, fitter)]
        text = f'  <image id="{self._count}" name={name}{subset} {size}>\n{"".join(shapes)}  </image>\n'
        self._images.write(text.encode())
        self._count += 1

    def _shape(self, shape: AnyAnnotation, sample: Sample, fitter: Fitter) -> Iterator[str]:
        why, drawn = _refused(shape), None
        try:
            drawn = None if why else _drawn(shape, sample, fitter)
        except (OverflowError, ValueError) as error:
            why = str(error)
        if why:
            fitter.report.dropped(shape.kind, why, sample.id, shape.id)
        if drawn is None:
            return
        tag, markup, inner = drawn
        self._note(shape)
        label = quoteattr(shape.label)
        own, attributes = self._attributes(shape, fitter)
        yield f'    <{tag} label={label}{own}{markup}>\n{inner}{attributes}    </{tag}>\n'

    def _note(self, shape: AnyAnnotation) -> None:
        type = _TYPES[shape.kind]
        known = self._types.get(shape.label) or type
        # A label of a class has the type of the class, whatever else it is used for.
        self._types[shape.label] = type if known == type else _ANY
        if isinstance(shape, Keypoints):
            self._joints.setdefault(shape.label, {}).update(dict.fromkeys(_names(shape)))

    def _attributes(self, shape: AnyAnnotation, fitter: Fitter) -> tuple[str, str]:
        """An annotation's own attributes and group as those of its element, and the others as elements in it."""
        attributes, own, lines = shape.attributes, [], []
        if shape.group is not None and shape.kind != 'classification':
            own.append(f'group_id="{self._groups.setdefault(shape.group, len(self._groups) + 1)}"')
        inputs = self._inputs.setdefault(shape.label, {})
        for name, value in attributes.items():
            if name == 'occluded' and value is True and shape.kind != 'classification':
                own.append('occluded="1"')
            elif name == 'z_order' and type(value) is int and value:
                own.append(f'z_order="{value}"')
            elif name == 'source' and isinstance(value, str) and not UNWRITABLE.search(value) and value != 'manual':
                own.append(f'source={quoteattr(value)}')
            elif name in _OWN or (text := _text(value)) is None or UNWRITABLE.search(name):
                fitter.report.left_out([name])
            elif inputs.setdefault(name, _input(value)) != _input(value):
                # An attribute of a label has one type.
                fitter.report.left_out([name])
            else:
                lines.append(f'      <attribute name={quoteattr(name)}>{escape(text, _RETURN)}</attribute>\n')
        return ''.join(f' {one}' for one in own), ''.join(lines)

    def _head(self) -> Iterator[str]:
        yield "<?xml version='1.0' encoding='utf-8'?>\n<annotations>\n  <version>1.1</version>\n  <meta>\n    <task>\n"
        yield f'      <size>{self._count}</size>\n      <mode>annotation</mode>\n      <labels>\n'
        for name, type in self._types.items():
            inputs = ''.join(
                f'            <attribute>\n              <name>{escape(attribute, _RETURN)}</name>\n'
                f'              <input_type>{input}</input_type>\n            </attribute>\n'
                for attribute, input in self._inputs.get(name, {}).items()
            )
            plain = type in ('tag', 'points', 'polyline') and name in self._classes
            yield _label(name, _ANY if plain or not type else type, inputs)
            for joint in self._joints.get(name, ()):
                yield _label(joint, 'points', '', f'          <parent>{escape(name, _RETURN)}</parent>\n')
        yield '      </labels>\n    </task>\n  </meta>\n'


def _label(name: str, type: str, attributes: str, more: str = '') -> str:
    return (
        f'        <label>\n          <name>{escape(name, _RETURN)}</name>\n          <type>{type}</type>\n'
        f'          <attributes>\n{attributes}          </attributes>\n{more}        </label>\n'
    )


def _refused(shape: AnyAnnotation) -> str:
    """Why an annotation cannot be written; empty where it can."""
    if isinstance(shape, Other) and shape.fault:
        return f'it is malformed: {shape.fault}'
    if shape.kind not in _TYPES:
        return 'cvat has no place for it'
    words = [shape.label, *(shape.names if isinstance(shape, Keypoints) else ())]
    if any(map(UNWRITABLE.search, words)):
        return 'its label has characters that XML cannot hold'
    return ''


_Element = tuple[str, str, str]
"""Its tag, its attributes, and what is in it."""


def _drawn(shape: AnyAnnotation, sample: Sample, fitter: Fitter) -> _Element | None:
    """The element of an annotation; None where it was dropped."""
    return _ELEMENTS.get(type(shape), _without_place)(shape, sample, fitter)


def _without_place(shape: AnyAnnotation, sample: Sample, fitter: Fitter) -> _Element | None:
    fitter.report.dropped(shape.kind, 'cvat has no place for it', sample.id, shape.id)
    return None


def _box(box: Box, sample: Sample, fitter: Fitter) -> _Element:
    return 'box', _corners(box.x, box.y, box.w, box.h), ''


def _rotated_box(box: RotatedBox, sample: Sample, fitter: Fitter) -> _Element:
    turn = math.degrees(box.angle) % 360
    return 'box', f'{_corners(box.x, box.y, box.w, box.h)} rotation="{_number(turn)}"', ''


def _polygon(polygon: Polygon, sample: Sample, fitter: Fitter) -> _Element | None:
    parts = polygon.parts
    plain = len(parts) == 1 and len(parts[0]) == 1 and len(parts[0][0]) > 2
    rings = parts[0] if plain else fitter.rings(polygon, sample)
    return ('polygon', _points(rings[0]), '') if rings else None


def _polyline(line: Polyline, sample: Sample, fitter: Fitter) -> _Element | None:
    return ('polyline', _points(line.points), '') if line.points else _without_place(line, sample, fitter)


def _keypoint(joint: Keypoint, sample: Sample, fitter: Fitter) -> _Element | None:
    if not joint.visibility:
        return _without_place(joint, sample, fitter)
    occluded = ' occluded="1"' if joint.visibility == 1 and not joint.attributes.get('occluded') else ''
    return 'points', f'{occluded}{_points([(joint.x, joint.y)])}', ''


def _skeleton(skeleton: Keypoints, sample: Sample, fitter: Fitter) -> _Element:
    joints = ''.join(
        f'      <points label={quoteattr(name)} outside="{int(not joint.visibility)}" '
        f'occluded="{int(joint.visibility == 1)}"{_points([(joint.x, joint.y)])}>\n      </points>\n'
        for name, joint in zip(_names(skeleton), skeleton.points, strict=True)
    )
    if skeleton.box is not None:
        fitter.report.converted('keypoints', 'cvat has no box for a skeleton', sample.id, skeleton.id)
    return 'skeleton', '', joints


def _mask(mask: Mask, sample: Sample, fitter: Fitter) -> _Element | None:
    if not mask.runs:
        return _without_place(mask, sample, fitter)
    pixels = fitter.pixels(mask, sample)
    return ('mask', _rle(pixels, sample, columns=mask.columns), '') if pixels else None


def _tag(annotation: Classification, sample: Sample, fitter: Fitter) -> _Element:
    return 'tag', '', ''


_ELEMENTS: dict[type, Callable[[Any, Sample, Fitter], _Element | None]] = {
    Box: _box,
    RotatedBox: _rotated_box,
    Polygon: _polygon,
    Polyline: _polyline,
    Keypoint: _keypoint,
    Keypoints: _skeleton,
    Mask: _mask,
    Classification: _tag,
}
"""How kinds of annotations are written; others are dropped."""


def _names(shape: Keypoints) -> list[str]:
    """The names of a skeleton's joints; those that have none are numbered."""
    given = shape.names[: len(shape.points)]
    names = [*given, *[''] * (len(shape.points) - len(given))]
    return [name or str(number) for number, name in enumerate(names, 1)]


def _corners(x: float, y: float, w: float, h: float) -> str:
    return f' xtl="{_number(x)}" ytl="{_number(y)}" xbr="{_number(x + w)}" ybr="{_number(y + h)}"'


def _points(ring: Ring) -> str:
    return f' points="{";".join(f"{_number(x)},{_number(y)}" for x, y in ring)}"'


def _number(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError('a coordinate is not finite')
    return repr(value).removesuffix('.0')


def _input(value: Any) -> str:
    return 'checkbox' if isinstance(value, bool) else 'number' if isinstance(value, int | float) else 'text'


def _text(value: Any) -> str | None:
    """An attribute's value as text; None for one that has no text form."""
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return repr(value)
    return value if isinstance(value, str) and not UNWRITABLE.search(value) else None


def _rle(runs: list[tuple[int, int]], sample: Sample, *, columns: bool) -> str:
    """The pixels of a mask, all inside of the image: their rectangle, and the runs in it."""
    along = sample.height if columns else sample.width
    spans = []
    for start, length in runs:
        while length > 0:
            line, first = divmod(start, along)
            last = min(first + length, along)
            spans.append((line, first, last))
            start, length = start + last - first, length - (last - first)
    low, high = min(line for line, _, _ in spans), max(line for line, _, _ in spans) + 1
    near, far = min(first for _, first, _ in spans), max(last for _, _, last in spans)
    left, top, right, bottom = (low, near, high, far) if columns else (near, low, far, high)
    across, down = right - left, bottom - top
    pixels = bytearray(across * down)
    for line, first, last in spans:
        if columns:
            at = (first - top) * across + line - left
            pixels[at : at + (last - first - 1) * across + 1 : across] = b'\1' * (last - first)
        else:
            at = (line - top) * across + first - left
            pixels[at : at + last - first] = b'\1' * (last - first)
    counts, at, value = [], 0, 0
    while at < len(pixels):
        end = pixels.find(1 - value, at)
        end = len(pixels) if end < 0 else end
        counts.append(end - at)
        at, value = end, 1 - value
    return f' rle="{", ".join(map(str, counts))}" left="{left}" top="{top}" width="{across}" height="{down}"'
