"""Reading: the tables are searched once for the rows of each image; who reads an image makes numbers of its rows."""

from __future__ import annotations

import csv
import io
from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain, compress
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from synapse_hooks.data import SUFFIXES, Classification, DatasetInfo, Sample
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats import Batch, BatchBuilder, ItemSource, ReadContext, files_below, unique_ids
from synapse_hooks_openimages.layout import (
    ALL_CLASSES,
    BOX_HEADER,
    BOXABLE_LABELS,
    BOXES,
    CLASSES,
    CONFIDENCE,
    FLAGS,
    FOLDERS,
    LABEL_HEADER,
    LABELS,
    SOURCE,
    UNREAD,
    find_file,
)
from synapse_hooks_openimages.table import Table

Attributes = dict[str, Any] | None
Row = Sequence[str]

_ABSENT: Final = 'it is not in the image, as a human has verified (confidence 0)'
_UNSURE: Final = 'it is not verified (its confidence is neither 0 nor 1)'
_CLASS_ROW: Final = ['LabelName', 'DisplayName']
_FIELDS: Final = len(BOX_HEADER)
_FIRST_FLAG: Final = len(LABEL_HEADER) + 4


class Split(NamedTuple):
    """One folder of images, and the tables about them."""

    folder: str
    images: list[str]
    """Paths below the folder, sorted."""
    ids: dict[int, str]
    """Of images whose own name cannot be their id."""
    boxes: Table
    labels: Table | None


class OpenImagesSource(ItemSource):
    """Reads boxes as columns, and image-level labels as annotations.

    Args:
        path: The folder of the dataset.
        context: That of the reading.
    """

    def __init__(self, path: Path, context: ReadContext) -> None:
        self.path = path
        self.context = context

    @cached_property
    def classes(self) -> dict[str, str]:
        """The names of the classes that have boxes, by their codes (`/m/01g317`)."""
        return self._descriptions(CLASSES)

    @cached_property
    def names(self) -> dict[str, str]:
        """The names of all classes, by their codes."""
        return {**self._descriptions(ALL_CLASSES), **self.classes}

    @property
    def info(self) -> DatasetInfo:
        """The classes, in the order of their file."""
        return DatasetInfo(classes=tuple(dict.fromkeys(self.classes.values())) or None)

    @property
    def count(self) -> int:
        """How many images there are."""
        return sum(len(split.images) for split in self.splits)

    @cached_property
    def splits(self) -> list[Split]:
        """The splits that have a table of boxes.

        Raises:
            DatasetInvalid: There are none, or a table is damaged.
        """
        splits = [split for folder in FOLDERS for split in self._split(folder)]
        if not splits:
            names = ', '.join(BOXES.format(folder) for folder in FOLDERS)
            raise DatasetInvalid(
                f'{self.path} is not an Open Images dataset: there is no CSV file of boxes',
                hint=f'a dataset has one of {names}, and a folder of images for each',
                path=str(self.path),
            )
        return splits

    def read(self, shard: range) -> Iterator[Batch]:
        """See `Source.read`."""
        items = [*self._items(shard)]
        # A Path for each image costs more than looking at it.
        samples = [
            Sample(
                split.ids.get(number, split.images[number].rpartition('.')[0]),
                f'{self.path}/{split.folder}/{split.images[number]}',
                split=FOLDERS[split.folder],
            )
            for split, number in items
        ]
        readable = list(self.context.measure_all(samples))
        builder = BatchBuilder()
        owners: list[int] = []
        found: list[tuple[int, Table, int, bytes]] = []
        for (split, number), sample in compress(zip(items, samples, strict=True), readable):
            if split.labels is not None:
                sample.annotations = self._labels(split.labels, number, sample)
            item = builder.add_sample(sample)
            for place, rows in split.boxes.rows(number):
                owners += [item] * rows.count(b'\n')
                found.append((item, split.boxes, place, rows))
        try:
            columns = self._boxes(b''.join(rows for *_, rows in found), len(owners))
        except (ValueError, csv.Error):
            owners, columns = self._readable(found)
        if owners:
            labels, corners, attributes = columns
            left, right, top, bottom = np.array(corners).reshape(-1, 4).T
            sizes = builder.build().sizes[owners]
            numbers = np.stack([left, top, right - left, bottom - top], axis=1) * np.tile(sizes, 2)
            builder.add_boxes(owners, labels, numbers, attributes=attributes if any(attributes) else None)
        yield builder.build(measured=True)

    # -- files ---------------------------------------------------------------------------------------------------------

    def _descriptions(self, name: str) -> dict[str, str]:
        file = find_file(self.path, name)
        if file is None:
            return {}
        try:
            text = self.context.read_file(file).decode('utf-8-sig')
            rows = [*csv.reader(io.StringIO(text, newline=''))]
        except (UnicodeDecodeError, csv.Error) as error:
            raise DatasetInvalid(f'{file}: {error}', hint='save it as CSV in UTF-8', path=str(file)) from error
        return {row[0]: row[1] for row in rows if len(row) == 2 and row[1] and row != _CLASS_ROW}

    def _split(self, folder: str) -> Iterator[Split]:
        file = find_file(self.path, BOXES, folder)
        if file is None:
            return
        images = [*files_below(self.path / folder, *SUFFIXES)]
        stems = [name.rpartition('.')[0] for name in images]
        numbers = {stem: number for number, stem in enumerate(stems)}
        boxes = Table(file, BOX_HEADER, self.context)
        labels_file = find_file(self.path, LABELS, folder) or find_file(self.path, BOXABLE_LABELS, folder)
        labels = None if labels_file is None else Table(labels_file, LABEL_HEADER, self.context)
        for table in filter(None, (boxes, labels)):
            for stem, line in table.find_rows(numbers, len(images)):
                problem = f'{table.file}, line {line}: there is no image {folder}/{stem}'
                hint = f'put the image into {folder}/, or remove its rows'
                self.context.skip(UnreadableItem(problem, hint=hint, path=str(table.file)))
        for name, reason in UNREAD.items():
            unread = find_file(self.path, name, folder)
            if unread is not None:
                self.context.report.dropped('file', reason, unread.name)
        yield Split(folder, images, unique_ids(stems), boxes, labels)

    @cached_property
    def _ends(self) -> array[int]:
        ends = array('q')
        for split in self.splits:
            ends.append(len(split.images) + (ends[-1] if ends else 0))
        return ends

    def _items(self, shard: range) -> Iterator[tuple[Split, int]]:
        """The split of each image, and its number there."""
        for number in shard:
            place = next(place for place, end in enumerate(self._ends) if number < end)
            yield self.splits[place], number - (self._ends[place - 1] if place else 0)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def _boxes(self, text: bytes, count: int) -> tuple[list[str], list[float], list[Attributes]]:
        """The label, the four shares (all in one list) and the attributes of each row.

        Raises:
            ValueError, csv.Error: A row is malformed.
        """
        rows = [*csv.reader(text.decode().split('\n')[:-1])]
        if len(rows) != count or min(map(len, rows), default=_FIELDS) < _FIELDS:
            raise ValueError(f'expected {_FIELDS} fields')
        labels = [self.names.get(row[2], row[2]) for row in rows]
        corners = [*map(float, chain.from_iterable(row[4:8] for row in rows))]
        attributes = [_attributes(row) if row[3] != '1' or '1' in row[_FIRST_FLAG:_FIELDS] else None for row in rows]
        if drawn := sum(row[1] != SOURCE for row in rows):
            self.context.report.left_out(['Source'], drawn)
        return labels, corners, attributes

    def _readable(
        self, found: Sequence[tuple[int, Table, int, bytes]]
    ) -> tuple[list[int], tuple[list[str], list[float], list[Attributes]]]:
        """The owner of each row that can be read, and what `_boxes` makes of these; the others are skipped."""
        owners: list[int] = []
        labels: list[str] = []
        corners: list[float] = []
        attributes: list[Attributes] = []
        for owner, table, place, rows in found:
            for row, (label, numbers, facts) in self._each(table, place, rows):
                owners += [owner] * row
                labels += label
                corners += numbers
                attributes += facts
        return owners, (labels, corners, attributes)

    def _each(
        self, table: Table, place: int, rows: bytes
    ) -> Iterator[tuple[int, tuple[list[str], list[float], list[Attributes]]]]:
        for number, row in enumerate(rows.split(b'\n')[:-1], table.line(place)):
            try:
                yield 1, self._boxes(row + b'\n', 1)
            except (ValueError, csv.Error) as error:
                self._skip(table, number, error)

    def _labels(self, table: Table, number: int, sample: Sample) -> list[Any]:
        """The classes that an image has; those that it has not are dropped, and counted."""
        found: list[Any] = []
        for place, rows in table.rows(number):
            for line, text in enumerate(rows.split(b'\n')[:-1]):
                try:
                    (row,) = csv.reader([text.decode()])
                    label, confidence = row[2], float(row[3])
                except (ValueError, IndexError, csv.Error) as error:
                    self._skip(table, table.line(place) + line, error)
                    continue
                name = self.names.get(label, label)
                if confidence == 1:
                    found.append(Classification(id=f'label-{len(found) + 1}', label=name))
                else:
                    reason = _UNSURE if confidence else _ABSENT
                    self.context.report.dropped('classification', reason, sample.id, name)
        return found

    def _skip(self, table: Table, line: int, error: Exception) -> None:
        problem = f'{table.file}, line {line}: {error}'
        self.context.skip(UnreadableItem(problem, hint='correct or remove the line', path=str(table.file)))


def _attributes(row: Row) -> Attributes:
    """What a row says besides its class and box; None for nothing."""
    attributes: dict[str, Any] = {
        name: True for name, flag in zip(FLAGS.values(), row[_FIRST_FLAG:_FIELDS], strict=False) if flag == '1'
    }
    if (confidence := float(row[3])) != 1:
        attributes[CONFIDENCE] = confidence
    return attributes or None
