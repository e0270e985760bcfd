"""Some hundred consecutive samples, their plain shapes in columns: what sources read and sinks write.

In columns, a whole batch is checked, fitted and written at once. What is not plain stays an annotation, in
`Batch.others`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from synapse_hooks.data.annotations import AnyAnnotation, Keypoint, Keypoints
from synapse_hooks.data.areas import Box, Polygon
from synapse_hooks.data.columns import Attributes, Boxes, Columns, Polygons, are_plain, plain_runs
from synapse_hooks.data.media import Medium
from synapse_hooks.data.outline import Outline
from synapse_hooks.data.rings import Floats
from synapse_hooks.data.sample import Sample


@dataclass
class Batch:
    """Consecutive samples. What is in the columns is not in the samples' own `annotations`.

    Each row of `boxes` and `polygons` is one shape. Both have, as sequences of one length, `items` (the number of its
    sample), `labels`, `ids` and `attributes` (a dict, or None), and as an array `corners`: `left, top, right, bottom`
    in pixels. Rows are in the order of the samples. `annotation(row)` makes a `Box` or `Polygon` of one.

    Example:
        >>> batch = gather([Sample('a'), Sample('b', annotations=[Box(1, 2, 3, 4, label='car', id='7')])])
        >>> boxes = batch.boxes
        >>> [(batch.samples[item].id, label, corners) for item, label, corners in zip(
        ...     boxes.items, boxes.labels, boxes.corners.tolist())]
        [('b', 'car', [1.0, 2.0, 4.0, 6.0])]
    """

    samples: list[Sample]
    """In the order of the dataset."""
    boxes: Boxes
    """The upright boxes of all samples."""
    polygons: Polygons
    """The polygons of all samples, but for those with holes."""
    others: list[tuple[int, int, AnyAnnotation]]
    """Everything else: the sample's number, its place, the annotation."""
    measured: bool = False
    """Whether the sizes of the images are known, and the images were found to be readable."""
    is_rows: bool = False
    """Whether it was made of samples as they are, with nothing in columns."""

    @classmethod
    def of_samples(cls, samples: Sequence[Sample], *, measured: bool = False) -> Batch:
        """A batch without columns: every annotation stays with its sample.

        Example:
            >>> batch = Batch.of_samples([Sample('a', annotations=[Box(1, 2, 3, 4)])])
            >>> len(batch.boxes), len(batch.others)
            (0, 1)
        """
        builder = BatchBuilder()
        for sample in samples:
            builder.add_sample(sample)
        batch = builder.build(measured=measured)
        batch.is_rows = True
        return batch

    @property
    def media(self) -> set[Medium]:
        """What its samples are: nearly always images.

        Example:
            >>> Batch.of_samples([Sample('a'), Sample('b', medium='video')]).media == {'image', 'video'}
            True
        """
        return {sample.medium for sample in self.samples}

    @property
    def columns(self) -> tuple[Boxes | Polygons, ...]:
        """`boxes` and `polygons`, as far as there are any."""
        return tuple(columns for columns in (self.boxes, self.polygons) if columns.items)

    @property
    def sizes(self) -> Floats:
        """Width and height of each sample's image, in pixels.

        Example:
            >>> Batch.of_samples([Sample('a', width=640, height=480)]).sizes.tolist()
            [[640.0, 480.0]]
        """
        return np.array([(sample.width, sample.height) for sample in self.samples], dtype=np.float64).reshape(-1, 2)

    def rows(self) -> list[Sample]:
        """The samples with all their annotations, in the order in which they were added: those in columns, too.

        Example:
            >>> gather([Sample('a', annotations=[Box(1, 2, 3, 4, label='car')])]).rows()[0].annotations[0].label
            'car'
        """
        if not self.columns:
            return self.samples
        placed: list[list[tuple[int, Any]]] = [[] for _ in self.samples]
        for item, place, annotation in self.others:
            placed[item].append((place, annotation))
        for columns in self.columns:
            for row, (item, place) in enumerate(zip(columns.items, columns.places, strict=True)):
                placed[item].append((place, columns.annotation(row)))
        for sample, own in zip(self.samples, placed, strict=True):
            sample.annotations = [annotation for _, annotation in sorted(own, key=itemgetter(0))]
        return self.samples

    def labelled_items(self) -> set[int]:
        """The numbers of the samples with an annotation."""
        return {*self.boxes.items, *self.polygons.items, *(item for item, _, _ in self.others)}


class BatchBuilder:
    """Makes a batch, sample by sample or column by column.

    Annotations must be added in the order of their samples, and keep the order in which they are added.

    Example:
        >>> builder = BatchBuilder()
        >>> for name in ('a', 'b'):
        ...     item = builder.add_sample(Sample(name))
        ...     builder.add_boxes([item, item], ['car', 'dog'], [[1, 2, 3, 4], [5, 6, 7, 8]])
        >>> batch = builder.build()
        >>> batch.boxes.items, batch.boxes.corners[1].tolist()
        ([0, 0, 1, 1], [5.0, 6.0, 12.0, 14.0])
    """

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self.boxes = Boxes()
        self.polygons = Polygons()
        self.others: list[tuple[int, int, AnyAnnotation]] = []
        self.place = 0
        """How many annotations there are so far."""

    def add(self, sample: Sample) -> None:
        """Add a sample and sort its annotations.

        An object with joints of a skeleton keeps all its annotations, since they belong together.

        Raises:
            ValueError: A shape holds something else than its numbers; the message says where.
        """
        kept = sample.annotations
        if any(type(annotation) in _SKELETAL for annotation in kept):
            self.add_sample(sample)
            return
        item = len(self.samples)
        self.samples.append(sample)
        sample.annotations = []
        for annotation in kept:
            try:
                columns = self._columns(annotation)
            except (TypeError, ValueError) as error:
                raise ValueError(f'{sample.id}: {annotation.kind} {annotation.id!r}: {error}') from error
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

    def add_sample(self, sample: Sample) -> int:
        """Add a sample with its annotations as they are; others may follow. Returns its number in the batch."""
        item = len(self.samples)
        self.samples.append(sample)
        self.others += [(item, place, annotation) for place, annotation in enumerate(sample.annotations, self.place)]
        self.place += len(sample.annotations)
        return item

    def add_boxes(
        self,
        items: Sequence[int],
        labels: Sequence[str],
        boxes: Sequence[Sequence[float]] | Floats,
        *,
        ids: Sequence[int | str] | None = None,
        attributes: Sequence[Attributes] | None = None,
    ) -> None:
        """Add upright boxes. What is not plain, such as a crowd region, becomes an annotation.

        Args:
            items: The number of the sample of each, as `add_sample` returned it; in ascending order.
            labels: The class of each.
            boxes: `x, y, w, h` of each, in pixels: of the corner with the lowest numbers, and the size.
            ids: What the source calls each; None numbers them.
            attributes: Of each, or None.
        """
        if len(items) == len(labels) == len(boxes) and not are_plain(labels, attributes):
            self._add_runs(self.add_boxes, lambda box: Box(*map(float, box)), items, labels, boxes, ids, attributes)
            return
        self._add_rows(self.boxes, items, labels, ids, attributes)
        if isinstance(boxes, np.ndarray):
            self.boxes.numbers.frombytes(np.ascontiguousarray(boxes, dtype=np.float64).tobytes())
        else:
            self.boxes.add_numbers(boxes)

    def add_polygons(
        self,
        items: Sequence[int],
        labels: Sequence[str],
        rings: Sequence[Sequence[Sequence[float]]],
        *,
        ids: Sequence[int | str] | None = None,
        attributes: Sequence[Attributes] | None = None,
    ) -> None:
        """Add polygons of one ring each. What is not plain, such as a crowd region, becomes an annotation.

        Args:
            items: The number of the sample of each, as `add_sample` returned it; in ascending order.
            labels: The class of each.
            rings: The points `x, y` of each, three or more, in pixels.
            ids: What the source calls each; None numbers them.
            attributes: Of each, or None.
        """
        if len(items) == len(labels) == len(rings) and not are_plain(labels, attributes):
            self._add_runs(self.add_polygons, _polygon, items, labels, rings, ids, attributes)
            return
        first = len(self.polygons)
        self._add_rows(self.polygons, items, labels, ids, attributes)
        self.polygons.points.add(range(first, first + len(rings)), rings)
        self.polygons.add_boxless(len(rings))

    def build(self, *, measured: bool = False) -> Batch:
        """The batch.

        Args:
            measured: See `Batch.measured`.
        """
        return Batch(self.samples, self.boxes, self.polygons, self.others, measured)

    def _add_rows(
        self,
        columns: Columns,
        items: Sequence[int],
        labels: Sequence[str],
        ids: Sequence[int | str] | None,
        attributes: Sequence[Attributes] | None,
    ) -> None:
        count, place = len(items), self.place
        # An array has an addition of its own.
        columns.items.extend(items)
        columns.labels.extend(labels)
        columns.ids.extend(range(place + 1, place + count + 1) if ids is None else ids)
        columns.attributes.extend([None] * count if attributes is None else attributes)
        columns.places.extend(range(place, place + count))
        self.place += count

    def _add_runs(
        self,
        add: Callable[..., None],
        make: Callable[[Any], AnyAnnotation],
        items: Sequence[int],
        labels: Sequence[str],
        shapes: Sequence[Any] | Floats,
        ids: Sequence[int | str] | None,
        attributes: Sequence[Attributes] | None,
    ) -> None:
        """Add plain rows with `add`, and make annotations of the others."""
        for plain, run in plain_runs(labels, attributes):
            own, values = ids and ids[run], attributes and attributes[run]
            if plain:
                add(items[run], labels[run], shapes[run], ids=own, attributes=values)
                continue
            for row, (item, label, shape) in enumerate(zip(items[run], labels[run], shapes[run], strict=True)):
                annotation = make(shape)
                annotation.id = str(own[row] if own else self.place + 1)
                annotation.label = label
                annotation.attributes = (values and values[row]) or {}
                self.others.append((item, self.place, annotation))
                self.samples[item].annotations.append(annotation)
                self.place += 1

    def _columns(self, annotation: AnyAnnotation) -> Columns | None:
        add = _COLUMNS.get(type(annotation))
        if add is None or annotation.extra or not annotation.label or 'iscrowd' in annotation.attributes:
            return None
        return add(self, annotation)

    def _add_box(self, box: Box) -> Columns:
        self.boxes.add_numbers([(box.x, box.y, box.w, box.h)])
        return self.boxes

    def _add_polygon(self, polygon: Polygon) -> Columns | None:
        polygons, parts = self.polygons, polygon.parts
        if polygons.texts or not parts or any(len(part) != 1 or len(part[0]) < 3 for part in parts):
            return None
        polygons.points.add([len(polygons)] * len(parts), [part[0] for part in parts])
        polygons.add_boxes([polygon.box])
        return polygons

    def _add_outline(self, outline: Outline) -> Columns | None:
        polygons = self.polygons
        if polygons.points.counts:
            return None
        polygons.texts.append(outline.text)
        polygons.add_boxes([outline.box])
        return polygons


def gather(samples: Iterable[Sample], *, measured: bool = False) -> Batch:
    """A batch of samples, their plain shapes in columns.

    Args:
        samples: With all their annotations; those that go into columns are taken out of them.
        measured: See `Batch.measured`.

    Example:
        >>> batch = gather([Sample('a', annotations=[Box(1, 2, 3, 4, label='car')])])
        >>> batch.boxes.labels, batch.boxes.corners.tolist()
        (['car'], [[1.0, 2.0, 4.0, 6.0]])
    """
    builder = BatchBuilder()
    for sample in samples:
        builder.add(sample)
    return builder.build(measured=measured)


_SKELETAL = frozenset((Keypoint, Keypoints))
_COLUMNS: dict[type, Callable[[BatchBuilder, Any], Columns | None]] = {
    Box: BatchBuilder._add_box,
    Polygon: BatchBuilder._add_polygon,
    Outline: BatchBuilder._add_outline,
}
"""What adds an annotation to the columns of its kind; None where it is not plain."""


def _polygon(ring: Sequence[Sequence[float]]) -> Polygon:
    return Polygon.simple([(float(x), float(y)) for x, y in ring])
