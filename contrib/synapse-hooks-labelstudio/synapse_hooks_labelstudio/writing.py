"""Annotations, as results of Label Studio; and the labelling interface in which they can be changed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Any, Final, NamedTuple

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Classification,
    Keypoint,
    Keypoints,
    Mask,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
    Sample,
)
from synapse_hooks.formats import Fitter
from synapse_hooks_labelstudio.brush import encode
from synapse_hooks_labelstudio.tasks import Result

_TO_NAME: Final = 'image'
_NO_PLACE: Final = 'Label Studio has no place for it'


class Control(NamedTuple):
    """A tag of the labelling interface."""

    tag: str
    """As the interface has it: `RectangleLabels`."""
    name: str
    """What results refer to as `from_name`."""

    @property
    def type(self) -> str:
        """As results have it."""
        return self.tag.lower()


BOXES: Final = Control('RectangleLabels', 'boxes')
POLYGONS: Final = Control('PolygonLabels', 'polygons')
POINTS: Final = Control('KeyPointLabels', 'points')
BRUSH: Final = Control('BrushLabels', 'brush')
CHOICES: Final = Control('Choices', 'classes')
CONTROLS: Final = (BOXES, POLYGONS, POINTS, BRUSH, CHOICES)

Drawn = tuple[Control, str, dict[str, Any]]
"""The tag, the label and the value of a result."""


class ResultWriter:
    """Writes the results of samples, and notes which labels each tag needs.

    Args:
        fitter: It fits masks and polygons with holes, and has the loss report. All else may reach out of the image.
    """

    def __init__(self, fitter: Fitter) -> None:
        self.fitter = fitter
        self.labels: dict[Control, dict[str, None]] = {}

    def results(self, sample: Sample) -> list[Result]:
        """The results of a sample."""
        found: list[Result] = []
        choices: list[str] = []
        ids: dict[str, str] = {}
        size = {'original_width': sample.width, 'original_height': sample.height, 'image_rotation': 0}
        names = _Names(annotation.id for annotation in sample.annotations)
        for annotation in sample.annotations:
            if isinstance(annotation, Classification) and annotation.label and annotation.label not in choices:
                choices.append(annotation.label)
                self.fitter.report.left_out(annotation.attributes)
                continue
            if isinstance(annotation, Relation):
                continue
            for number, (control, label, value) in enumerate(self._drawn(annotation, sample)):
                id = names.take(annotation.id if not number else '')
                if not number:
                    ids[annotation.id] = id
                self.labels.setdefault(control, {})[label] = None
                found.append(_result(id, control, {**value, control.type: [label]}, size, annotation.attributes))
        if choices:
            self.labels.setdefault(CHOICES, {}).update(dict.fromkeys(choices))
            found.append(_result(names.take('classes'), CHOICES, {'choices': choices}, {}, {}))
        return [*found, *self._relations(sample, ids)]

    def interface(self, classes: Iterable[str]) -> str:
        """The labelling interface of a project that the tasks can be imported into.

        Args:
            classes: In the order in which labels are shown.
        """
        lines = ['<View>', f'  <Image name="{_TO_NAME}" value="$image"/>']
        order = {label: place for place, label in enumerate(classes)}
        for control in CONTROLS:
            labels = self.labels.get(control)
            if not labels:
                continue
            several = ' choice="multiple"' if control is CHOICES else ''
            child = 'Choice' if control is CHOICES else 'Label'
            lines.append(f'  <{control.tag} name="{control.name}" toName="{_TO_NAME}"{several}>')
            for label in sorted(labels, key=lambda label: (order.get(label, len(order)), label)):
                lines.append(f'    <{child} value="{escape(label)}"/>')
            lines.append(f'  </{control.tag}>')
        return '\n'.join([*lines, '</View>', ''])

    def _drawn(self, annotation: AnyAnnotation, sample: Sample) -> list[Drawn]:
        """The results that an annotation becomes; none where it was dropped."""
        if reason := annotation.number_fault():
            self.fitter.report.dropped(annotation.kind, reason, sample.id, annotation.id)
            return []
        write = _SHAPES.get(type(annotation), _without_place)
        if not annotation.label:
            self.fitter.report.dropped(annotation.kind, 'it has no class', sample.id, annotation.id)
            return []
        return write(annotation, sample, self.fitter)

    def _relations(self, sample: Sample, ids: dict[str, str]) -> Iterator[Result]:
        for annotation in sample.annotations:
            if not isinstance(annotation, Relation):
                continue
            if annotation.source not in ids or annotation.target not in ids:
                reason = 'one of its annotations is not written'
                self.fitter.report.dropped('relation', reason, sample.id, annotation.id)
                continue
            direction = 'bi' if annotation.attributes.get('direction') == 'bi' else 'right'
            self.fitter.report.left_out(name for name in annotation.attributes if name != 'direction')
            ends = {'from_id': ids[annotation.source], 'to_id': ids[annotation.target]}
            yield {
                'type': 'relation',
                **ends,
                'direction': direction,
                'labels': [annotation.label][: bool(annotation.label)],
            }


class _Names:
    """Ids of the results of one task, each once."""

    def __init__(self, wanted: Iterable[str]) -> None:
        self._reserved = {*wanted}
        self._taken: set[str] = set()

    def take(self, wanted: str) -> str:
        """The id itself where it is free, else another one."""
        id, number = wanted, 0
        while not id or id in self._taken or (id != wanted and id in self._reserved):
            number += 1
            id = f'{wanted}-{number}' if wanted else f'region-{number}'
        self._taken.add(id)
        return id


def _result(
    id: str, control: Control, value: dict[str, Any], size: dict[str, int], attributes: dict[str, Any]
) -> Result:
    """A result. What is said of it besides is in `meta`, which Label Studio keeps; `score` has a place of its own."""
    result: Result = {'id': id, 'type': control.type, 'from_name': control.name, 'to_name': _TO_NAME, 'value': value}
    score = attributes.get('score')
    scored = isinstance(score, int | float) and not isinstance(score, bool)
    meta = {name: value for name, value in attributes.items() if not (scored and name == 'score')}
    return {**result, **size, **({'score': score} if scored else {}), **({'meta': meta} if meta else {})}


# -- shapes ------------------------------------------------------------------------------------------------------------


def _without_place(annotation: AnyAnnotation, sample: Sample, fitter: Fitter) -> list[Drawn]:
    fault = annotation.malformed()
    reason = f'it is malformed: {fault}' if fault else _NO_PLACE
    fitter.report.dropped(annotation.kind, reason, sample.id, annotation.id)
    return []


def _percent(x: float, y: float, sample: Sample) -> tuple[float, float]:
    return x * 100 / sample.width, y * 100 / sample.height


def _rectangle(x: float, y: float, w: float, h: float, angle: float, sample: Sample) -> dict[str, Any]:
    left, top = _percent(x, y, sample)
    width, height = _percent(w, h, sample)
    return {'x': left, 'y': top, 'width': width, 'height': height, 'rotation': math.degrees(angle)}


def _box(box: Box, sample: Sample, fitter: Fitter) -> list[Drawn]:
    return [(BOXES, box.label, _rectangle(box.x, box.y, box.w, box.h, 0, sample))]


def _rotated_box(box: RotatedBox, sample: Sample, fitter: Fitter) -> list[Drawn]:
    # `RotatedBox` is turned around its centre, and Label Studio's around its corner.
    cos, sin = math.cos(box.angle), math.sin(box.angle)
    x = box.x + box.w / 2 - box.w / 2 * cos + box.h / 2 * sin
    y = box.y + box.h / 2 - box.w / 2 * sin - box.h / 2 * cos
    return [(BOXES, box.label, _rectangle(x, y, box.w, box.h, box.angle, sample))]


def _polygon(polygon: Polygon, sample: Sample, fitter: Fitter) -> list[Drawn]:
    parts = polygon.parts
    plain = len(parts) == 1 and len(parts[0]) == 1 and len(parts[0][0]) > 2
    rings = [parts[0][0]] if plain else fitter.rings(polygon, sample) or []
    points = [[[*_percent(x, y, sample)] for x, y in ring] for ring in rings]
    return [(POLYGONS, polygon.label, {'points': one, 'closed': True}) for one in points]


def _polyline(line: Polyline, sample: Sample, fitter: Fitter) -> list[Drawn]:
    if len(line.points) < 2:
        return _without_place(line, sample, fitter)
    points = [[*_percent(x, y, sample)] for x, y in line.points]
    return [(POLYGONS, line.label, {'points': points, 'closed': False})]


def _point(label: str, x: float, y: float, sample: Sample) -> Drawn:
    left, top = _percent(x, y, sample)
    return POINTS, label, {'x': left, 'y': top, 'width': 0.5}


def _keypoint(joint: Keypoint, sample: Sample, fitter: Fitter) -> list[Drawn]:
    if not joint.visibility:
        return _without_place(joint, sample, fitter)
    if joint.visibility != 2:
        fitter.report.converted('keypoint', 'Label Studio has no visibility', sample.id, joint.id)
    return [_point(joint.label, joint.x, joint.y, sample)]


def _keypoints(skeleton: Keypoints, sample: Sample, fitter: Fitter) -> list[Drawn]:
    if not any(joint.visibility for joint in skeleton.points):
        return _without_place(skeleton, sample, fitter)
    reason = 'Label Studio has no skeletons: their points alone'
    fitter.report.converted('keypoints', reason, sample.id, skeleton.id)
    names = skeleton.names or [str(number) for number in range(1, len(skeleton.points) + 1)]
    joints = zip(names, skeleton.points, strict=False)
    return [_point(name, joint.x, joint.y, sample) for name, joint in joints if joint.visibility]


def _mask(mask: Mask, sample: Sample, fitter: Fitter) -> list[Drawn]:
    runs = fitter.pixels(mask, sample) if mask.runs else None
    if runs is None:
        return [] if mask.runs else _without_place(mask, sample, fitter)
    rows = _by_rows(runs, sample.width, sample.height) if mask.columns else runs
    return [(BRUSH, mask.label, {'format': 'rle', 'rle': encode(rows, sample.width, sample.height)})]


def _by_rows(runs: list[tuple[int, int]], width: int, height: int) -> list[tuple[int, int]]:
    """Runs that are counted column by column, counted row by row."""
    import numpy as np

    pixels = np.zeros(width * height, dtype=np.int8)
    for start, length in runs:
        pixels[start : start + length] = 1
    rows = np.concatenate([[0], pixels.reshape(width, height).T.ravel(), [0]])
    edges = np.flatnonzero(np.diff(rows)).reshape(-1, 2)
    return [(int(start), int(stop - start)) for start, stop in edges]


_SHAPES: Final[dict[type, Callable[[Any, Sample, Fitter], list[Drawn]]]] = {
    Box: _box,
    RotatedBox: _rotated_box,
    Polygon: _polygon,
    Polyline: _polyline,
    Keypoint: _keypoint,
    Keypoints: _keypoints,
    Mask: _mask,
}
"""How kinds of annotations are written; others are dropped."""
