"""How good a model is: its score on scenes it has not seen, and what it gets right and wrong in one of them."""

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
"""Predictions that the model trusts less are not shown."""
OVERLAP: Final = 0.5
"""Intersection over union from which a prediction counts as being at a label: the 50 of mAP50."""

Corners = tuple[float, float, float, float]
"""A box: left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Thing:
    """Something in a picture, labelled or predicted."""

    label: str
    box: Corners
    """Left, top, right, bottom, in pixels."""
    ring: Sequence[tuple[float, float]] | None = None
    """The outline, of what is labelled with a polygon."""
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The predictions for one picture, judged."""

    right: list[Thing]
    wrong: list[Thing]
    missed: list[Thing]
    """Labels that no right prediction stands for."""


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
            f'{weights} knows the classes {list(model.names.values())}, {data} has {expected}',
            hint='evaluate a model on the dataset it was trained on',
        )
    with quiet(), TemporaryDirectory(prefix='synapse-hooks-') as aside:
        metrics = model.val(
            data=str(data), split=split, device='cpu', workers=0, plots=False, verbose=False, project=aside, name='val'
        )
    box = metrics.box
    return {
        'mAP50': float(box.map50),
        'mAP50-95': float(box.map),
        'precision': float(box.mp),
        'recall': float(box.mr),
        'classes': {metrics.names[int(at)]: float(ap) for at, ap in zip(box.ap_class_index, box.ap50, strict=True)},
    }


def predict(weights: Path, images: Sequence[Path]) -> list[list[Thing]]:
    """What a detector sees in each of the images, the surest first: one thing at a place.

    Args:
        weights: A weights file, or a folder with `best.pt`.
        images: Image files.

    Raises:
        ConfigError: ultralytics is not installed.
    """
    model = _open(weights)
    with quiet():
        results = model.predict(
            [str(image) for image in images], conf=CONFIDENCE, iou=OVERLAP, agnostic_nms=True, device='cpu', save=False
        )
    return [[_thing(row, result.names) for row in result.boxes.data.tolist()] for result in results]


def labelled(sample: Sample) -> list[Thing]:
    """The boxes and polygons of a sample."""
    things = []
    for annotation in sample.annotations:
        if isinstance(annotation, Box):
            x, y, w, h = annotation.x, annotation.y, annotation.w, annotation.h
            things.append(Thing(annotation.label, (x, y, x + w, y + h)))
        elif isinstance(annotation, Polygon):
            ring = [(x, y) for x, y in annotation.parts[0][0]]
            xs, ys = zip(*ring, strict=True)
            things.append(Thing(annotation.label, (min(xs), min(ys), max(xs), max(ys)), ring))
    return things


def judge(labels: Iterable[Thing], predictions: Iterable[Thing]) -> Verdict:
    """Pair predictions with labels, the surest first; each label is found once.

    Example:
        >>> star = Thing('star', (0, 0, 10, 10))
        >>> verdict = judge([star], [Thing('star', (1, 0, 10, 10), confidence=0.9), Thing('one', (0, 0, 10, 10))])
        >>> [thing.label for thing in verdict.right], [thing.label for thing in verdict.wrong], verdict.missed
        (['star'], ['one'], [])
    """
    open_labels = list(labels)
    verdict = Verdict([], [], open_labels)
    for thing in sorted(predictions, key=lambda thing: -thing.confidence):
        near = [
            label for label in open_labels if label.label == thing.label and overlap(label.box, thing.box) >= OVERLAP
        ]
        if near:
            open_labels.remove(max(near, key=lambda label: overlap(label.box, thing.box)))
            verdict.right.append(thing)
        else:
            verdict.wrong.append(thing)
    return verdict


def overlap(one: Corners, other: Corners) -> float:
    """Intersection over union of two boxes.

    Example:
        >>> overlap((0, 0, 2, 2), (1, 0, 3, 2))
        0.3333333333333333
    """
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(width, 0) * max(height, 0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return common / (areas - common) if common else 0.0


@contextmanager
def quiet() -> Iterator[None]:
    """Keep ultralytics from writing to the terminal, but for errors."""
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


def _thing(row: Sequence[float], names: dict[int, str]) -> Thing:
    left, top, right, bottom, confidence, number = row
    return Thing(names[int(number)], (left, top, right, bottom), confidence=confidence)
