"""The results of an annotation of Label Studio, as annotations of a sample.

Coordinates are percentages of the image. A rectangle is turned, in degrees and clockwise, around its top left corner.
Results with one id are parts of one region: its shape, its labels, and what else was said of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Classification,
    Keypoint,
    LossReport,
    Mask,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
    Sample,
)
from synapse_hooks_labelstudio.brush import decode
from synapse_hooks_labelstudio.tasks import Result

IMAGE_RESULTS: Final = ('choices', 'taxonomy')
"""Results about the whole image that are read: classes."""
_SAID: Final = ('choices', 'taxonomy', 'textarea', 'number', 'rating', 'datetime')
"""Results that say something of a region besides its shape."""
_BRUSH: Final = 'brush'
_SAGITTA: Final = 0.1
"""The largest distance in pixels between a polygon and its ellipse."""
_LARGEST: Final = 1e6
_TURNED: Final = 'the image was turned in Label Studio, which is not supported'
_SEVERAL: Final = 'it has several labels: the first is its class, the others are the attribute `labels`'
_ELLIPSE: Final = 'a polygon that is at most a tenth of a pixel smaller'
_OTHER_SIZE: Final = 'it was annotated with another size: percentages are those of the image as it is'

Value = Mapping[str, Any]


def read_results(results: list[Any], sample: Sample, report: LossReport) -> list[AnyAnnotation]:
    """The annotations of an image. What is malformed, or has no place in a sample, is dropped and counted.

    Args:
        results: Those of one annotation of Label Studio.
        sample: With the size of its image.
        report: Where losses are counted.
    """
    regions: dict[str, list[Result]] = {}
    relations: list[Result] = []
    for number, result in enumerate(results, 1):
        if not isinstance(result, dict) or not isinstance(result.get('type'), str):
            report.dropped('region', 'it is malformed: expected an object with a type', sample.id, str(number))
        elif result['type'] == 'relation':
            relations.append(result)
        else:
            regions.setdefault(str(result.get('id') or f'result-{number}'), []).append(result)
    annotations: list[AnyAnnotation] = []
    for id, parts in regions.items():
        try:
            annotations += _region(id, parts, sample, report)
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            text = f'{error} is missing' if isinstance(error, KeyError) else str(error)
            report.dropped('region', f'it is malformed: {text}', sample.id, id)
    known = {annotation.id for annotation in annotations}
    annotations += [found for one in relations if (found := _relation(one, known, sample, report))]
    return annotations


def _region(id: str, parts: list[Result], sample: Sample, report: LossReport) -> list[AnyAnnotation]:
    shaped = next((part for part in parts if _shape_of(part) in (*_SHAPES, _BRUSH)), None)
    if shaped is None:
        return [one for part in parts for one in _about_image(id, part, sample, report)]
    if _number(shaped.get('image_rotation') or 0) % 360:
        report.dropped('region', _TURNED, sample.id, id)
        return []
    kind, value = _shape_of(shaped), shaped['value']
    labels = [label for part in parts for label in _labels(part)]
    attributes = _attributes(shaped, parts)
    if len(labels) > 1:
        report.converted('region', _SEVERAL, sample.id, id)
        attributes['labels'] = labels[1:]
    if kind == 'ellipse':
        report.converted('ellipse', _ELLIPSE, sample.id, id)
    common: dict[str, Any] = {'id': id, 'label': labels[0] if labels else '', 'attributes': attributes}
    drawn = shaped.get('original_width'), shaped.get('original_height')
    if kind == _BRUSH:
        if value.get('format', 'rle') != 'rle':
            raise ValueError(f'the format of a brush must be rle, got {value["format"]!r}')
        width, height = (_side(side) for side in drawn)
        if (width, height) != (sample.width, sample.height):
            raise ValueError(f'its mask is {width} x {height}, and the image {sample.width} x {sample.height}')
        return [Mask(decode(value['rle'], width, height), **common)]
    if all(drawn) and not _is_scaled((_number(drawn[0]), _number(drawn[1])), sample):
        report.doubtful('image', f'{_OTHER_SIZE}; the size was {drawn[0]} x {drawn[1]}', sample.id, id)
    return [_SHAPES[kind](value, sample, common)]


def _shape_of(result: Result) -> str:
    """The type of a result without what it is labelled with: `rectangle` of `rectanglelabels`."""
    kind: str = result['type']
    return kind.removesuffix('labels')


def _labels(result: Result) -> list[str]:
    """The labels of a result: those of its own type, or of a tool `Labels` beside it."""
    kind = result['type']
    found = result.get('value', {}).get(kind) if kind.endswith('labels') else None
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(label, str) for label in found):
        raise TypeError(f'`{kind}` must be a list of text')
    return found


def _attributes(shaped: Result, parts: list[Result]) -> dict[str, Any]:
    meta = shaped.get('meta') or {}
    attributes = dict(meta) if isinstance(meta, dict) else {'meta': meta}
    for name, key in (('score', 'score'), ('parentID', 'parent')):
        if shaped.get(name) is not None:
            attributes[key] = shaped[name]
    for part in parts:
        if part['type'] in _SAID:
            answer = part['value'].get('text' if part['type'] == 'textarea' else part['type'])
            one = isinstance(answer, list) and len(answer) == 1
            attributes[str(part.get('from_name') or part['type'])] = answer[0] if one else answer
    return attributes


def _about_image(id: str, result: Result, sample: Sample, report: LossReport) -> list[AnyAnnotation]:
    kind = result['type']
    if kind not in IMAGE_RESULTS:
        report.dropped('region', f'results of the type {kind!r} are not read', sample.id, id)
        return []
    found = result['value'][kind]
    texts = ['/'.join(one) if kind == 'taxonomy' else one for one in found]
    if not all(isinstance(text, str) and text for text in texts):
        raise TypeError(f'`{kind}` must be a list of text')
    ids = [id] if len(texts) == 1 else [f'{id}-{number}' for number in range(1, len(texts) + 1)]
    return [Classification(id=one, label=text) for one, text in zip(ids, texts, strict=True)]


def _relation(result: Result, known: set[str], sample: Sample, report: LossReport) -> Relation | None:
    source, target = str(result.get('from_id')), str(result.get('to_id'))
    if not {source, target} <= known:
        report.dropped('relation', 'one of its regions is not read', sample.id, f'{source} {target}')
        return None
    if result.get('direction') == 'left':
        source, target = target, source
    both = {'direction': 'bi'} if result.get('direction') == 'bi' else {}
    labels = [label for label in result.get('labels') or [] if isinstance(label, str)]
    id = f'{source} {target}'
    return Relation(source, target, id=id, label=labels[0] if labels else '', attributes=both)


# -- shapes ------------------------------------------------------------------------------------------------------------


def _rectangle(value: Value, sample: Sample, common: dict[str, Any]) -> AnyAnnotation:
    x, y = _point(value['x'], value['y'], sample)
    w, h = _point(value['width'], value['height'], sample)
    angle = math.radians(_number(value.get('rotation') or 0))
    if not angle:
        return Box(x, y, w, h, **common)
    # It is turned around its corner, and `RotatedBox` around its centre.
    cos, sin = math.cos(angle), math.sin(angle)
    centre = x + w / 2 * cos - h / 2 * sin, y + w / 2 * sin + h / 2 * cos
    return RotatedBox(centre[0] - w / 2, centre[1] - h / 2, w, h, angle, **common)


def _polygon(value: Value, sample: Sample, common: dict[str, Any]) -> AnyAnnotation:
    ring = [_point(x, y, sample) for x, y in value['points']]
    return Polyline(ring, **common) if value.get('closed') is False else Polygon.simple(ring, **common)


def _keypoint(value: Value, sample: Sample, common: dict[str, Any]) -> AnyAnnotation:
    return Keypoint(*_point(value['x'], value['y'], sample), **common)


def _ellipse(value: Value, sample: Sample, common: dict[str, Any]) -> AnyAnnotation:
    cx, cy = _point(value['x'], value['y'], sample)
    across, down = map(abs, _point(value['radiusX'], value['radiusY'], sample))
    radius = max(across, down)
    if not radius < _LARGEST:
        raise ValueError(f'its radius is {radius:g} pixels')
    angle = math.radians(_number(value.get('rotation') or 0))
    cos, sin = math.cos(angle), math.sin(angle)
    count = max(16, math.ceil(math.pi / math.acos(1 - _SAGITTA / max(radius, 1))))
    turns = [2 * math.pi * place / count for place in range(count)]
    points = [(across * math.cos(turn), down * math.sin(turn)) for turn in turns]
    return Polygon.simple([(cx + x * cos - y * sin, cy + x * sin + y * cos) for x, y in points], **common)


_SHAPES: Final[dict[str, Callable[[Value, Sample, dict[str, Any]], AnyAnnotation]]] = {
    'rectangle': _rectangle,
    'polygon': _polygon,
    'keypoint': _keypoint,
    'ellipse': _ellipse,
}
"""What makes an annotation of each shape, but for a brush."""


def _point(x: Any, y: Any, sample: Sample) -> tuple[float, float]:
    return _number(x) * sample.width / 100, _number(y) * sample.height / 100


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError(f'{value!r} is not a number')
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f'{value!r} is not a finite number')
    return number


def _side(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f'original_width and original_height must be pixels, got {value!r}')
    return int(value)


def _is_scaled(drawn: tuple[float, float], sample: Sample) -> bool:
    """Whether two sizes have the same proportions, but for rounding by a pixel."""
    width, height = drawn
    return abs(width * sample.height - height * sample.width) <= max(width, height, sample.width, sample.height)
