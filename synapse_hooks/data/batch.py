"""Some hundred consecutive samples, their plain shapes in columns: what the built-in writers work on.

A shape is plain when its numbers are all there is to say about its form: an upright box, or a polygon without holes. In
columns, a whole batch is measured and written at once. Everything else stays an annotation, in `Batch.others`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from synapse_hooks.data.outline import Outline
from synapse_hooks.data.sample import AnyAnnotation, Box, Keypoint, Keypoints, Polygon, Sample

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]
Attributes = dict[str, Any] | None

BATCH = 128
"""How many samples a batch has, but for the last one."""


@dataclass
class Columns:
    """Shapes of one kind; the row with one number in each list is one shape."""

    items: list[int] = field(default_factory=list)
    """Which sample of the batch it belongs to."""
    places: list[int] = field(default_factory=list)
    """Its rank among all annotations of the batch."""
    labels: list[str] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    attributes: list[Attributes] = field(default_factory=list)
    """None, or at least one attribute."""

    def __len__(self) -> int:
        return len(self.items)


@dataclass
class Boxes(Columns):
    """Upright boxes."""

    numbers: Sequence[Sequence[float]] = field(default_factory=list)
    """`x, y, w, h` of each."""

    @cached_property
    def corners(self) -> Floats:
        """`left, top, right, bottom` of each, in pixels."""
        return _corners(np.array(list(chain.from_iterable(self.numbers)), dtype=np.float64).reshape(-1, 4))

    def annotation(self, row: int) -> Box:
        """One of them as an annotation."""
        x, y, w, h = self.numbers[row]
        return Box(x, y, w, h, id=self.ids[row], label=self.labels[row], attributes=self.attributes[row] or {})


@dataclass
class Polygons(Columns):
    """Polygons without holes."""

    boxes: list[tuple[float, float, float, float] | None] = field(default_factory=list)
    """`x, y, w, h` as the source says it."""
    outlines: list[Any] = field(default_factory=list)
    """The form of each: a list of points where it is one ring, a list of such lists, or the text of an `Outline`."""

    @cached_property
    def corners(self) -> Floats:
        """`left, top, right, bottom` as the source says it, else around the rings; not-a-number without any."""
        nothing = (np.nan,) * 4
        given = _corners(np.array([box or nothing for box in self.boxes], dtype=np.float64).reshape(-1, 4))
        silent = np.isnan(given[:, :1])
        if not silent.any():
            return given
        found, bounds = np.full((len(self), 4), np.nan), self.rings.bounds()
        np.fmin.at(found[:, :2], self.rings.owners, bounds[:, :2])
        np.fmax.at(found[:, 2:], self.rings.owners, bounds[:, 2:])
        return np.where(silent, found, given)

    @cached_property
    def rings(self) -> Rings:
        """All their rings."""
        return Rings.of(self.outlines)

    def annotation(self, row: int) -> Polygon | Outline:
        """One of them as an annotation."""
        common: dict[str, Any] = {
            'id': self.ids[row],
            'label': self.labels[row],
            'attributes': self.attributes[row] or {},
            'box': self.boxes[row],
        }
        form = self.outlines[row]
        if isinstance(form, bytes):
            return Outline(form, **common)
        return Polygon([[ring] for ring in _rings(form)], **common)


@dataclass
class Rings:
    """The rings of many polygons, one after the other."""

    owners: Places
    """For each ring, which polygon it belongs to."""
    starts: Places
    """For each ring, its first point; at the end, the number of points."""
    points: Floats
    """`x, y` in pixels."""
    broken: list[int]
    """The polygons whose text could not be parsed: they have no rings."""

    @classmethod
    def of(cls, outlines: Sequence[Any]) -> Rings:
        """Parse and join what `Polygons.outlines` holds."""
        if outlines and isinstance(outlines[0], bytes):
            return cls._of_texts(outlines)
        owners: Any = range(len(outlines))
        rings = outlines
        if any(isinstance(form[0], list) for form in outlines):
            owners = [owner for owner, form in enumerate(outlines) for _ in _rings(form)]
            rings = [ring for form in outlines for ring in _rings(form)]
        flat = np.array(list(chain.from_iterable(chain.from_iterable(rings))), dtype=np.float64)
        return cls(np.array(owners, dtype=np.int64), _starts(list(map(len, rings))), flat.reshape(-1, 2), [])

    @classmethod
    def _of_texts(cls, texts: Sequence[bytes]) -> Rings:
        try:
            forms = _rings_of_texts(b'[%s]' % b','.join(texts))
            whole = all(forms)
        except msgspec.DecodeError:
            whole = False
        if whole:
            rings = list(chain.from_iterable(forms))
            lengths = np.fromiter(map(len, rings), np.int64, len(rings))
            whole = not ((lengths < 6) | (lengths & 1)).any()
        if not whole:
            if len(texts) == 1:
                return cls(np.zeros(0, np.int64), _starts([]), np.zeros((0, 2)), [0])
            parts = [cls._of_texts([text]) for text in texts]
            return cls(
                np.concatenate([part.owners + owner for owner, part in enumerate(parts)]),
                _starts(list(chain.from_iterable(np.diff(part.starts).tolist() for part in parts))),
                np.concatenate([part.points for part in parts]),
                [owner for owner, part in enumerate(parts) if part.broken],
            )
        owners = np.repeat(np.arange(len(texts)), list(map(len, forms)))
        # Much quicker than one list of all numbers.
        points = np.frombuffer(b''.join([array('d', ring) for ring in rings])).reshape(-1, 2)
        return cls(owners, _starts(lengths // 2), points, [])

    def bounds(self) -> Floats:
        """`left, top, right, bottom` of each ring."""
        if not len(self.owners):
            return np.zeros((0, 4))
        lows = np.minimum.reduceat(self.points, self.starts[:-1])
        highs = np.maximum.reduceat(self.points, self.starts[:-1])
        return np.concatenate([lows, highs], axis=1)

    def areas(self) -> Floats:
        """The area inside each ring, by the shoelace formula; positive where it runs clockwise as it is seen."""
        if not len(self.owners):
            return np.zeros(0)
        after = np.arange(1, len(self.points) + 1)
        after[self.starts[1:] - 1] = self.starts[:-1]
        x, y = self.points.T
        cross: Floats = x * y[after] - x[after] * y
        twice: Floats = np.add.reduceat(cross, self.starts[:-1])
        return twice / 2


def inside(corners: Floats, sizes: Floats) -> Flags:
    """Which boxes have an area and lie in their image; a not-a-number lies nowhere.

    Args:
        corners: `left, top, right, bottom` of each.
        sizes: Width and height of each one's image.
    """
    left, top, right, bottom = corners.T
    width, height = sizes.T
    found: Flags = (left >= 0) & (top >= 0) & (right <= width) & (bottom <= height)
    found &= (right > left) & (bottom > top)
    return found


@dataclass
class Batch:
    """Consecutive samples. What is in the columns is not in the samples' own `annotations`."""

    samples: list[Sample]
    boxes: Boxes
    polygons: Polygons
    others: list[tuple[int, int, AnyAnnotation]]
    """Everything else: the sample's number, its place, the annotation."""


class Gathering:
    """A batch in the making."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.boxes = Boxes()
        self.numbers: list[Sequence[float]] = []
        """`Boxes.numbers`."""
        self.polygons = Polygons()
        self.others: list[tuple[int, int, AnyAnnotation]] = []
        self.place = 0
        """How many annotations there are so far."""

    def add(self, sample: Sample) -> None:
        """Add a sample and sort its annotations.

        Whoever has joints of a skeleton keeps all its annotations, since they belong together.
        """
        item = len(self.samples)
        self.samples.append(sample)
        kept = sample.annotations
        if any(type(annotation) in _SKELETAL for annotation in kept):
            self.others += [(item, self.place + rank, annotation) for rank, annotation in enumerate(kept)]
            self.place += len(kept)
            return
        sample.annotations = []
        for annotation in kept:
            columns = self._columns(annotation)
            if columns is None:
                self.others.append((item, self.place, annotation))
                sample.annotations.append(annotation)
            else:
                columns.items.append(item)
                columns.places.append(self.place)
                columns.labels.append(annotation.label)
                columns.ids.append(annotation.id)
                columns.attributes.append(annotation.attributes or None)
            self.place += 1

    def batch(self) -> Batch:
        """The batch."""
        self.boxes.numbers = self.numbers
        return Batch(self.samples, self.boxes, self.polygons, self.others)

    def _columns(self, annotation: AnyAnnotation) -> Columns | None:
        kind = type(annotation)
        if kind not in _PLAIN or annotation.extra or not annotation.label or 'iscrowd' in annotation.attributes:
            return None
        if isinstance(annotation, Box):
            self.numbers.append((annotation.x, annotation.y, annotation.w, annotation.h))
            return self.boxes
        assert isinstance(annotation, Polygon | Outline)
        form = _form(annotation)
        # Texts and points are parsed in different ways: a batch has one of them.
        before = self.polygons.outlines
        if form is None or (before and isinstance(before[0], bytes) != isinstance(form, bytes)):
            return None
        self.polygons.boxes.append(annotation.box)
        before.append(form)
        return self.polygons


def gather(samples: Iterable[Sample]) -> Batch:
    """A batch of samples as a reader yields them.

    Example:
        >>> batch = gather([Sample('a', annotations=[Box(1, 2, 3, 4, label='car')])])
        >>> batch.boxes.labels, batch.boxes.corners.tolist()
        (['car'], [[1.0, 2.0, 4.0, 6.0]])
    """
    gathering = Gathering()
    for sample in samples:
        gathering.add(sample)
    return gathering.batch()


_SKELETAL = frozenset((Keypoint, Keypoints))
_PLAIN = frozenset((Box, Polygon, Outline))


def _form(annotation: Polygon | Outline) -> Any:
    """What `Polygons.outlines` holds; None for a polygon that is not plain."""
    if isinstance(annotation, Outline):
        return annotation.text
    parts = annotation.parts
    if not parts or any(len(part) != 1 or len(part[0]) < 3 for part in parts):
        return None
    return parts[0][0] if len(parts) == 1 else [part[0] for part in parts]


def _rings(form: Any) -> list[list[tuple[float, float]]]:
    return form if form and isinstance(form[0], list) else [form]


def _corners(boxes: Floats) -> Floats:
    one, other = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    return np.concatenate([np.minimum(one, other), np.maximum(one, other)], axis=1)


def _starts(counts: Sequence[int] | Places) -> Places:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


_rings_of_texts: Callable[[bytes], list[list[list[float]]]] = msgspec.json.Decoder(list[list[list[float]]]).decode
