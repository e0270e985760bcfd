"""The plain shapes of a batch in columns: all boxes, or all polygons, one row each.

A shape is plain when its numbers are all there is to say about its form: an upright box, or a polygon without holes. It
has a class, and is not a crowd region (`iscrowd`), which few targets hold.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, groupby
from math import isnan, nan
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from synapse_hooks.data.areas import Box, Polygon
from synapse_hooks.data.outline import Outline
from synapse_hooks.data.rings import Floats, Points, Rings, append

T = TypeVar('T')
Flags = NDArray[np.bool_]
Attributes = dict[str, Any] | None

_NOTHING = (nan,) * 4
_NO_BOX = array('d', _NOTHING).tobytes()


@dataclass
class Columns:
    """Shapes of one kind; the row with one number in each list is one shape."""

    kind: ClassVar[str] = ''
    """As annotations of the kind call it."""
    items: list[int] = field(default_factory=list)
    """Which sample of the batch it belongs to."""
    places: list[int] = field(default_factory=list)
    """Its rank among all annotations of the batch."""
    labels: list[str] = field(default_factory=list)
    """Its class."""
    ids: list[int | str] = field(default_factory=list)
    """Its id, as the source has it."""
    attributes: list[Attributes] = field(default_factory=list)
    """Its attributes: None, or at least one."""

    def __len__(self) -> int:
        return len(self.items)


@dataclass
class Boxes(Columns):
    """Upright boxes."""

    kind: ClassVar[str] = 'box'
    numbers: array[float] = field(default_factory=lambda: array('d'))
    """`x, y, w, h` of each, one after the other."""

    def add_numbers(self, boxes: Sequence[Sequence[float]]) -> None:
        """Add the numbers of some."""
        append(self.numbers, list(chain.from_iterable(boxes)), 4 * len(boxes))

    def buffers(self) -> tuple[bytes, ...]:
        """Their numbers as they are in memory."""
        return (self.numbers.tobytes(),)

    @cached_property
    def corners(self) -> Floats:
        """`left, top, right, bottom` of each, in pixels."""
        return _corners(np.frombuffer(self.numbers).reshape(-1, 4))

    def annotation(self, row: int) -> Box:
        """One of them as an annotation."""
        x, y, w, h = self.numbers[4 * row : 4 * row + 4]
        return Box(x, y, w, h, id=str(self.ids[row]), label=self.labels[row], attributes=self.attributes[row] or {})


@dataclass
class Polygons(Columns):
    """Polygons without holes."""

    kind: ClassVar[str] = 'polygon'
    boxes: array[float] = field(default_factory=lambda: array('d'))
    """`x, y, w, h` of each as the source says it, one after the other; not-a-numbers where it does not."""
    points: Points = field(default_factory=Points)
    """Their rings, where their numbers are known."""
    texts: list[bytes] = field(default_factory=list)
    """The text of an `Outline` for each, where they are not: a batch has one or the other."""

    def add_boxes(self, boxes: Sequence[Sequence[float] | None]) -> None:
        """Add the boxes of some, as the source says them."""
        rows = [_NOTHING if box is None else box for box in boxes]
        append(self.boxes, list(chain.from_iterable(rows)), 4 * len(boxes))

    def add_boxless(self, count: int) -> None:
        """Add the boxes of so many that have none."""
        self.boxes.frombytes(_NO_BOX * count)

    def buffers(self) -> tuple[bytes, ...]:
        """Their numbers as they are in memory, and their texts."""
        points = self.points
        counts, owners = array('q', points.counts), array('q', points.owners)
        return (*(one.tobytes() for one in (self.boxes, points.numbers, counts, owners)), *self.texts)

    @cached_property
    def corners(self) -> Floats:
        """`left, top, right, bottom` as the source says it, else around the rings; not-a-number without any."""
        given = _corners(np.frombuffer(self.boxes).reshape(-1, 4))
        silent = np.isnan(given[:, :1])
        if not silent.any():
            return given
        around, bounds = np.full((len(self), 4), np.nan), self.rings.bounds()
        np.fmin.at(around[:, :2], self.rings.owners, bounds[:, :2])
        np.fmax.at(around[:, 2:], self.rings.owners, bounds[:, 2:])
        return np.where(silent, around, given)

    @cached_property
    def rings(self) -> Rings:
        """All their rings."""
        return Rings.of_texts(self.texts) if self.texts else self.points.rings()

    def annotation(self, row: int) -> Polygon | Outline:
        """One of them as an annotation."""
        box = tuple(self.boxes[4 * row : 4 * row + 4])
        common: dict[str, Any] = {
            'id': str(self.ids[row]),
            'label': self.labels[row],
            'attributes': self.attributes[row] or {},
            'box': None if isnan(box[0]) else box,
        }
        if self.texts:
            return Outline(self.texts[row], **common)
        return Polygon([[ring] for ring in self.rings.of(row)], **common)


def of_rows(values: list[T], rows: Sequence[int]) -> list[T]:
    """The values of some rows of a column, in ascending order; the column itself where these are all."""
    return values if len(rows) == len(values) else [values[row] for row in rows]


def inside(corners: Floats, sizes: Floats) -> Flags:
    """Which boxes have an area and lie in their image; a not-a-number lies nowhere.

    Args:
        corners: `left, top, right, bottom` of each.
        sizes: Width and height of each one's image.
    """
    left, top, right, bottom = corners.T
    width, height = sizes.T
    lie_inside: Flags = (left >= 0) & (top >= 0) & (right <= width) & (bottom <= height)
    lie_inside &= (right > left) & (bottom > top)
    return lie_inside


def are_plain(labels: Sequence[str], attributes: Sequence[Attributes] | None) -> bool:
    """Whether shapes of these labels and attributes can be in columns: each has a class, and none is a crowd region."""
    return all(labels) and not (attributes and any('iscrowd' in values for values in filter(None, attributes)))


def plain_runs(labels: Sequence[str], attributes: Sequence[Attributes] | None) -> Iterator[tuple[bool, slice]]:
    """Rows that follow one another and are plain, or are not.

    Example:
        >>> [*plain_runs(['car', 'dog', ''], None)]
        [(True, slice(0, 2, None)), (False, slice(2, 3, None))]
    """

    def is_plain(row: int) -> bool:
        return are_plain(labels[row : row + 1], attributes and attributes[row : row + 1])

    for plain, run in groupby(range(len(labels)), key=is_plain):
        rows = [*run]
        yield plain, slice(rows[0], rows[-1] + 1)


def _corners(boxes: Floats) -> Floats:
    one, other = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    return np.concatenate([np.minimum(one, other), np.maximum(one, other)], axis=1)
