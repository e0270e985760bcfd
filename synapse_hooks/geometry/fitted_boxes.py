"""Fits all annotations of a batch into a target that holds boxes: those in columns at once, the others one by one.

Both ways give the same boxes and the same loss report.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from synapse_hooks.data import AnyAnnotation
from synapse_hooks.data.batch import Batch
from synapse_hooks.data.columns import Attributes, Boxes, Polygons, inside, of_rows
from synapse_hooks.data.outline import Outline
from synapse_hooks.data.rings import Floats
from synapse_hooks.geometry.extents import EXACT
from synapse_hooks.geometry.shapes import Fitter


class FittedBoxes(NamedTuple):
    """Boxes inside their images, in the order of the annotations of a batch: a number in each list is one box."""

    items: list[int]
    """Which sample of the batch each belongs to."""
    labels: list[str]
    """The class of each."""
    corners: Floats
    """`left, top, right, bottom` of each, in pixels: an array of four columns."""
    attributes: list[Attributes]
    """Of each: a dict, or None."""


# Shapes whose numbers cannot be computed with are dropped with a reason; numpy need not warn of them.
@np.errstate(over='ignore', invalid='ignore')
def fit_boxes(batch: Batch, fitter: Fitter) -> FittedBoxes:
    """What `Fitter.box` gives for every annotation of a batch, in a fraction of the time.

    Args:
        batch: What a sink is given. The sizes of its images are known.
        fitter: Says what the target can hold, and reports what is lost.

    Returns:
        The boxes; without annotations that were dropped, which is reported.

    Example:
        >>> from synapse_hooks.data import Box, LossReport, Polygon, Sample
        >>> from synapse_hooks.data.batch import gather
        >>> shapes = [Box(30, 5, 20, 10, label='car'), Polygon.simple([(0, 0), (8, 0), (8, 6)], label='dog')]
        >>> report = LossReport()
        >>> batch = gather([Sample('a', width=40, height=30, annotations=shapes)])
        >>> boxes = fit_boxes(batch, Fitter(report, 'lines'))
        >>> boxes.items, boxes.labels, boxes.corners.tolist()
        ([0, 0], ['car', 'dog'], [[30.0, 5.0, 40.0, 15.0], [0.0, 0.0, 8.0, 6.0]])
        >>> report.total('converted')
        2
    """
    sizes, rows = batch.sizes, _Rows()
    for columns in batch.columns:
        corners = columns.corners
        plain = inside(corners, sizes[columns.items])
        written = np.flatnonzero(plain).tolist()
        fitted = corners[plain]
        cost, concerned = '', []
        if fitter.whole:
            fitted, exact = _rounded(fitted), fitted
            cost = f'{fitter.target} counts whole pixels: rounded'
            concerned = [written[row] for row in np.flatnonzero((abs(fitted - exact) > EXACT).any(axis=1)).tolist()]
        if isinstance(columns, Polygons):
            cost, concerned = f'{fitter.target} holds boxes: its enclosing box', written
        fitter.report_columns(batch, columns, written, cost, concerned)
        rows.add_columns(columns, written, fitted)
        for row in np.flatnonzero(~plain).tolist():
            rows.add(fitter, batch, columns.items[row], columns.places[row], columns.annotation(row))
    for item, place, annotation in batch.others:
        rows.add(fitter, batch, item, place, annotation)
    return rows.in_order()


class _Rows:
    """Boxes with their places among the annotations of the batch."""

    def __init__(self) -> None:
        self.places: list[int] = []
        self.items: list[int] = []
        self.labels: list[str] = []
        self.attributes: list[Attributes] = []
        self.corners: list[Floats] = []

    def add_columns(self, columns: Boxes | Polygons, rows: Sequence[int], corners: Floats) -> None:
        self.places += of_rows(columns.places, rows)
        self.items += of_rows(columns.items, rows)
        self.labels += of_rows(columns.labels, rows)
        self.attributes += of_rows(columns.attributes, rows)
        self.corners.append(corners)

    def add(self, fitter: Fitter, batch: Batch, item: int, place: int, annotation: AnyAnnotation | Outline) -> None:
        if isinstance(annotation, Outline) and annotation.box is not None and annotation.box[2] and annotation.box[3]:
            # Its text is not read, here as in columns: a broken one costs nothing.
            annotation = annotation.boxed()
        sample = batch.samples[item]
        opened = fitter.opened(annotation, sample)
        box = None if opened is None else fitter.box(opened, sample)
        if box is not None:
            self.places.append(place)
            self.items.append(item)
            self.labels.append(annotation.label)
            self.attributes.append(annotation.attributes or None)
            self.corners.append(np.array([box], dtype=np.float64))

    def in_order(self) -> FittedBoxes:
        corners = np.concatenate(self.corners) if self.corners else np.zeros((0, 4))
        if len(self.corners) < 2:
            return FittedBoxes(self.items, self.labels, corners, self.attributes)
        order = np.argsort(np.array(self.places), kind='stable')
        rows = order.tolist()
        items, labels = [self.items[row] for row in rows], [self.labels[row] for row in rows]
        return FittedBoxes(items, labels, corners[order], [self.attributes[row] for row in rows])


def _rounded(corners: Floats) -> Floats:
    """Boxes in whole pixels, at least one wide and high. See `synapse_hooks.geometry.shapes`."""
    lows, highs = np.rint(corners[:, :2]), np.rint(corners[:, 2:])
    # Half a pixel at the far edge may round up to the edge itself.
    lows = np.minimum(lows, np.ceil(corners[:, 2:]) - 1)
    return np.concatenate([lows, np.maximum(highs, lows + 1)], axis=1)
