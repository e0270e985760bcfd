"""The shapes of a labelme file, as annotations."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Classification,
    Keypoint,
    LossReport,
    Mask,
    Polygon,
    Polyline,
    Ring,
    RotatedBox,
    Sample,
)
from synapse_hooks_labelme.png import decode

IGNORED = '__ignore__'
KEYS = frozenset(
    ('label', 'points', 'group_id', 'shape_type', 'flags', 'description', 'mask', 'line_color', 'fill_color')
)
"""The keys of a shape that labelme gives or gave a meaning to. It carries others through; here they are attributes."""

POINTS: dict[str, tuple[int, ...]] = {
    'polygon': (),
    'quadrilateral': (4,),
    'rectangle': (2, 4),
    'oriented_rectangle': (4,),
    'rotation': (4,),
    'line': (),
    'linestrip': (),
    'point': (1,),
    'circle': (2,),
    'mask': (1, 2),
}
"""How many points each type of shape has; empty: any number. `rotation` and `quadrilateral` are X-AnyLabeling's."""

_SAGITTA = 0.1
"""The largest distance in pixels between a polygon and its circle."""
_LARGEST = 1e6
"""The radius of a circle, in pixels: far more than any image has. Its polygon has 7,025 points."""
_SKEW = 1.0
"""By how many pixels the corners of an oriented rectangle may be off."""


def read_shapes(
    shapes: list[dict[str, Any]], flags: dict[str, Any], sample: Sample, report: LossReport
) -> list[AnyAnnotation]:
    """The annotations of an image. Areas of one label and one group are one polygon of several parts."""
    found: list[AnyAnnotation] = [Classification(label=name) for name, on in flags.items() if on and name != IGNORED]
    whole: dict[tuple[str, str], Polygon] = {}
    for number, shape in enumerate(shapes, 1):
        try:
            annotation = _annotation(shape, str(number), sample, report)
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            report.dropped('shape', f'it is malformed: {error}', sample.id, str(number))
            continue
        if annotation is None:
            continue
        if annotation.label == IGNORED:
            report.dropped(annotation.kind, f'{IGNORED}: it marks what must be ignored', sample.id, str(number))
        elif isinstance(annotation, Polygon) and annotation.group is not None:
            first = whole.setdefault((annotation.label, annotation.group), annotation)
            if first is annotation:
                found.append(first)
            else:
                first.parts += annotation.parts
                own = first.attributes
                report.left_out(name for name, value in annotation.attributes.items() if own.get(name, value) != value)
                first.attributes = {**annotation.attributes, **own}
        else:
            found.append(annotation)
    return found


def _annotation(shape: dict[str, Any], id: str, sample: Sample, report: LossReport) -> AnyAnnotation | None:
    kind = _text(shape.get('shape_type') or 'polygon').lower()
    points = [(_number(x), _number(y)) for x, y in shape['points']]
    group = shape.get('group_id')
    common: dict[str, Any] = {
        'id': id,
        'label': _text(shape['label']),
        'group': None if group is None else str(group),
        'attributes': _attributes(shape),
    }
    if kind not in POINTS:
        report.dropped('shape', f'{kind!r} is not a known type of shape', sample.id, id)
        return None
    if POINTS[kind] and len(points) not in POINTS[kind]:
        counts = ' or '.join(map(str, POINTS[kind]))
        report.dropped('shape', f'a {kind} must have {counts} points, and has {len(points)}', sample.id, id)
        return None
    if kind in ('polygon', 'quadrilateral'):
        return Polygon.simple(points[:-1] if len(points) > 3 and points[0] == points[-1] else points, **common)
    if kind == 'rectangle' and (len(points) == 2 or _upright(points)):
        xs, ys = zip(*points, strict=True)
        return Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys), **common)
    if kind in ('rectangle', 'rotation', 'oriented_rectangle'):
        if kind == 'rectangle':
            report.repaired('rectangle', 'its corners are those of a turned one: read as such', sample.id, id)
        # The corners are turned already.
        common['attributes'].pop('direction', None)
        return _rotated(points, common, sample, report)
    if kind in ('line', 'linestrip'):
        return Polyline(points, **common)
    if kind == 'point':
        return Keypoint(*points[0], **common)
    if kind == 'circle':
        report.converted('circle', 'a polygon that is at most a tenth of a pixel smaller', sample.id, id)
        return Polygon.simple(_circle(points[0], points[1]), **common)
    return Mask(_runs(shape['mask'], points[0], sample), **common)


def _upright(points: Ring) -> bool:
    """Whether four points are the corners of an upright rectangle, in their order around it."""
    xs, ys = zip(*points, strict=True)
    corners = {(x > (min(xs) + max(xs)) / 2, y > (min(ys) + max(ys)) / 2) for x, y in points}
    near = all(min(x - min(xs), max(xs) - x) <= _SKEW and min(y - min(ys), max(ys) - y) <= _SKEW for x, y in points)
    return near and (len(corners) == 4 or min(xs) == max(xs) or min(ys) == max(ys))


def _attributes(shape: dict[str, Any]) -> dict[str, Any]:
    flags = shape.get('flags') or {}
    if not isinstance(flags, dict):
        raise TypeError('`flags` is not an object')
    attributes = {**flags, **{key: value for key, value in shape.items() if key not in KEYS}}
    return {**attributes, 'description': shape['description']} if shape.get('description') else attributes


def _rotated(points: Ring, common: dict[str, Any], sample: Sample, report: LossReport) -> AnyAnnotation:
    """The first edge gives the direction of the object's right side."""
    edges = [(x2 - x1, y2 - y1) for (x1, y1), (x2, y2) in pairwise([*points, points[0]])]
    (right, down), (across, along) = edges[:2]
    w, h = math.hypot(right, down), math.hypot(across, along)
    bent = abs(right * across + down * along) / max(w, h, 1)
    if max(math.dist((-right, -down), edges[2]), bent) > _SKEW:
        report.converted('oriented_rectangle', 'its corners are not square: a polygon', sample.id, common['id'])
        return Polygon.simple(points, **common)
    cx, cy = sum(x for x, _ in points) / 4, sum(y for _, y in points) / 4
    return RotatedBox(cx - w / 2, cy - h / 2, w, h, math.atan2(down, right), **common)


def _circle(centre: tuple[float, float], edge: tuple[float, float]) -> Ring:
    radius = math.dist(centre, edge)
    if not radius < _LARGEST:
        raise ValueError(f'its radius is {radius:g} pixels')
    count = max(16, math.ceil(math.pi / math.acos(1 - _SAGITTA / max(radius, 1))))
    turns = (2 * math.pi * place / count for place in range(count))
    return [(centre[0] + radius * math.cos(turn), centre[1] + radius * math.sin(turn)) for turn in turns]


def _runs(text: Any, corner: tuple[float, float], sample: Sample) -> list[tuple[int, int]]:
    """The mask's pixels that are inside of the image, row by row."""
    width, height, pixels = decode(_text(text))
    left, top, runs = int(corner[0]), int(corner[1]), []
    for row in range(max(0, -top), min(height, sample.height - top)):
        first, last = row * width + max(0, -left), row * width + min(width, sample.width - left)
        line = pixels[first:last].translate(_MARKS)
        end = 0
        while (start := line.find(b'\1', end)) >= 0:
            end = line.find(b'\0', start)
            end = len(line) if end < 0 else end
            runs.append(((top + row) * sample.width + max(0, left) + start, end - start))
    return runs


_MARKS = bytes([0]) + bytes([1]) * 255


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError(f'{value!r} is not a number')
    found: float = value
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f'{value!r} is not text')
    return value
