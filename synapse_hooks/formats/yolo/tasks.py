"""The numbers in the labels of each task: `class x y w h`, `class x1 y1 x2 y2 ...`, and with joints."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from synapse_hooks.data import AnyAnnotation, LossReport, Ring, Sample
from synapse_hooks.data.batch import Batch
from synapse_hooks.data.columns import Boxes, Flags, Polygons, inside
from synapse_hooks.data.geometry import join_arrays
from synapse_hooks.data.rings import Floats, Places, starts_of
from synapse_hooks.data.skeletons import arrange
from synapse_hooks.formats.text_rows import TextRows
from synapse_hooks.formats.yolo.numbers import WIDTH, digits
from synapse_hooks.formats.yolo.rows import Rows
from synapse_hooks.geometry.fitted_boxes import fit_boxes
from synapse_hooks.geometry.shapes import MOST_RINGS, SEAMS


class Detect(Rows):
    """`x y w h`: centre and size of an upright box."""

    task = 'detect'

    def of(self, batch: Batch) -> TextRows:
        """The boxes around all annotations."""
        boxes, rows = fit_boxes(batch, self.fitter), TextRows()
        texts = _lines(_box(boxes.corners, batch.sizes[boxes.items]))
        rows.add(range(len(texts)), boxes.items, boxes.labels, texts)
        return rows


class Segment(Rows):
    """`x1 y1 x2 y2 ...`: the outline of an area."""

    task = 'segment'

    def texts(self, columns: Boxes | Polygons, sizes: Floats) -> tuple[Flags, list[bytes]]:
        """Boxes by their corners, and polygons, whose rings are joined."""
        if isinstance(columns, Boxes):
            return _corners(columns.corners, sizes)
        rings = columns.rings
        owners = rings.owners
        areas = rings.areas()
        fine = inside(rings.bounds(), sizes[owners]) & (areas != 0)
        rings_of = np.bincount(owners, minlength=len(columns))
        plain = (rings_of > 0) & (rings_of <= MOST_RINGS)
        plain[owners[~fine]] = False
        points, counts = rings.points, np.diff(rings.starts)
        kept = plain[owners]
        if not kept.all():
            points = points[np.repeat(kept, counts)]
            owners, areas, counts = owners[kept], areas[kept], counts[kept]
        if len(owners) > plain.sum():
            points, owners, counts = _joined(points, owners, areas, counts)
        text = digits(points / np.repeat(sizes[owners], counts, axis=0)).tobytes()
        cuts = starts_of(counts * (2 * WIDTH)).tolist()
        return plain, [text[start:stop] for start, stop in pairwise(cuts)]

    def cost(self, columns: Boxes | Polygons, rows: Sequence[int]) -> tuple[str, Sequence[int]]:
        """A box becomes a polygon, several parts become one."""
        if isinstance(columns, Boxes):
            return f'{self.target} holds polygons: its four corners', rows
        rings = columns.rings
        if len(rings.owners) == len(columns) and not rings.broken:
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

    def texts(self, columns: Boxes | Polygons, sizes: Floats) -> tuple[Flags, list[bytes]]:
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
        return b''.join([_box(np.array([[x, y, x + w, y + h]]), _size(sample)).tobytes(), *joints])


def _joined(points: Floats, owners: Places, areas: Floats, counts: Places) -> tuple[Floats, Places, Places]:
    """The rings of each polygon as one: points, and for each polygon its number and how many points it has."""
    firsts = np.flatnonzero(np.diff(owners, prepend=-1))
    rings = np.diff(firsts, append=len(owners))
    lengths = np.add.reduceat(counts, firsts)
    several = np.flatnonzero(rings > 1)
    ends, backwards = starts_of(counts).tolist(), (areas < 0).tolist()
    pieces: list[Floats] = []
    joined_lengths: list[int] = []
    begin = 0
    for first, count in zip(firsts[several].tolist(), rings[several].tolist(), strict=True):
        parts = []
        for ring in range(first, first + count):
            part = points[ends[ring] : ends[ring + 1]]
            parts.append(part[::-1] if backwards[ring] else part)
        joined = join_arrays(parts)
        joined_lengths.append(len(joined))
        pieces += [points[begin : ends[first]], joined]
        begin = ends[first + count]
    lengths[several] = joined_lengths
    return np.concatenate([*pieces, points[begin:]]), owners[firsts], lengths


def _size(sample: Sample) -> Floats:
    return np.array([[sample.width, sample.height]], dtype=np.float64)


def _box(corners: Floats, sizes: Floats) -> NDArray[np.uint8]:
    middle = (corners[:, :2] + corners[:, 2:]) / 2 / sizes
    return digits(np.concatenate([middle, (corners[:, 2:] - corners[:, :2]) / sizes], axis=1))


def _corners(corners: Floats, sizes: Floats) -> tuple[Flags, list[bytes]]:
    """The corners of boxes, clockwise from the top left one."""
    plain = inside(corners, sizes)
    points = corners[plain][:, [0, 1, 2, 1, 2, 3, 0, 3]]
    return plain, _lines(digits(points / np.tile(sizes[plain], 4)))


def _ring(ring: Ring, sample: Sample) -> bytes:
    shares = np.array(ring, dtype=np.float64) / _size(sample)
    if shares.min() < 0 or shares.max() > 1:
        # A turned box whose corners reach out of the image, which ultralytics reads.
        return b''.join(b' %.6f' % share for share in shares.ravel().tolist())
    return digits(shares).tobytes()


def _lines(digits: NDArray[np.uint8]) -> list[bytes]:
    """Rows that are all of one length."""
    width, text = digits.shape[1], digits.tobytes()
    return [text[start : start + width] for start in range(0, len(text), width)]
