"""The rows of label files, a batch at a time: `class x y w h`, `class x1 y1 x2 y2 ...`, and with joints.

Most shapes lie in their image and are what the target holds: those become text as arrays. What must be cut, turned into
something else or dropped goes through a `Fitter`, one by one. Both ways give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from synapse_hooks.data import AnyAnnotation, LossReport, Ring, Sample
from synapse_hooks.data.batch import Batch, Boxes, Columns, Floats, Polygons
from synapse_hooks.data.losses import EXAMPLES
from synapse_hooks.data.outline import Outline
from synapse_hooks.data.skeletons import arrange
from synapse_hooks.formats.shapes import Fitter
from synapse_hooks.formats.yolo.numbers import WIDTH, digits

Row = tuple[str, bytes]
"""The label of an annotation, and its row after the number of the class, with the end of the line."""
Places = NDArray[np.int64]
_Placed = tuple[int, int, str, bytes]


class Rows:
    """Makes the rows of one task. A subclass says how a shape is told in numbers.

    Args:
        report: Where it is reported what that costs.
    """

    task: ClassVar[str] = ''

    def __init__(self, report: LossReport) -> None:
        self.report = report
        self.target = f'yolo {self.task}'
        self.fitter = Fitter(report, self.target)

    def of(self, batch: Batch, without: Mapping[int, str]) -> dict[int, list[Row]]:
        """The rows of each sample of a batch, in the order of its annotations.

        Args:
            batch: The samples.
            without: The numbers of samples that are left out, and why.
        """
        sizes = np.array([(sample.width, sample.height) for sample in batch.samples], dtype=np.float64)
        placed: list[_Placed] = []
        for columns in (batch.boxes, batch.polygons):
            if len(columns):
                placed += self._of_columns(batch, columns, sizes, without)
        for item, place, annotation in batch.others:
            if item not in without:
                placed += self._fitted(place, item, annotation, batch.samples[item])
            else:
                self.report.dropped(annotation.kind, without[item], batch.samples[item].id, annotation.id)
        placed.sort(key=itemgetter(0))
        found: dict[int, list[Row]] = {}
        for _, item, label, text in placed:
            found.setdefault(item, []).append((label, text))
        return found

    # -- what a task says ----------------------------------------------------------------------------------------

    def texts(self, columns: Any, sizes: Floats) -> tuple[NDArray[np.bool_], list[bytes]]:
        """Which shapes are told as they are, and the numbers of each that is.

        Args:
            columns: The shapes.
            sizes: Width and height of each one's image.
        """
        return np.zeros(len(columns), dtype=bool), []

    def cost(self, columns: Columns) -> str:
        """What the shapes of these columns lose; empty where it is nothing."""
        return ''

    def text(self, annotation: AnyAnnotation, sample: Sample) -> bytes | None:
        """The numbers of an annotation, or None when it was dropped."""
        raise NotImplementedError

    # -- one after the other -------------------------------------------------------------------------------------

    def _of_columns(
        self, batch: Batch, columns: Boxes | Polygons, sizes: Floats, without: Mapping[int, str]
    ) -> Iterator[_Placed]:
        items = np.array(columns.items)
        kept = ~np.isin(items, list(without)) if without else np.ones(len(items), dtype=bool)
        plain, texts = self.texts(columns, sizes[items])
        rows = np.flatnonzero(plain)
        kind = 'box' if columns is batch.boxes else 'polygon'
        for row in np.flatnonzero(~kept).tolist():
            item = columns.items[row]
            self.report.dropped(kind, without[item], batch.samples[item].id, columns.ids[row])
        if without:
            texts = [text for text, wanted in zip(texts, kept[rows].tolist(), strict=True) if wanted]
            rows = np.flatnonzero(plain & kept)
        numbers = rows.tolist()
        everything = len(numbers) == len(columns)
        self._report(batch, columns, kind, numbers)
        labels = columns.labels if everything else [columns.labels[row] for row in numbers]
        places = columns.places if everything else [columns.places[row] for row in numbers]
        of = columns.items if everything else [columns.items[row] for row in numbers]
        yield from zip(places, of, labels, texts, strict=True)
        for row in np.flatnonzero(~plain & kept).tolist():
            item = columns.items[row]
            yield from self._fitted(columns.places[row], item, columns.annotation(row), batch.samples[item])

    def _fitted(self, place: int, item: int, annotation: AnyAnnotation, sample: Sample) -> Iterator[_Placed]:
        if isinstance(annotation, Outline):
            try:
                annotation = annotation.polygon()
            except ValueError as error:
                self.report.dropped('polygon', f'it is malformed: {error}', sample.id, annotation.id)
                return
        text = self.text(annotation, sample)
        if text is not None:
            yield place, item, annotation.label, text

    def _report(self, batch: Batch, columns: Columns, kind: str, rows: list[int]) -> None:
        if cost := self.cost(columns):
            for row in rows[:EXAMPLES]:
                self.report.converted(kind, cost, batch.samples[columns.items[row]].id, columns.ids[row])
            if len(rows) > EXAMPLES:
                self.report.converted(kind, cost, count=len(rows) - EXAMPLES)
        attributes = columns.attributes
        for names, count in Counter(tuple(found) for row in rows if (found := attributes[row])).items():
            self.report.left_out(names, count)


class Detect(Rows):
    """`x y w h`: centre and size of an upright box."""

    task = 'detect'

    def texts(self, columns: Boxes | Polygons, sizes: Floats) -> tuple[NDArray[np.bool_], list[bytes]]:
        """Boxes, and the boxes around polygons."""
        corners = columns.corners if isinstance(columns, Boxes) else _around(columns)
        plain = _inside(corners, sizes)
        text = _box(corners[plain], sizes[plain])
        return plain, _cut(text, np.arange(0, len(text) + 1, 4 * WIDTH))

    def cost(self, columns: Columns) -> str:
        """A polygon becomes a box."""
        return f'{self.target} holds boxes: its enclosing box' if isinstance(columns, Polygons) else ''

    def text(self, annotation: AnyAnnotation, sample: Sample) -> bytes | None:
        """The box that the annotation fits in."""
        box = self.fitter.box(annotation, sample)
        if box is None:
            return None
        return _box(np.array([box]), np.array([[sample.width, sample.height]])) + b'\n'


class Segment(Rows):
    """`x1 y1 x2 y2 ...`: the outline of an area."""

    task = 'segment'

    def texts(self, columns: Boxes | Polygons, sizes: Floats) -> tuple[NDArray[np.bool_], list[bytes]]:
        """Boxes by their corners, and polygons of one ring."""
        if isinstance(columns, Boxes):
            plain = _inside(columns.corners, sizes)
            return plain, _outlines(_corners(columns.corners[plain]), sizes[plain])
        rings = columns.rings
        alone = np.bincount(rings.owners, minlength=len(columns))[rings.owners] == 1
        fine = alone & _inside(rings.bounds(), sizes[rings.owners]) & (rings.areas() != 0)
        plain = np.zeros(len(columns), dtype=bool)
        plain[rings.owners[fine]] = True
        counts = np.diff(rings.starts)
        shares = rings.points / np.repeat(sizes[rings.owners], counts, axis=0)
        picked = shares[np.repeat(fine, counts)]
        ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts[fine])])
        return plain, _cut(digits(picked), ends * (2 * WIDTH))

    def cost(self, columns: Columns) -> str:
        """A box becomes a polygon."""
        return f'{self.target} holds polygons: its four corners' if isinstance(columns, Boxes) else ''

    def text(self, annotation: AnyAnnotation, sample: Sample) -> bytes | None:
        """The one ring that the annotation fits in."""
        rings = self.fitter.rings(annotation, sample)
        return None if rings is None else _ring(rings[0], sample)


class Obb(Rows):
    """`x1 y1 ... x4 y4`: the corners of a box, however it is turned."""

    task = 'obb'

    def texts(self, columns: Boxes | Polygons, sizes: Floats) -> tuple[NDArray[np.bool_], list[bytes]]:
        """Upright boxes."""
        if isinstance(columns, Polygons):
            return super().texts(columns, sizes)
        plain = _inside(columns.corners, sizes)
        return plain, _outlines(_corners(columns.corners[plain]), sizes[plain])

    def text(self, annotation: AnyAnnotation, sample: Sample) -> bytes | None:
        """The rectangle that the annotation fits in."""
        ring = self.fitter.rectangle(annotation, sample)
        return None if ring is None else _ring(ring, sample)


class Pose(Rows):
    """`x y w h`, then `x y v` for each joint.

    Args:
        report: As for all tasks.
        joints: The joints' names, in their order.
    """

    task = 'pose'

    def __init__(self, report: LossReport, joints: tuple[str, ...]) -> None:
        super().__init__(report)
        self.joints = joints

    def text(self, annotation: AnyAnnotation, sample: Sample) -> bytes | None:
        """A skeleton and the box around its object."""
        skeleton = self.fitter.skeleton(annotation, sample)
        if skeleton is None or skeleton.box is None:
            return None
        size = np.array([[sample.width, sample.height]], dtype=np.float64)
        x, y, w, h = skeleton.box
        points = arrange(skeleton, self.joints)
        places = digits(np.array([(x, y) for x, y, _ in points]) / size)
        each = _cut(places, np.arange(0, len(places) + 1, 2 * WIDTH), end=b'')
        seen = b''.join(b'%s %d' % (place, point.visibility) for place, point in zip(each, points, strict=True))
        return _box(np.array([[x, y, x + w, y + h]]), size) + seen + b'\n'


def _around(polygons: Polygons) -> Floats:
    """The boxes around polygons: as the source says it, else around their rings."""
    given = polygons.given
    if np.isnan(given).any():
        rings = polygons.rings
        found = np.concatenate([np.full((len(polygons), 2), np.inf), np.full((len(polygons), 2), -np.inf)], axis=1)
        bounds = rings.bounds()
        np.minimum.at(found[:, :2], rings.owners, bounds[:, :2])
        np.maximum.at(found[:, 2:], rings.owners, bounds[:, 2:])
        given = np.where(np.isnan(given), found, given)
    return given


def _inside(corners: Floats, sizes: Floats) -> NDArray[np.bool_]:
    """Which boxes have an area and lie in their image; a not-a-number lies nowhere."""
    left, top, right, bottom = corners.T
    width, height = sizes.T
    inside: NDArray[np.bool_] = (left >= 0) & (top >= 0) & (right <= width) & (bottom <= height)
    return inside & (right > left) & (bottom > top)


def _corners(corners: Floats) -> Floats:
    """The corners of boxes, as outlines: clockwise from the top left one."""
    return corners[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2)


def _box(corners: Floats, sizes: Floats) -> bytes:
    middle = (corners[:, :2] + corners[:, 2:]) / 2 / sizes
    return digits(np.concatenate([middle, (corners[:, 2:] - corners[:, :2]) / sizes], axis=1))


def _outlines(points: Floats, sizes: Floats) -> list[bytes]:
    text = digits(points / sizes[:, None, :])
    return _cut(text, np.arange(0, len(text) + 1, points.shape[1] * 2 * WIDTH))


def _ring(ring: Ring, sample: Sample) -> bytes:
    return digits(np.array(ring, dtype=np.float64) / (sample.width, sample.height)) + b'\n'


def _cut(text: bytes, ends: Places, end: bytes = b'\n') -> list[bytes]:
    places = ends.tolist()
    return [text[start:stop] + end for start, stop in zip(places, places[1:], strict=False)]
