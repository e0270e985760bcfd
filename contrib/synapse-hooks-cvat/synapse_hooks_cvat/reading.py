"""What is in an element `image`, as annotations."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any
from xml.etree.ElementTree import Element

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Classification,
    Joint,
    Keypoint,
    Keypoints,
    LossReport,
    Mask,
    Polygon,
    Polyline,
    Ring,
    RotatedBox,
    Sample,
)
from synapse_hooks_cvat.documents import Labels

_BOUNDS = ('xtl', 'ytl', 'xbr', 'ybr', 'rotation', 'cx', 'cy', 'rx', 'ry', 'left', 'top', 'width', 'height')
_REST = ('label', 'occluded', 'z_order', 'source', 'group_id', 'points', 'rle', 'outside', 'keyframe')
_SHAPE = frozenset((*_BOUNDS, *_REST))
"""The attributes of shapes that are read, or that do not matter for a single image."""
_SAGITTA = 0.1
"""The largest distance in pixels between a polygon and its ellipse."""
_LARGEST = 1e6
"""The radius of an ellipse, in pixels: far more than any image has."""


def read_shapes(image: Element, sample: Sample, labels: Labels, report: LossReport) -> list[AnyAnnotation]:
    """The annotations of an image. They are numbered from 1."""
    found: list[AnyAnnotation] = []
    for number, element in enumerate(image, 1):
        kind = element.tag
        read = _READERS.get(kind)
        if read is None:
            why = 'a cuboid has no place in a sample' if kind == 'cuboid' else f'<{kind}> is not a known type of shape'
            report.dropped('shape', why, sample.id, str(number))
            continue
        try:
            common = _common(element, str(number), labels, report)
            found += read(element, common, sample, report)
        except (KeyError, OverflowError, ValueError) as error:
            why = f'{error.args[0]!r} is missing' if isinstance(error, KeyError) else str(error)
            report.dropped('shape', f'it is malformed: {why}', sample.id, str(number))
    return found


def _common(element: Element, id: str, labels: Labels, report: LossReport) -> dict[str, Any]:
    label, group = element.get('label', ''), element.get('group_id')
    attributes: dict[str, Any] = {}
    if element.get('occluded') == '1':
        attributes['occluded'] = True
    if element.get('z_order', '0') != '0':
        attributes['z_order'] = _value(element.attrib['z_order'], 'number')
    if element.get('source', 'manual') != 'manual':
        attributes['source'] = element.attrib['source']
    for child in element.iterfind('attribute'):
        name = child.get('name', '')
        attributes[name] = _value(child.text or '', labels.inputs.get((label, name), ''))
    report.left_out(element.attrib.keys() - _SHAPE)
    return {
        'id': id,
        'label': label,
        'group': group if group and group != '0' else None,
        'attributes': attributes,
    }


def _value(text: str, input: str) -> Any:
    if input == 'checkbox':
        return {'true': True, 'false': False}.get(text.lower(), text)
    if input == 'number':
        for number in (int, float):
            try:
                found = number(text)
            except ValueError:
                continue
            return found if math.isfinite(found) else text
    return text


def _box(element: Element, common: dict[str, Any], sample: Sample, report: LossReport) -> Iterator[AnyAnnotation]:
    left, top, right, bottom = (float(element.attrib[side]) for side in ('xtl', 'ytl', 'xbr', 'ybr'))
    turn = float(element.get('rotation', '0')) % 360
    if turn:
        yield RotatedBox(left, top, right - left, bottom - top, math.radians(turn), **common)
    else:
        yield Box(left, top, right - left, bottom - top, **common)


def _ellipse(element: Element, common: dict[str, Any], sample: Sample, report: LossReport) -> Iterator[AnyAnnotation]:
    x, y, across, along = (float(element.attrib[name]) for name in ('cx', 'cy', 'rx', 'ry'))
    radius = max(abs(across), abs(along))
    if not radius < _LARGEST:
        raise ValueError(f'its radius is {radius:g} pixels')
    turn = math.radians(float(element.get('rotation', '0')))
    cos, sin = math.cos(turn), math.sin(turn)
    count = max(16, math.ceil(math.pi / math.acos(1 - _SAGITTA / max(radius, 1))))
    offsets = [
        (across * math.cos(angle), along * math.sin(angle))
        for angle in (2 * math.pi * place / count for place in range(count))
    ]
    report.converted('ellipse', 'a polygon that is at most a tenth of a pixel smaller', sample.id, common['id'])
    yield Polygon.simple([(x + dx * cos - dy * sin, y + dx * sin + dy * cos) for dx, dy in offsets], **common)


def _polygon(element: Element, common: dict[str, Any], sample: Sample, report: LossReport) -> Iterator[AnyAnnotation]:
    yield Polygon.simple(_points(element), **common)


def _polyline(element: Element, common: dict[str, Any], sample: Sample, report: LossReport) -> Iterator[AnyAnnotation]:
    yield Polyline(_points(element), **common)


def _single(element: Element, common: dict[str, Any], sample: Sample, report: LossReport) -> Iterator[AnyAnnotation]:
    """Points that were drawn together stay together as a group."""
    points = _points(element)
    visibility = 1 if common['attributes'].pop('occluded', False) else 2
    if len(points) > 1:
        common['group'] = common['group'] or f'points {common["id"]}'
    for place, (x, y) in enumerate(points, 1):
        id = f'{common["id"]}.{place}' if len(points) > 1 else common['id']
        yield Keypoint(x, y, visibility, **{**common, 'id': id, 'attributes': {**common['attributes']}})


def _tag(element: Element, common: dict[str, Any], sample: Sample, report: LossReport) -> Iterator[AnyAnnotation]:
    yield Classification(**common)


def _skeleton(element: Element, common: dict[str, Any], sample: Sample, report: LossReport) -> Iterator[AnyAnnotation]:
    joints, names = [], []
    for child in element.iterfind('points'):
        ((x, y),) = _points(child)
        visibility = 0 if child.get('outside') == '1' else 1 if child.get('occluded') == '1' else 2
        joints.append(Joint(x, y, visibility))
        names.append(child.get('label', ''))
        report.left_out(attribute.get('name', '') for attribute in child.iterfind('attribute'))
    yield Keypoints(joints, names=names, **common)


def _mask(element: Element, common: dict[str, Any], sample: Sample, report: LossReport) -> Iterator[AnyAnnotation]:
    left, top, width, height = (int(element.attrib[side]) for side in ('left', 'top', 'width', 'height'))
    counts = [int(count) for count in element.attrib['rle'].split(',')]
    if width < 1 or height < 1 or min(counts) < 0 or sum(counts) != width * height:
        raise ValueError(f'its runs have {sum(counts):,} pixels, and its rectangle has {width} x {height}')
    runs: list[tuple[int, int]] = []
    first, last = max(0, -left), min(width, sample.width - left)
    cut, start = 0, 0
    for place, count in enumerate(counts):
        stop = start + count
        if place % 2 and count:
            # Rows outside of the image are skipped.
            rows = range(max(start // width, -top, 0), min((stop - 1) // width + 1, sample.height - top))
            inside = 0
            for row in rows:
                begin = max(start - row * width, first)
                length = min(stop - row * width, last) - begin
                if length > 0:
                    runs.append(((top + row) * sample.width + left + begin, length))
                    inside += length
            cut += count - inside
        start = stop
    if cut:
        report.converted('mask', "cut at the image's edge", sample.id, common['id'])
    yield Mask(runs, **common)


def _points(element: Element) -> Ring:
    pairs = (pair.split(',') for pair in element.attrib['points'].split(';'))
    return [(float(x), float(y)) for x, y in pairs]


Reader = Callable[[Element, dict[str, Any], Sample, LossReport], Iterator[AnyAnnotation]]

_READERS: dict[str, Reader] = {
    'box': _box,
    'ellipse': _ellipse,
    'mask': _mask,
    'points': _single,
    'polygon': _polygon,
    'polyline': _polyline,
    'skeleton': _skeleton,
    'tag': _tag,
}
