"""The rows of label files, a batch at a time: `class x y w h`, `class x1 y1 x2 y2 ...`, and with joints.

Most shapes lie in their image and are what the target holds: those become text as arrays. What must be cut, turned into
something else or dropped goes through a `Fitter`, one by one. Both ways give the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from synapse_hooks.data import AnyAnnotation, LossReport, Ring, Sample
from synapse_hooks.data.batch import Batch, Boxes, Floats, Places, Polygons
from synapse_hooks.data.geometry import join_arrays
from synapse_hooks.data.losses import EXAMPLES
from synapse_hooks.data.outline import Outline
from synapse_hooks.data.skeletons import arrange, made_of
from synapse_hooks.formats.shapes import SEAMS, Fitter
from synapse_hooks.formats.yolo.numbers import WIDTH, digits

Flags = NDArray[np.bool_]


class Texts(NamedTuple):
    """What follows the class in some rows, each with the end of its line."""

    text: bytes
    ends: Places
    """Where each row ends; at first a 0."""


@dataclass
class Labels:
    """The rows of a batch, in the order of its samples and their annotations."""

    counts: list[int]
    """How many rows each sample has."""
    labels: list[str]
    """The class of each row."""
    text: bytes
    """What follows the class in each row."""
    ends: list[int]
    """Where that ends; at first a 0."""


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

    def of(self, batch: Batch, without: Mapping[int, str]) -> Labels:
        """The rows of a batch.

        Args:
            batch: The samples.
            without: The numbers of samples that are left out, and why.
        """
        widths, heights = [sample.width for sample in batch.samples], [sample.height for sample in batch.samples]
        sizes = np.array([widths, heights], dtype=np.float64).T
        rows = _Rows()
        for columns in (batch.boxes, batch.polygons):
            if len(columns):
                self._add_columns(rows, batch, columns, sizes, without)
        for item, place, annotation in batch.others:
            if item in without:
                for kind, count in made_of(annotation).items():
                    self.report.dropped(kind, without[item], batch.samples[item].id, annotation.id, count)
            else:
                self._add(rows, place, item, annotation, batch.samples[item])
        return rows.in_order(len(batch.samples))

    # -- what a task says ----------------------------------------------------------------------------------------

    def texts(self, columns: Boxes | Polygons, sizes: Floats) -> tuple[Flags, Texts]:
        """Which shapes are told as they are, and the text of those.

        Args:
            columns: The shapes.
            sizes: Width and height of each one's image.
        """
        return np.zeros(len(columns), dtype=bool), Texts(b'', np.zeros(1, np.int64))

    def cost(self, columns: Boxes | Polygons, rows: Sequence[int]) -> tuple[str, Sequence[int]]:
        """What shapes lose that are told in columns, and which of these rows it is."""
        return '', ()

    def text(self, annotation: AnyAnnotation, sample: Sample) -> bytes | None:
        """The text of any annotation, or None when it was dropped."""
        raise NotImplementedError

    # -- one after the other -------------------------------------------------------------------------------------

    def _add_columns(
        self, rows: _Rows, batch: Batch, columns: Boxes | Polygons, sizes: Floats, without: Mapping[int, str]
    ) -> None:
        items = np.array(columns.items)
        kind = 'box' if isinstance(columns, Boxes) else 'polygon'
        plain, texts = self.texts(columns, sizes[items])
        kept = ~np.isin(items, list(without)) if without else np.ones(len(items), dtype=bool)
        for row in np.flatnonzero(~kept).tolist():
            item = columns.items[row]
            self.report.dropped(kind, without[item], batch.samples[item].id, columns.ids[row])
        if not kept.all():
            texts = _some(texts, kept[plain])
            plain &= kept
        self._report(batch, columns, kind, np.flatnonzero(plain).tolist())
        everything = bool(plain.all())
        labels = columns.labels if everything else [columns.labels[row] for row in np.flatnonzero(plain).tolist()]
        rows.add(np.array(columns.places)[plain], items[plain], labels, texts)
        for row in () if everything else np.flatnonzero(~plain & kept).tolist():
            item = columns.items[row]
            self._add(rows, columns.places[row], item, columns.annotation(row), batch.samples[item])

    def _add(self, rows: _Rows, place: int, item: int, annotation: AnyAnnotation | Outline, sample: Sample) -> None:
        if isinstance(annotation, Outline):
            try:
                annotation = annotation.polygon()
            except ValueError as error:
                self.report.dropped('polygon', f'it is malformed: {error}', sample.id, annotation.id)
                return
        text = self.text(annotation, sample)
        if text is not None:
            rows.add_one(place, item, annotation.label, text)

    def _report(self, batch: Batch, columns: Boxes | Polygons, kind: str, rows: list[int]) -> None:
        cost, poorer = self.cost(columns, rows)
        for row in poorer[:EXAMPLES]:
            self.report.converted(kind, cost, batch.samples[columns.items[row]].id, columns.ids[row])
        if len(poorer) > EXAMPLES:
            self.report.converted(kind, cost, count=len(poorer) - EXAMPLES)
        attributes = columns.attributes
        said = attributes if len(rows) == len(columns) else [attributes[row] for row in rows]
        for names, count in Counter(map(tuple, filter(None, said))).items():
            self.report.left_out(names, count)


class _Rows:
    """Rows as they come, and put in order."""

    def __init__(self) -> None:
        self.places: list[Places] = []
        self.items: list[Places] = []
        self.labels: list[str] = []
        self.texts: list[bytes] = []
        self.lengths: list[Places] = []
        self.single: tuple[list[int], list[int]] = [], []

    def add(self, places: Places, items: Places, labels: Sequence[str], texts: Texts) -> None:
        self.places.append(places)
        self.items.append(items)
        self.labels += labels
        self.texts.append(texts.text)
        self.lengths.append(np.diff(texts.ends))

    def add_one(self, place: int, item: int, label: str, text: bytes) -> None:
        self.add(np.array([place]), np.array([item]), [label], Texts(text, np.array([0, len(text)])))

    def in_order(self, samples: int) -> Labels:
        if not self.places:
            return Labels([0] * samples, [], b'', [0])
        places, items, lengths = map(np.concatenate, (self.places, self.items, self.lengths))
        counts = np.bincount(items, minlength=samples).tolist()
        text, labels = b''.join(self.texts), self.labels
        if len(self.places) > 1:
            order = np.argsort(places, kind='stable')
            ends = _ends(lengths)
            if len(set(lengths.tolist())) == 1:
                text = np.frombuffer(text, np.uint8).reshape(len(order), -1)[order].tobytes()
            else:
                cuts = ends.tolist()
                text = b''.join([text[cuts[row] : cuts[row + 1]] for row in order.tolist()])
            labels = [labels[row] for row in order.tolist()]
            lengths = lengths[order]
        return Labels(counts, labels, text, _ends(lengths).tolist())


class Detect(Rows):
    """`x y w h`: centre and size of an upright box."""

    task = 'detect'

    def texts(self, columns: Boxes | Polygons, sizes: Floats) -> tuple[Flags, Texts]:
        """Boxes, and the boxes around polygons."""
        corners = columns.corners if isinstance(columns, Boxes) else _around(columns)
        plain = _inside(corners, sizes)
        return plain, _lines(_box(corners[plain], sizes[plain]))

    def cost(self, columns: Boxes | Polygons, rows: Sequence[int]) -> tuple[str, Sequence[int]]:
        """A polygon becomes a box."""
        return (f'{self.target} holds boxes: its enclosing box', rows) if isinstance(columns, Polygons) else ('', ())

    def text(self, annotation: AnyAnnotation, sample: Sample) -> bytes | None:
        """The box that the annotation fits in."""
        box = self.fitter.box(annotation, sample)
        return None if box is None else _lines(_box(np.array([box]), _size(sample))).text


class Segment(Rows):
    """`x1 y1 x2 y2 ...`: the outline of an area."""

    task = 'segment'

    def texts(self, columns: Boxes | Polygons, sizes: Floats) -> tuple[Flags, Texts]:
        """Boxes by their corners, and polygons, whose rings are joined."""
        if isinstance(columns, Boxes):
            return _corners(columns.corners, sizes)
        rings = columns.rings
        owners = rings.owners
        areas = rings.areas()
        fine = _inside(rings.bounds(), sizes[owners]) & (areas != 0)
        plain = np.bincount(owners, minlength=len(columns)) > 0
        plain[owners[~fine]] = False
        kept = plain[owners]
        counts = np.diff(rings.starts)
        shares = rings.points[np.repeat(kept, counts)]
        owners, areas, counts = owners[kept], areas[kept], counts[kept]
        if len(owners) > plain.sum():
            shares, owners, counts = _joined(shares, owners, areas, counts)
        shares = shares / np.repeat(sizes[owners], counts, axis=0)
        text = digits(shares).tobytes()
        ends = _ends(counts * (2 * WIDTH))
        lines = [text[start:stop] for start, stop in pairwise(ends.tolist())]
        return plain, Texts(b'\n'.join([*lines, b'']) if lines else b'', ends + np.arange(len(ends)))

    def cost(self, columns: Boxes | Polygons, rows: Sequence[int]) -> tuple[str, Sequence[int]]:
        """A box becomes a polygon, several parts become one."""
        if isinstance(columns, Boxes):
            return f'{self.target} holds polygons: its four corners', rows
        rings = columns.rings
        if len(rings.owners) == len(columns):
            return '', ()
        counts = np.bincount(rings.owners, minlength=len(columns)).tolist()
        return SEAMS.format(self.target), [row for row in rows if counts[row] > 1]

    def text(self, annotation: AnyAnnotation, sample: Sample) -> bytes | None:
        """The one ring that the annotation fits in."""
        rings = self.fitter.rings(annotation, sample)
        return None if rings is None else _ring(rings[0], sample)


class Obb(Rows):
    """`x1 y1 ... x4 y4`: the corners of a box, however it is turned."""

    task = 'obb'

    def texts(self, columns: Boxes | Polygons, sizes: Floats) -> tuple[Flags, Texts]:
        """Upright boxes."""
        return _corners(columns.corners, sizes) if isinstance(columns, Boxes) else super().texts(columns, sizes)

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
        x, y, w, h = skeleton.box
        points = arrange(skeleton, self.joints)
        places = digits(np.array([(x, y) for x, y, _ in points]).reshape(-1, 2) / _size(sample))
        joints = [b'%s %d' % (place.tobytes(), joint.visibility) for place, joint in zip(places, points, strict=True)]
        return b''.join([_box(np.array([[x, y, x + w, y + h]]), _size(sample)).tobytes(), *joints, b'\n'])


def _joined(points: Floats, owners: Places, areas: Floats, counts: Places) -> tuple[Floats, Places, Places]:
    """The rings of each polygon as one: points, and for each polygon its number and how many points it has."""
    ends = _ends(counts)
    firsts = np.flatnonzero(np.diff(owners, prepend=-1))
    rings = np.diff(firsts, append=len(owners))
    pieces: list[Floats] = []
    begin = 0
    lengths = np.add.reduceat(counts, firsts)
    for polygon in np.flatnonzero(rings > 1).tolist():
        first = int(firsts[polygon])
        start = int(ends[first])
        parts = []
        for ring in range(first, first + int(rings[polygon])):
            part = points[ends[ring] : ends[ring + 1]]
            parts.append(part[::-1] if areas[ring] < 0 else part)
        joined = join_arrays(parts)
        lengths[polygon] = len(joined)
        pieces += [points[begin:start], joined]
        begin = int(ends[first + len(parts)])
    return np.concatenate([*pieces, points[begin:]]), owners[firsts], lengths


def _size(sample: Sample) -> Floats:
    return np.array([[sample.width, sample.height]], dtype=np.float64)


def _ends(lengths: Places) -> Places:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


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


def _inside(corners: Floats, sizes: Floats) -> Flags:
    """Which boxes have an area and lie in their image; a not-a-number lies nowhere."""
    left, top, right, bottom = corners.T
    width, height = sizes.T
    inside: Flags = (left >= 0) & (top >= 0) & (right <= width) & (bottom <= height)
    inside &= (right > left) & (bottom > top)
    return inside


def _box(corners: Floats, sizes: Floats) -> NDArray[np.uint8]:
    middle = (corners[:, :2] + corners[:, 2:]) / 2 / sizes
    return digits(np.concatenate([middle, (corners[:, 2:] - corners[:, :2]) / sizes], axis=1))


def _corners(corners: Floats, sizes: Floats) -> tuple[Flags, Texts]:
    """The corners of boxes, clockwise from the top left one."""
    plain = _inside(corners, sizes)
    points = corners[plain][:, [0, 1, 2, 1, 2, 3, 0, 3]]
    return plain, _lines(digits(points / np.tile(sizes[plain], 4)))


def _ring(ring: Ring, sample: Sample) -> bytes:
    shares = np.array(ring, dtype=np.float64) / _size(sample)
    if shares.min() < 0 or shares.max() > 1:
        # A turned box whose corners reach out of the image, which ultralytics reads.
        return b''.join(b' %.6f' % share for share in shares.ravel().tolist()) + b'\n'
    return digits(shares).tobytes() + b'\n'


def _lines(text: NDArray[np.uint8]) -> Texts:
    """Rows that are all of one length."""
    rows, width = text.shape
    lines = np.full((rows, width + 1), ord('\n'), np.uint8)
    lines[:, :-1] = text
    return Texts(lines.tobytes(), np.arange(rows + 1) * (width + 1))


def _some(texts: Texts, kept: Flags) -> Texts:
    cuts = texts.ends.tolist()
    rows = np.flatnonzero(kept).tolist()
    return Texts(b''.join([texts.text[cuts[row] : cuts[row + 1]] for row in rows]), _ends(np.diff(texts.ends)[kept]))
