"""Boxes whose corners are in reverse order, so that their size is negative: sorted, and reported."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from synapse_hooks.data import LossReport
from synapse_hooks.data.annotation import sorted_box

if TYPE_CHECKING:
    from synapse_hooks.data.batch import Batch
    from synapse_hooks.data.columns import Columns

REVERSED = 'its corners are in reverse order, so its size is negative: sorted'


def sort_corners(batch: Batch, report: LossReport) -> None:
    """Sort the corners of the boxes of a batch, also those of other shapes and of skeletons.

    Example:
        >>> from synapse_hooks.data import Box, Sample
        >>> from synapse_hooks.data.batch import Batch
        >>> sample = Sample('a', annotations=[Box(30, 10, -20, 5, id='7')])
        >>> sort_corners(Batch.of_samples([sample]), LossReport())
        >>> sample.annotations[0].x, sample.annotations[0].w
        (10, 20)
    """
    _sort_columns(batch.boxes, batch.boxes.numbers, batch, report)
    _sort_columns(batch.polygons, batch.polygons.boxes, batch, report)
    for item, _, annotation in batch.others:
        if annotation.sort_corners():
            report.repaired(annotation.kind, REVERSED, batch.samples[item].id, annotation.id)


def _sort_columns(columns: Columns, numbers: array[float], batch: Batch, report: LossReport) -> None:
    if not numbers:
        return
    import numpy as np

    boxes = np.frombuffer(numbers).reshape(-1, 4)
    negative = boxes[:, 2:] < 0
    if not negative.any():
        return
    for row in np.flatnonzero(negative.any(axis=1) & np.isfinite(boxes).all(axis=1)).tolist():
        boxes[row] = sorted_box(*boxes[row].tolist())
        report.repaired(columns.kind, REVERSED, batch.samples[columns.items[row]].id, str(columns.ids[row]))
