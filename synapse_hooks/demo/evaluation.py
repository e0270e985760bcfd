"""The evaluation of a detector: its score on a split, and its predictions matched with the labels of one image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from synapse_hooks.data import Box, Polygon, Sample
from synapse_hooks.demo.scenes import require_extra
from synapse_hooks.errors import DatasetInvalid

CONFIDENCE: Final = 0.35
"""Predictions with a lower confidence are ignored."""
IOU_THRESHOLD: Final = 0.5
"""The intersection over union from which a prediction matches a label, as in mAP50."""

Corners = tuple[float, float, float, float]
"""A box: left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Detection:
    """An object in an image, labelled or predicted."""

    label: str
    box: Corners
    """Left, top, right, bottom, in pixels."""
    ring: Sequence[tuple[float, float]] | None = None
    """The outline, if it is labelled with a polygon."""
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class MatchResult:
    """The predictions for one image, matched with its labels."""

    true_positives: list[Detection]
    false_positives: list[Detection]
    false_negatives: list[Detection]
    """Labels without a matching prediction."""


def evaluate(weights: Path, data: Path, *, split: str = 'test') -> dict[str, Any]:
    """Score an ultralytics detector on one split of a YOLO dataset.

    Args:
        weights: A weights file, or a folder with `best.pt`.
        data: The `dataset.yaml`.
        split: `train`, `val` or `test`, as ultralytics calls them.

    Returns:
        `mAP50`, `mAP50-95`, `precision` and `recall` from 0 to 1, and `classes`: the AP50 of each by its name.

    Raises:
        ConfigError: ultralytics is not installed.
        DatasetInvalid: The model was trained for other classes, or for the same in another order.
    """
    model = _open(weights)
    names = yaml.safe_load(data.read_text(encoding='utf-8'))['names']
    expected = list(names.values()) if isinstance(names, dict) else list(names)
    if list(model.names.values()) != expected:
        raise DatasetInvalid(
            f'{weights} has the classes {list(model.names.values())}, {data} has {expected}',
            hint='evaluate a model on the dataset it was trained on',
        )
    with quiet(), TemporaryDirectory(prefix='synapse-hooks-') as temporary:
        metrics = model.val(
            data=str(data),
            split=split,
            device='cpu',
            workers=0,
            plots=False,
            verbose=False,
            project=temporary,
            name='val',
        )
    box = metrics.box
    return {
        'mAP50': float(box.map50),
        'mAP50-95': float(box.map),
        'precision': float(box.mp),
        'recall': float(box.mr),
        'classes': {metrics.names[int(at)]: float(ap) for at, ap in zip(box.ap_class_index, box.ap50, strict=True)},
    }


def predict(weights: Path, images: Sequence[Path]) -> list[list[Detection]]:
    """The detections in each of the images, the highest confidence first, after class-agnostic NMS.

    Args:
        weights: A weights file, or a folder with `best.pt`.
        images: Image files.

    Raises:
        ConfigError: ultralytics is not installed.
    """
    model = _open(weights)
    with quiet():
        results = model.predict(
            [str(image) for image in images],
            conf=CONFIDENCE,
            iou=IOU_THRESHOLD,
            agnostic_nms=True,
            device='cpu',
            save=False,
        )
    return [[_detection(row, result.names) for row in result.boxes.data.tolist()] for result in results]


def ground_truth(sample: Sample) -> list[Detection]:
    """The boxes and polygons of a sample."""
    detections = []
    for annotation in sample.annotations:
        if isinstance(annotation, Box):
            x, y, w, h = annotation.x, annotation.y, annotation.w, annotation.h
            detections.append(Detection(annotation.label, (x, y, x + w, y + h)))
        elif isinstance(annotation, Polygon):
            ring = [(x, y) for x, y in annotation.parts[0][0]]
            xs, ys = zip(*ring, strict=True)
            detections.append(Detection(annotation.label, (min(xs), min(ys), max(xs), max(ys)), ring))
    return detections


def match_predictions(labels: Iterable[Detection], predictions: Iterable[Detection]) -> MatchResult:
    """Match predictions with labels, the highest confidence first; a label is matched once.

    Example:
        >>> star = Detection('star', (0, 0, 10, 10))
        >>> predictions = [Detection('star', (1, 0, 10, 10), confidence=0.9), Detection('one', (0, 0, 10, 10))]
        >>> result = match_predictions([star], predictions)
        >>> [each.label for each in result.true_positives], [each.label for each in result.false_positives]
        (['star'], ['one'])
        >>> result.false_negatives
        []
    """
    unmatched = list(labels)
    result = MatchResult([], [], unmatched)
    for detection in sorted(predictions, key=lambda detection: -detection.confidence):
        near = [
            label
            for label in unmatched
            if label.label == detection.label and iou(label.box, detection.box) >= IOU_THRESHOLD
        ]
        if near:
            unmatched.remove(max(near, key=lambda label: iou(label.box, detection.box)))
            result.true_positives.append(detection)
        else:
            result.false_positives.append(detection)
    return result


def iou(one: Corners, other: Corners) -> float:
    """Intersection over union of two boxes.

    Example:
        >>> iou((0, 0, 2, 2), (1, 0, 3, 2))
        0.3333333333333333
    """
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(width, 0) * max(height, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return common / (areas - common) if common else 0.0


@contextmanager
def quiet() -> Iterator[None]:
    """Let ultralytics log errors only."""
    from ultralytics.utils import LOGGER

    level = LOGGER.level
    LOGGER.setLevel('ERROR')
    try:
        yield
    finally:
        LOGGER.setLevel(level)


def _open(weights: Path) -> Any:
    require_extra('ultralytics')
    from ultralytics import YOLO

    return YOLO(weights / 'best.pt' if weights.is_dir() else weights)


def _detection(row: Sequence[float], names: dict[int, str]) -> Detection:
    left, top, right, bottom, confidence, number = row
    return Detection(names[int(number)], (left, top, right, bottom), confidence=confidence)
