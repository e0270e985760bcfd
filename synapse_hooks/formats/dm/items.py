"""A DM dataset as a list of documents, which can be read in parts.

Usual documents are read in columns: typed, so that whatever is unusual about one is noticed, and then it is read whole.
"""

# A Path for each of a million documents costs more than reading them.
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw, Struct

from synapse_hooks.data import Sample
from synapse_hooks.errors import UnreadableItem
from synapse_hooks.formats.dm.document import decode, read_document
from synapse_hooks.formats.dm.layout import FILES, Folder

if TYPE_CHECKING:
    from synapse_hooks.data.batch import Batch, Columns, Gathering
    from synapse_hooks.formats.base import Format


class DmItems:
    """The documents of all splits, in a stable order.

    Args:
        format: Whom unreadable items are told.
        folders: The splits.
    """

    def __init__(self, format: Format, folders: list[Folder]) -> None:
        self.format = format
        self.folders = folders

    measured = False

    def __len__(self) -> int:
        return sum(map(len, self.folders))

    def read(self, start: int, stop: int) -> Iterator[Sample]:
        """Whole samples, from which the same documents can be written."""
        for folder, numbers in self._ranges(start, stop):
            for number in numbers:
                sample = self._whole(folder, number)
                if sample is not None:
                    yield sample

    def batch(self, start: int, stop: int) -> Batch:
        """The same for a writer that asks for shapes only."""
        from synapse_hooks.data.batch import Gathering

        gathering = Gathering()
        boxes: list[_Box] = []
        polygons: list[_Polygon] = []
        for folder, numbers in self._ranges(start, stop):
            for number in numbers:
                shapes = self._shapes(folder, number)
                if shapes is None:
                    self._add_whole(folder, number, gathering)
                    continue
                sample = Sample(folder.ids.get(number) or folder.stems[number], folder.file(number), 0, 0, folder.split)
                if not self.format.measure(sample):
                    continue
                item, place = len(gathering.samples), gathering.place
                gathering.samples.append(sample)
                found, rings = shapes
                if found:
                    _note(gathering.boxes, item, place, len(found))
                    boxes += found
                if rings:
                    _note(gathering.polygons, item, place + len(found), len(rings))
                    polygons += rings
                gathering.place += len(found) + len(rings)
        _fill(gathering.boxes, boxes)
        gathering.boxes.numbers.extend(chain.from_iterable([row.data for row in boxes]))
        _fill(gathering.polygons, polygons)
        points = gathering.polygons.points
        points.numbers.extend(chain.from_iterable(chain.from_iterable([row.data for row in polygons])))
        points.counts += [len(row.data) for row in polygons]
        points.owners += range(len(polygons))
        gathering.polygons.boxes += [None] * len(polygons)
        return gathering.batch()

    def _ranges(self, start: int, stop: int) -> Iterator[tuple[Folder, range]]:
        for folder in self.folders:
            count = len(folder)
            if numbers := range(max(0, start), min(stop, count)):
                yield folder, numbers
            start -= count
            stop -= count

    def _shapes(self, folder: Folder, number: int) -> tuple[list[_Box], list[_Polygon]] | None:
        """The boxes and polygons of a usual document; None for one that must be read whole."""
        if folder.suffixes[number] is None:
            return None
        try:
            data = _bytes(folder.document(number))
            (entry,) = _decode(data).images
        except (OSError, ValueError):
            return None
        rings = entry.polygon or []
        found = entry.bounding_box or []
        if entry.rare():
            return None
        for row in rings:
            if len(row.data) < 3:
                return None
        if found and rings and not _boxes_first(data):
            return None
        rows: list[Any] = [*found, *rings]
        if '' in [row.classification for row in rows]:
            return None
        for attrs in [row.attrs for row in rows if row.attrs]:
            for one in attrs:
                if one.name in _MEANING:
                    return None
        if self.format.identity is not None:
            self.format.identity.note_text(data)
        return found, rings

    def _add_whole(self, folder: Folder, number: int, gathering: Gathering) -> None:
        from synapse_hooks.data.skeletons import assemble

        sample = self._whole(folder, number)
        if sample is None or not self.format.measure(sample):
            return
        sample.annotations = assemble(sample.annotations)
        item = len(gathering.samples)
        gathering.samples.append(sample)
        for annotation in sample.annotations:
            gathering.others.append((item, gathering.place, annotation))
            gathering.place += 1

    def _whole(self, folder: Folder, number: int) -> Sample | None:
        """A sample with everything that its document says; None where it cannot be read, which is told."""
        pair = folder.pair(number)
        sample = Sample(folder.id(number), split=folder.split)
        try:
            data = _bytes(pair.document)
            needs_image = read_document(decode(data), sample)
        except (OSError, ValueError) as error:
            self.format.skip(
                UnreadableItem(f'{pair.document} {error}', hint='repair or remove the document', path=pair.document)
            )
            return None
        if self.format.identity is not None:
            self.format.identity.note_text(data)
        if len(pair.images) > 1:
            self.format.skip(
                UnreadableItem(
                    f'{pair.document} could be about {" or ".join(map(os.path.basename, pair.images))}',
                    hint='give each image a name and a document of its own',
                    path=pair.document,
                )
            )
            return None
        if pair.images:
            sample.file = pair.images[0]
            sample.width = sample.height = 0
        elif needs_image:
            self.format.skip(
                UnreadableItem(
                    f'{pair.document} has no image: {FILES}/{pair.id}.* is missing',
                    hint='restore the image or remove the document',
                    path=pair.document,
                )
            )
            return None
        if pair.others:
            sample.extra['dm']['files'] = list(pair.others)
        return sample


def _bytes(file: str) -> bytes:
    handle = os.open(file, os.O_RDONLY)
    try:
        data = os.read(handle, _USUAL)
        if len(data) == _USUAL:
            with open(handle, 'rb', closefd=False) as rest:
                data += rest.read()
        return data
    finally:
        os.close(handle)


_USUAL = 1 << 16
"""Bytes that one call reads; few documents are larger."""


class _Attribute(Struct, forbid_unknown_fields=True, gc=False):
    name: str
    value: Any


class _Box(Struct, forbid_unknown_fields=True, gc=False):
    id: str
    classification: str
    data: tuple[float, float, float, float]
    attrs: list[_Attribute] | None = None


class _Polygon(Struct, forbid_unknown_fields=True, gc=False):
    id: str
    classification: str
    data: list[tuple[float, float]]
    attrs: list[_Attribute] | None = None


_Rows = list[Any] | None


class _Entry(Struct, forbid_unknown_fields=True, gc=False):
    bounding_box: list[_Box] | None = None
    polygon: list[_Polygon] | None = None
    polyline: _Rows = None
    keypoint: _Rows = None
    relation: _Rows = None
    group: _Rows = None
    classification: _Rows = None
    segmentation: _Rows = None

    def rare(self) -> bool:
        """Whether there is more than boxes and polygons."""
        return bool(
            self.polyline or self.keypoint or self.relation or self.group or self.classification or self.segmentation
        )


class _Document(Struct, forbid_unknown_fields=True, gc=False):
    images: list[_Entry]
    classification: Raw = Raw(b'null')


_decode = msgspec.json.Decoder(_Document).decode
_MEANING = frozenset(('rotation', 'iscrowd'))
"""Attributes that make a shape another one."""


def _boxes_first(data: bytes) -> bool:
    """Whether a document says its boxes before its polygons, as nearly all do: annotations keep their order."""
    start = data.find(b'"images":')
    return 0 <= data.find(b'"bounding_box":', start) < data.find(b'"polygon":', start)


def _note(columns: Columns, item: int, place: int, count: int) -> None:
    columns.items += [item] * count
    columns.places += range(place, place + count)


def _fill(columns: Columns, rows: Sequence[_Box | _Polygon]) -> None:
    columns.labels += [row.classification for row in rows]
    columns.ids += [row.id for row in rows]
    columns.attributes += [{one.name: one.value for one in row.attrs} if row.attrs else None for row in rows]
