"""The rows of label files, a batch at a time, for any task.

Most shapes lie in their image and are what the target holds: those become text as arrays. What must be cut, turned into
something else or dropped goes through a `Fitter`, one by one. Both ways give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from synapse_hooks.data import AnyAnnotation, LossReport, Sample
from synapse_hooks.data.batch import Batch
from synapse_hooks.data.columns import Boxes, Flags, Polygons, of_rows
from synapse_hooks.data.outline import Outline
from synapse_hooks.data.rings import Floats
from synapse_hooks.formats.text_rows import TextRows
from synapse_hooks.geometry.shapes import Fitter


class Rows:
    """Makes the rows of one task. A subclass says how a shape is written in numbers.

    Args:
        report: Where it is reported what that costs.
    """

    task: ClassVar[str] = ''

    def __init__(self, report: LossReport) -> None:
        self.target = f'yolo {self.task}'
        self.fitter = Fitter(report, self.target)

    # Shapes whose numbers cannot be computed with are dropped with a reason; numpy need not warn of them.
    @np.errstate(over='ignore', invalid='ignore')
    def of(self, batch: Batch) -> TextRows:
        """The rows of a batch, without class and end of line."""
        sizes, rows = batch.sizes, TextRows()
        for columns in batch.columns:
            plain, texts = self.texts(columns, sizes[columns.items])
            written = np.flatnonzero(plain).tolist()
            self.fitter.report_columns(batch, columns, written, *self.cost(columns, written))
            rows.add(
                of_rows(columns.places, written),
                of_rows(columns.items, written),
                of_rows(columns.labels, written),
                texts,
            )
            for row in np.flatnonzero(~plain).tolist():
                self._add(rows, batch, columns.items[row], columns.places[row], columns.annotation(row))
        for item, place, annotation in batch.others:
            self._add(rows, batch, item, place, annotation)
        rows.sort()
        return rows

    # -- what a task says ----------------------------------------------------------------------------------------

    def texts(self, columns: Boxes | Polygons, sizes: Floats) -> tuple[Flags, list[bytes]]:
        """Which shapes are written as they are, and the text of those.

        Args:
            columns: The shapes.
            sizes: Width and height of each one's image.
        """
        return np.zeros(len(columns), dtype=bool), []

    def cost(self, columns: Boxes | Polygons, rows: Sequence[int]) -> tuple[str, Sequence[int]]:
        """What shapes lose that are written from columns, and which of these rows are concerned."""
        return '', ()

    def text(self, annotation: AnyAnnotation, sample: Sample) -> bytes | None:
        """The text of any annotation, or None when it was dropped."""
        raise NotImplementedError

    def _add(self, rows: TextRows, batch: Batch, item: int, place: int, annotation: AnyAnnotation | Outline) -> None:
        sample = batch.samples[item]
        opened = self.fitter.opened(annotation, sample)
        text = None if opened is None else self.text(opened, sample)
        if text is not None:
            rows.add([place], [item], [annotation.label], [text])
