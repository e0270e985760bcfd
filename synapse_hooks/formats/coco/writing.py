"""What is written of one annotation into a COCO file.

Rules: cocodataset.org, "Data format".
"""

from __future__ import annotations

from typing import Any

from synapse_hooks.data import AnyAnnotation, Box, Mask, Sample
from synapse_hooks.data.geometry import area, bounds
from synapse_hooks.data.masks import by_columns, mask_bounds, to_counts
from synapse_hooks.formats.coco.entries import Entry
from synapse_hooks.formats.shapes import Fitter

_DIGITS = 6


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
