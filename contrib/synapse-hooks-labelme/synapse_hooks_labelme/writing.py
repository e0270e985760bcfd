"""Annotations, as the shapes of a labelme file."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Classification,
    Keypoint,
    Keypoints,
    Mask,
    Polygon,
    Polyline,
    RotatedBox,
    Sample,
)
from synapse_hooks.formats import Fitter
from synapse_hooks_labelme.png import encode
from synapse_hooks_labelme.reading import KEYS

VERSION = '6.3.1'
"""The version of labelme whose rules are followed."""

Points = list[list[float]]


def document(sample: Sample, image: str, fitter: Fitter) -> dict[str, Any]:
    """The JSON file of a sample.

    Args:
        sample: The sample.
        image: The name of the image file, which is beside the JSON file.
        fitter: It fits masks and polygons with holes, and has the loss report. All else may reach out of the image.
    """
    flags: dict[str, bool] = {}
    shapes: list[dict[str, Any]] = []
    groups: dict[str, int] = {}
    for place, annotation in enumerate(sample.annotations):
        if isinstance(annotation, Classification) and annotation.label not in flags:
            flags[annotation.label] = True
            fitter.report.left_out(annotation.attributes)
            continue
        drawn = _drawn(annotation, sample, fitter)
        if not drawn:
            continue
        group = annotation.group if annotation.group is not None or len(drawn) == 1 else f'parts of {place}'
        number = None if group is None else groups.setdefault(group, len(groups))
        fields = _fields(annotation, fitter)
        for label, type, points, mask in drawn:
            shape = {'label': label, 'points': points, 'group_id': number, 'shape_type': type, **fields, 'mask': mask}
            shapes.append(shape)
    size = {'imageHeight': sample.height, 'imageWidth': sample.width}
    return {'version': VERSION, 'flags': flags, 'shapes': shapes, 'imagePath': image, 'imageData': None, **size}


Drawn = tuple[str, str, Points, str | None]
"""Label, shape type, points, mask."""


def _drawn(annotation: AnyAnnotation, sample: Sample, fitter: Fitter) -> list[Drawn]:
    """The shapes that an annotation becomes; none where it was dropped."""
    write = _without_place if annotation.number_fault() else _SHAPES.get(type(annotation), _without_place)
    return write(annotation, sample, fitter)


def _without_place(annotation: AnyAnnotation, sample: Sample, fitter: Fitter) -> list[Drawn]:
    fault = annotation.malformed()
    reason = f'it is malformed: {fault}' if fault else annotation.number_fault() or 'labelme has no place for it'
    fitter.report.dropped(annotation.kind, reason, sample.id, annotation.id)
    return []


def _box(box: Box, sample: Sample, fitter: Fitter) -> list[Drawn]:
    return [(box.label, 'rectangle', [[box.x, box.y], [box.x + box.w, box.y + box.h]], None)]


def _polygon(polygon: Polygon, sample: Sample, fitter: Fitter) -> list[Drawn]:
    parts = polygon.parts
    plain = parts and all(len(part) == 1 and len(part[0]) > 2 for part in parts)
    rings = [part[0] for part in parts] if plain else fitter.rings(polygon, sample) or []
    return [(polygon.label, 'polygon', [[x, y] for x, y in ring], None) for ring in rings]


def _rotated_box(box: RotatedBox, sample: Sample, fitter: Fitter) -> list[Drawn]:
    return [(box.label, 'oriented_rectangle', _corners(box), None)]


def _polyline(line: Polyline, sample: Sample, fitter: Fitter) -> list[Drawn]:
    if len(line.points) < 2:
        return _without_place(line, sample, fitter)
    return [(line.label, 'linestrip', [[x, y] for x, y in line.points], None)]


def _keypoint(joint: Keypoint, sample: Sample, fitter: Fitter) -> list[Drawn]:
    if not joint.visibility:
        return _without_place(joint, sample, fitter)
    if joint.visibility != 2:
        fitter.report.converted('keypoint', 'labelme has no visibility', sample.id, joint.id)
    return [(joint.label, 'point', [[joint.x, joint.y]], None)]


def _keypoints(skeleton: Keypoints, sample: Sample, fitter: Fitter) -> list[Drawn]:
    if not any(joint.visibility for joint in skeleton.points):
        return _without_place(skeleton, sample, fitter)
    fitter.report.converted('keypoints', 'labelme has no skeletons: their points alone', sample.id, skeleton.id)
    names = skeleton.names or [str(number) for number in range(1, len(skeleton.points) + 1)]
    return [
        (name, 'point', [[joint.x, joint.y]], None)
        for name, joint in zip(names, skeleton.points, strict=False)
        if joint.visibility
    ]


def _pixels(mask: Mask, sample: Sample, fitter: Fitter) -> list[Drawn]:
    if not mask.runs:
        return _without_place(mask, sample, fitter)
    # Pixels that the image does not have would make a mask as large as they are far.
    pixels = fitter.pixels(mask, sample)
    return [] if pixels is None else [(mask.label, 'mask', *_mask(Mask(pixels, mask.columns), sample))]


_SHAPES: dict[type, Callable[[Any, Sample, Fitter], list[Drawn]]] = {
    Box: _box,
    Polygon: _polygon,
    RotatedBox: _rotated_box,
    Polyline: _polyline,
    Keypoint: _keypoint,
    Keypoints: _keypoints,
    Mask: _pixels,
}
"""How kinds of annotations are written; others are dropped."""


def _fields(annotation: AnyAnnotation, fitter: Fitter) -> dict[str, Any]:
    """Booleans as flags, and the rest beside labelme's own keys, where labelme keeps it."""
    attributes = annotation.attributes
    flags = {name: value for name, value in attributes.items() if isinstance(value, bool)}
    description = attributes.get('description')
    named = isinstance(description, str) and description != ''
    rest = {name: value for name, value in attributes.items() if name not in flags and name not in KEYS}
    fitter.report.left_out(attributes.keys() - {*flags, *rest, *(('description',) if named else ())})
    return {'flags': flags, 'description': description if named else '', **rest}


def _corners(box: RotatedBox) -> Points:
    """Clockwise from the top left one before the turn, as labelme draws them: the first edge points to the right."""
    cx, cy, cos, sin = box.x + box.w / 2, box.y + box.h / 2, math.cos(box.angle), math.sin(box.angle)
    halves = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    offsets = ((across * box.w / 2, along * box.h / 2) for across, along in halves)
    return [[cx + dx * cos - dy * sin, cy + dx * sin + dy * cos] for dx, dy in offsets]


def _mask(mask: Mask, sample: Sample) -> tuple[Points, str]:
    """The first and the last pixel of the rectangle around a mask, and its pixels there."""
    width, height = sample.width, sample.height
    along = height if mask.columns else width
    spans = []
    for start, length in mask.runs:
        while length > 0:
            line, first = divmod(start, along)
            last = min(first + length, along)
            spans.append((line, first, last))
            start, length = start + last - first, length - (last - first)
    low, high = min(line for line, _, _ in spans), max(line for line, _, _ in spans)
    near, far = min(first for _, first, _ in spans), max(last for _, _, last in spans) - 1
    left, top, right, bottom = (low, near, high, far) if mask.columns else (near, low, far, high)
    across, down = right - left + 1, bottom - top + 1
    pixels = bytearray(across * down)
    for line, first, last in spans:
        if mask.columns:
            at = (first - top) * across + line - left
            pixels[at : at + (last - first - 1) * across + 1 : across] = b'\1' * (last - first)
        else:
            at = (line - top) * across + first - left
            pixels[at : at + last - first] = b'\1' * (last - first)
    return [[float(left), float(top)], [float(right), float(bottom)]], encode(across, down, bytes(pixels))
