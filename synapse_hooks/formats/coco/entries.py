"""Entries of a COCO file, and the annotations they stand for.

Rules: cocodataset.org, "Data format". `bbox` is `[x, y, width, height]` in pixels; `segmentation` is a list of polygons
(parts of one object, as flat lists of coordinates), or a mask whose `counts` run down the columns.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from synapse_hooks.data import AnyAnnotation, Box, Joint, Keypoints, Mask, Polygon, Ring, Sample
from synapse_hooks.data.geometry import area, bounds
from synapse_hooks.data.masks import by_columns, from_counts, mask_bounds, to_counts
from synapse_hooks.formats.shapes import Fitter

Entry = dict[str, Any]

_KNOWN = frozenset(
    ('id', 'image_id', 'category_id', 'bbox', 'segmentation', 'iscrowd', 'area', 'attributes', 'keypoints')
)
_DIGITS = 6


def read_entry(entry: Entry, category: Entry, width: int, height: int) -> Iterator[AnyAnnotation]:
    """The annotations that an entry stands for: its shape, and its skeleton if it has one.

    Raises:
        ValueError, TypeError, KeyError: It is malformed.
    """
    id = str(entry['id'])
    attributes = dict(entry.get('attributes') or {})
    if entry.get('iscrowd'):
        attributes['iscrowd'] = True
    rest = {key: value for key, value in entry.items() if key not in _KNOWN and key != 'num_keypoints'}
    keypoints = entry.get('keypoints')
    common: dict[str, Any] = {
        'id': id,
        'label': str(category['name']),
        'attributes': attributes,
        'group': id if keypoints else None,
        'extra': {'coco': rest} if rest else {},
    }
    segmentation, bbox = entry.get('segmentation'), entry.get('bbox')
    if isinstance(segmentation, dict):
        if list(segmentation['size']) != [height, width]:
            raise ValueError(f'a mask of size {segmentation["size"]} on an image of {[height, width]}')
        yield Mask(from_counts(segmentation['counts']), columns=True, **common)
    elif segmentation:
        yield Polygon([[_ring(flat)] for flat in segmentation], **common)
    elif bbox:
        x, y, w, h = map(_number, bbox)
        yield Box(x, y, w, h, **common)
    elif not keypoints:
        raise ValueError('neither bbox nor segmentation')
    if keypoints:
        yield _skeleton(keypoints, bbox, category, {**common, 'id': f'{id}-keypoints', 'extra': {}})


def _skeleton(flat: list[Any], bbox: Any, category: Entry, common: dict[str, Any]) -> Keypoints:
    points = [Joint(_number(x), _number(y), int(v)) for x, y, v in zip(flat[::3], flat[1::3], flat[2::3], strict=True)]
    x, y, w, h = map(_number, bbox or (0, 0, 0, 0))
    return Keypoints(points, names=list(category.get('keypoints') or ()), box=(x, y, w, h) if bbox else None, **common)


def _ring(flat: list[Any]) -> Ring:
    if len(flat) < 6 or len(flat) % 2:
        raise ValueError(f'{len(flat)} numbers are no polygon')
    return [(_number(x), _number(y)) for x, y in zip(flat[::2], flat[1::2], strict=True)]


def _number(value: Any) -> float:
    if type(value) not in (int, float):
        raise TypeError(f'{value!r} is no number')
    found: float = value
    return found


def write_entry(annotation: AnyAnnotation, sample: Sample, fitter: Fitter) -> Entry | None:
    """`segmentation`, `bbox`, `area`, `iscrowd` and `attributes` of an annotation, or None when it was dropped."""
    width, height = sample.width, sample.height
    segmentation: Any
    if isinstance(annotation, Box):
        box = fitter.box(annotation, sample)
        if box is None:
            return None
        segmentation, size = [], (box[2] - box[0]) * (box[3] - box[1])
    elif isinstance(annotation, Mask) and annotation.runs:
        box = mask_bounds(annotation, width, height) or (0, 0, 0, 0)
        segmentation = {'counts': to_counts(by_columns(annotation, width, height), width * height)}
        segmentation['size'] = [height, width]
        size = float(sum(length for _, length in annotation.runs))
    else:
        rings = fitter.rings(annotation, sample)
        if rings is None:
            return None
        box, size = bounds(point for ring in rings for point in ring), sum(area(ring) for ring in rings)
        segmentation = [[_tidy(number) for point in ring for number in point] for ring in rings]
    left, top, right, bottom = box
    attributes = {name: value for name, value in annotation.attributes.items() if name != 'iscrowd'}
    return {
        'bbox': [_tidy(left), _tidy(top), _tidy(right - left), _tidy(bottom - top)],
        'area': _tidy(size),
        'segmentation': segmentation,
        'iscrowd': int(bool(annotation.attributes.get('iscrowd'))),
        **({'attributes': attributes} if attributes else {}),
    }


def _tidy(number: float) -> float:
    """Without the noise of a subtraction: 18.6, not 18.600000000000023."""
    return round(number, _DIGITS)
