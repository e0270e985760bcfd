"""A DM dataset as a list of documents, which can be read in parts.

Plain documents are decoded into types and read in columns. A document with anything else in it is read whole.
"""

# A Path for each of a million documents costs more than reading them.
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from synapse_hooks.conversion.contract import ItemSource
from synapse_hooks.conversion.read_context import ReadContext
from synapse_hooks.data import SPLITS, DatasetInfo, Sample, image_size, is_image_name
from synapse_hooks.data.batch import Batch, BatchBuilder
from synapse_hooks.data.columns import Columns
from synapse_hooks.data.skeletons import assemble
from synapse_hooks.errors import UnreadableItem, cannot_read
from synapse_hooks.formats.dm.document import decode, read_document
from synapse_hooks.formats.dm.layout import DOCUMENTS, FILES, Folder, split_folders, unused_folders
from synapse_hooks.geometry.sizes import declared_wrongly


class DmSource(ItemSource):
    """The documents of all splits, in a stable order.

    Args:
        path: The dataset's folder.
        context: The context of this reading.
        folders: Those of its splits that are read; None looks for them.
    """

    def __init__(self, path: Path, context: ReadContext, folders: Sequence[Folder] | None = None) -> None:
        self.path = path
        self.context = context
        self._given = folders

    @property
    def info(self) -> DatasetInfo:
        """The splits are folders."""
        return DatasetInfo(splits={split: 0 for split, _ in split_folders(self.path) if split is not None})

    @cached_property
    def folders(self) -> Sequence[Folder]:
        """Those of the splits. What is in none of them is reported."""
        report = self.context.report
        folders = self._listed() if self._given is None else self._given
        for name in (name for folder in folders for name in folder.unpaired):
            kind = 'image' if is_image_name(name) else 'file'
            report.dropped(kind, f'there is no document for it in {DOCUMENTS}/', name)
        return folders

    def _listed(self) -> list[Folder]:
        splits = split_folders(self.path)
        for name in unused_folders(self.path, [root for _, root in splits]):
            self.context.report.dropped(
                'folder', f'it is not a split ({", ".join(SPLITS)}): name it to read it alone', name
            )
        return [Folder(split, root) for split, root in splits]

    @property
    def count(self) -> int:
        """How many documents there are."""
        return sum(map(len, self.folders))

    def read(self, shard: range) -> Iterator[Batch]:
        """Whole samples, from which the same documents can be written; or shapes."""
        yield self._shapes(shard) if self.context.projection == 'shapes' else self._samples(shard)

    def _samples(self, shard: range) -> Batch:
        samples = []
        for folder, numbers in self._ranges(shard.start, shard.stop):
            for number in numbers:
                sample = folder.sample(number)
                if self._fill(folder, number, sample):
                    samples.append(sample)
        return Batch.of_samples(samples)

    def _shapes(self, shard: range) -> Batch:
        builder = BatchBuilder()
        for folder, numbers in self._ranges(shard.start, shard.stop):
            samples = [folder.sample(number) for number in numbers]
            for number, sample, fine in zip(numbers, samples, self.context.measure_all(samples), strict=True):
                if not fine:
                    continue
                entry = self._plain(folder.document(number)) if sample.file else None
                if entry is None:
                    self._add_whole(folder, number, sample, builder)
                else:
                    _add(entry, sample, builder)
        return builder.build(measured=True)

    def _ranges(self, start: int, stop: int) -> Iterator[tuple[Folder, range]]:
        for folder in self.folders:
            count = len(folder)
            if numbers := range(max(0, start), min(stop, count)):
                yield folder, numbers
            start -= count
            stop -= count

    def _plain(self, document: str) -> _Entry | None:
        """The content of a plain document; None for one that must be read whole."""
        try:
            data = self.context.files.read(document)
            (entry,) = _decode(data).images
        except (OSError, ValueError, RecursionError):
            return None
        boxes, polygons = entry.bounding_box or (), entry.polygon or ()
        if boxes and polygons and not _boxes_first(data):
            return None
        if not _MEANING.isdisjoint([one.name for row in (*boxes, *polygons) if row.attrs for one in row.attrs]):
            return None
        if self.context.fingerprint is not None:
            self.context.fingerprint.add_bytes(data)
        return entry

    def _add_whole(self, folder: Folder, number: int, sample: Sample, builder: BatchBuilder) -> None:
        measured = bool(sample.file)
        if not self._fill(folder, number, sample) or not (measured or self.context.measure(sample)):
            return
        sample.annotations = assemble(sample.annotations)
        builder.add_sample(sample)

    def _fill(self, folder: Folder, number: int, sample: Sample) -> bool:
        """Add everything that a document says to its sample; False where it cannot be read, which is reported."""
        pair = folder.pair(number)
        size = sample.width, sample.height
        try:
            data = self.context.files.read(pair.document)
            read_document(decode(data), sample)
        except OSError as error:
            self.context.skip(cannot_read(UnreadableItem, error, pair.document))
            return False
        except ValueError as error:
            self.context.skip(
                UnreadableItem(f'{pair.document} {error}', hint='repair or remove the document', path=pair.document)
            )
            return False
        if self.context.fingerprint is not None:
            self.context.fingerprint.add_bytes(data)
        if len(pair.images) > 1:
            self.context.skip(
                UnreadableItem(
                    f'{pair.document} could be about {" or ".join(map(os.path.basename, pair.images))}',
                    hint='give each image a name and a document of its own',
                    path=pair.document,
                )
            )
            return False
        others = pair.others
        if pair.images:
            declared = sample.width, sample.height
            sample.image = pair.images[0]
            sample.width, sample.height = size
            if declared != size and all(declared):
                self._compare(sample, declared)
        elif sample.medium == 'image':
            self.context.skip(
                UnreadableItem(
                    f'{pair.document} has no image: {FILES}/{pair.id}.* is missing',
                    hint='restore the image or remove the document',
                    path=pair.document,
                )
            )
            return False
        elif others:
            sample.file, *others = others
        for file in others:
            try:
                self.context.files.admit(file)
            except OSError as error:
                self.context.skip(cannot_read(UnreadableItem, error, file))
                return False
        if others:
            sample.extra['dm']['files'] = others
        return True

    def _compare(self, sample: Sample, declared: tuple[int, int]) -> None:
        """Report a size that the document declares, and that its image does not have: its own counts."""
        try:
            own = image_size(Path(sample.file))
        except UnreadableItem:
            # That is reported where the image is measured.
            return
        if not declared_wrongly(sample, declared, own, self.context.report) and declared != own[::-1]:
            self.context.report.doubtful('image', _ANOTHER_SIZE, sample.id)


_ANOTHER_SIZE = 'its document declares another size than it has, and annotations may be for that one: they stay'


_MEANING = frozenset(('rotation', 'iscrowd'))
"""Attributes that make a shape another one."""


class _Attribute(Struct, forbid_unknown_fields=True, gc=False):
    name: str
    value: Any


_Label = Annotated[str, Meta(min_length=1)]


class _Box(Struct, forbid_unknown_fields=True, gc=False):
    id: str
    classification: _Label
    data: tuple[float, float, float, float]
    attrs: list[_Attribute] | None = None


class _Polygon(Struct, forbid_unknown_fields=True, gc=False):
    id: str
    classification: _Label
    data: Annotated[list[tuple[float, float]], Meta(min_length=3)]
    attrs: list[_Attribute] | None = None


_None = Annotated[list[Any], Meta(max_length=0)] | None
"""Keys that a plain document does not have."""


class _Entry(Struct, forbid_unknown_fields=True, gc=False):
    bounding_box: list[_Box] | None = None
    polygon: list[_Polygon] | None = None
    polyline: _None = None
    keypoint: _None = None
    relation: _None = None
    group: _None = None
    classification: _None = None
    segmentation: _None = None


class _Document(Struct, forbid_unknown_fields=True, gc=False):
    images: list[_Entry]
    classification: Raw = Raw(b'null')


_decode = msgspec.json.Decoder(_Document).decode


def _boxes_first(data: bytes) -> bool:
    """Whether a document says its boxes before its polygons, as nearly all do: annotations keep their order."""
    start = data.find(b'"images":')
    return 0 <= data.find(b'"bounding_box":', start) < data.find(b'"polygon":', start)


def _add(entry: _Entry, sample: Sample, builder: BatchBuilder) -> None:
    item = len(builder.samples)
    builder.samples.append(sample)
    if entry.bounding_box:
        boxes = builder.boxes
        _add_rows(entry.bounding_box, item, builder, boxes)
        boxes.add_numbers([box.data for box in entry.bounding_box])
    if entry.polygon:
        polygons = builder.polygons
        _add_rows(entry.polygon, item, builder, polygons)
        count = len(entry.polygon)
        polygons.points.add(range(len(polygons) - count, len(polygons)), [polygon.data for polygon in entry.polygon])
        polygons.add_boxless(count)


def _add_rows(rows: Sequence[_Box | _Polygon], item: int, builder: BatchBuilder, columns: Columns) -> None:
    labels, ids, attributes = columns.labels, columns.ids, columns.attributes
    for row in rows:
        labels.append(row.classification)
        ids.append(row.id)
        attributes.append({one.name: one.value for one in row.attrs} if row.attrs else None)
    columns.items += [item] * len(rows)
    columns.places += range(builder.place, builder.place + len(rows))
    builder.place += len(rows)
