"""The text of images and annotations of a batch in a COCO file, without the numbers that are known at the end only.

Boxes and polygons that lie in their image become text as arrays. What must be cut, turned into something else or
dropped goes through a `Fitter`, one by one. Both ways give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np

from synapse_hooks.data import AnyAnnotation, LossReport, Sample
from synapse_hooks.data.batch import Batch
from synapse_hooks.data.columns import Attributes, Boxes, Flags, Polygons, inside, of_rows
from synapse_hooks.data.outline import Outline
from synapse_hooks.data.rings import Floats, Rings
from synapse_hooks.formats.coco.entry_writer import SCALE, write_sample
from synapse_hooks.formats.coco.schemas import Schemas
from synapse_hooks.formats.text_rows import TextRows
from synapse_hooks.geometry.shapes import Fitter


class Rows:
    """Makes the rows of a file.

    Args:
        report: Where it is reported what that costs.
        schemas: The joints of classes.
    """

    def __init__(self, report: LossReport, schemas: Schemas) -> None:
        self.report = report
        self.schemas = schemas
        self.fitter = Fitter(report, 'coco', join='holes', crowds=True, keeps=None)

    # Shapes whose numbers cannot be computed with are dropped with a reason; numpy need not warn of them.
    @np.errstate(over='ignore', invalid='ignore')
    def of(self, batch: Batch) -> TextRows:
        """What follows the numbers of each annotation in the file: `,"bbox":[...], ...}`."""
        sizes, rows = batch.sizes, TextRows()
        others: dict[int, list[tuple[int, AnyAnnotation | Outline]]] = {}
        for columns in batch.columns:
            plain, texts = self.texts(columns, sizes[columns.items])
            written = np.flatnonzero(plain).tolist()
            rows.add(
                of_rows(columns.places, written),
                of_rows(columns.items, written),
                of_rows(columns.labels, written),
                of_rows(texts, written),
            )
            for row in np.flatnonzero(~plain).tolist():
                others.setdefault(columns.items[row], []).append((columns.places[row], columns.annotation(row)))
        for item, place, annotation in batch.others:
            others.setdefault(item, []).append((place, annotation))
        for item, some in others.items():
            self._add(rows, item, batch.samples[item], sorted(some, key=lambda one: one[0]))
        rows.sort()
        return rows

    def texts(self, columns: Boxes | Polygons, sizes: Floats) -> tuple[Flags, list[bytes]]:
        """Which shapes are written as they are, and the text of those; that of others does not count.

        Args:
            columns: The shapes.
            sizes: Width and height of each one's image.
        """
        if isinstance(columns, Boxes):
            corners = columns.corners
            width, height = (corners[:, 2:] - corners[:, :2]).T
            return inside(corners, sizes), _texts(corners, width * height, [b''] * len(columns), columns.attributes)
        rings, count = columns.rings, len(columns)
        owners, areas = rings.owners, rings.areas()
        fine = inside(rings.bounds(), sizes[owners]) & (areas != 0)
        corners = columns.corners
        plain = inside(corners, sizes) & (np.bincount(owners, minlength=count) > 0)
        plain[owners[~fine]] = False
        sums = np.bincount(owners, weights=abs(areas), minlength=count).astype(np.float64)
        return plain, _texts(corners, sums, _segmentations(rings, count), columns.attributes)

    def _add(
        self, rows: TextRows, item: int, sample: Sample, annotations: Sequence[tuple[int, AnyAnnotation | Outline]]
    ) -> None:
        """Add annotations of any kind, with their places."""
        places: list[int] = []
        shapes: list[AnyAnnotation] = []
        for place, annotation in annotations:
            opened = self.fitter.opened(annotation, sample)
            if opened is not None:
                places.append(place)
                shapes.append(opened)
        those = Sample(sample.id, width=sample.width, height=sample.height, annotations=shapes)
        for rank, label, entry in write_sample(those, self.fitter, self.schemas):
            rows.add([places[rank]], [item], [label], [b',%b' % _encode(entry)[1:]])


def _texts(
    corners: Floats, areas: Floats, segmentations: Sequence[bytes], attributes: Sequence[Attributes]
) -> list[bytes]:
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    return [
        b',"bbox":[%b],"area":%b,"segmentation":[%b],"iscrowd":0%b}'
        % (box, area, segmentation, b',"attributes":%b' % _encode(attributes) if attributes else b'')
        for box, area, segmentation, attributes in zip(
            _rows(_tidy(boxes).tolist()),
            _rows(_tidy(areas)[:, np.newaxis].tolist()),
            segmentations,
            attributes,
            strict=True,
        )
    ]


def _segmentations(rings: Rings, count: int) -> list[bytes]:
    """The rings of each polygon, each as a list of numbers."""
    flat = rings.points.ravel().tolist()
    texts = [
        b'[%b]' % text for text in _rows([flat[start:stop] for start, stop in pairwise((2 * rings.starts).tolist())])
    ]
    if len(texts) == count and not rings.broken:
        return texts
    polygons: list[list[bytes]] = [[] for _ in range(count)]
    for owner, text in zip(rings.owners.tolist(), texts, strict=True):
        polygons[owner].append(text)
    return list(map(b','.join, polygons))


def _rows(numbers: list[list[float]]) -> list[bytes]:
    """Lists of numbers as text, without their brackets. Whole numbers are written without a point."""
    text = _encode(numbers).replace(b'.0,', b',').replace(b'.0]', b']')
    return text[2:-2].split(b'],[') if numbers else []


def _tidy(numbers: Floats) -> Floats:
    """See `synapse_hooks.formats.coco.entry_writer.tidy`."""
    tidied: Floats = np.rint(numbers * SCALE) / SCALE + 0.0
    return tidied


_encode = msgspec.json.Encoder().encode
