"""The rows of label files, a batch at a time, for any task.

Most shapes lie in their image and are what the target holds: those become text as arrays. What must be cut, turned into
something else or dropped goes through a `Fitter`, one by one. Both ways give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain, compress
from typing import ClassVar

import numpy as np

from synapse_hooks.data import AnyAnnotation, LossReport, Sample
from synapse_hooks.data.batch import Batch
from synapse_hooks.data.columns import Boxes, Flags, Polygons
from synapse_hooks.data.losses import EXAMPLES
from synapse_hooks.data.outline import Outline
from synapse_hooks.data.rings import Floats
from synapse_hooks.data.skeletons import made_of
from synapse_hooks.formats.text_rows import TextRows
from synapse_hooks.geometry.shapes import Fitter


class Rows:
    """Makes the rows of one task. A subclass says how a shape is written in numbers.

    Args:
        report: Where it is reported what that costs.
    """

    task: ClassVar[str] = ''

    def __init__(self, report: LossReport) -> None:
        self.report = report
        self.target = f'yolo {self.task}'
        self.fitter = Fitter(report, self.target)

    # Shapes whose numbers cannot be computed with are dropped with a reason; numpy need not warn of them.
    @np.errstate(over='ignore', invalid='ignore')
    def of(self, batch: Batch, without: Mapping[int, str]) -> TextRows:
        """The rows of a batch, without class and end of line.

        Args:
            batch: The samples.
            without: The numbers of samples that are left out, and why.
        """
        widths, heights = [sample.width for sample in batch.samples], [sample.height for sample in batch.samples]
        sizes = np.array([widths, heights], dtype=np.float64).T
        rows = TextRows()
        for columns in (batch.boxes, batch.polygons):
            if len(columns):
                self._add_columns(rows, batch, columns, sizes, without)
        for item, place, annotation in batch.others:
            if item in without:
                for kind, count in made_of(annotation).items():
                    self.report.dropped(kind, without[item], batch.samples[item].id, annotation.id, count)
            else:
                self._add(rows, place, item, annotation, batch.samples[item])
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

    def opened(self, annotation: AnyAnnotation | Outline, sample: Sample) -> AnyAnnotation | None:
        """The annotation that `text` writes, or None when it was dropped."""
        return self.fitter.opened(annotation, sample)

    def text(self, annotation: AnyAnnotation, sample: Sample) -> bytes | None:
        """The text of any annotation, or None when it was dropped."""
        raise NotImplementedError

    # -- one after the other -------------------------------------------------------------------------------------

    def _add_columns(
        self, rows: TextRows, batch: Batch, columns: Boxes | Polygons, sizes: Floats, without: Mapping[int, str]
    ) -> None:
        items = np.array(columns.items)
        kind = 'box' if isinstance(columns, Boxes) else 'polygon'
        plain, texts = self.texts(columns, sizes[items])
        kept = ~np.isin(items, list(without)) if without else np.ones(len(items), dtype=bool)
        for row in np.flatnonzero(~kept).tolist():
            item = columns.items[row]
            self.report.dropped(kind, without[item], batch.samples[item].id, str(columns.ids[row]))
        if not kept.all():
            texts = list(compress(texts, kept[plain].tolist()))
            plain &= kept
        written = np.flatnonzero(plain).tolist()
        self._report(batch, columns, kind, written)
        if len(written) == len(columns):
            rows.add(columns.places, columns.items, columns.labels, texts)
            return
        rows.add(
            [columns.places[row] for row in written],
            [columns.items[row] for row in written],
            [columns.labels[row] for row in written],
            texts,
        )
        for row in np.flatnonzero(~plain & kept).tolist():
            item = columns.items[row]
            self._add(rows, columns.places[row], item, columns.annotation(row), batch.samples[item])

    def _add(self, rows: TextRows, place: int, item: int, annotation: AnyAnnotation | Outline, sample: Sample) -> None:
        opened = self.opened(annotation, sample)
        text = None if opened is None else self.text(opened, sample)
        if text is not None:
            rows.add([place], [item], [annotation.label], [text])

    def _report(self, batch: Batch, columns: Boxes | Polygons, kind: str, rows: list[int]) -> None:
        cost, poorer = self.cost(columns, rows)
        for row in poorer[:EXAMPLES]:
            self.report.converted(kind, cost, batch.samples[columns.items[row]].id, str(columns.ids[row]))
        if len(poorer) > EXAMPLES:
            self.report.converted(kind, cost, count=len(poorer) - EXAMPLES)
        attributes = columns.attributes
        those = attributes if len(rows) == len(columns) else [attributes[row] for row in rows]
        for name, count in Counter(chain.from_iterable(filter(None, those))).items():
            self.report.left_out([name], count)
