"""The images of a COCO dataset with their annotations, by number: opened at once, read in pieces.

Opening sorts annotations by image and leaves what is long in them as text, so that a dataset takes not much more memory
than its files. Reading takes a batch of images at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import count, islice
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw

from synapse_hooks.conversion.contract import ItemSource
from synapse_hooks.conversion.ids import unique_ids
from synapse_hooks.conversion.read_context import ReadContext
from synapse_hooks.data import MEASURED, DatasetInfo, Sample
from synapse_hooks.data.batch import Batch, BatchBuilder
from synapse_hooks.data.images import MOST_PIXELS
from synapse_hooks.data.outline import Outline
from synapse_hooks.errors import UnreadableItem
from synapse_hooks.formats.coco.columns import PlainEntries
from synapse_hooks.formats.coco.document import Category, DocumentCache
from synapse_hooks.formats.coco.entries import KNOWN, Entry, read_caption, read_entry, text_of
from synapse_hooks.formats.coco.grouping import FileEntries, SplitEntries, group_entries
from synapse_hooks.formats.coco.layout import require_sources
from synapse_hooks.formats.coco.mask_sizes import correct_size_by_masks
from synapse_hooks.formats.coco.repairs import (
    CATEGORY_ID,
    matching_id,
    repair_segmentation,
    repair_segmentation_text,
    undeclared,
)
from synapse_hooks.formats.coco.schemas import declared
from synapse_hooks.formats.coco.skeleton_files import is_in_several_files, join_skeletons
from synapse_hooks.formats.coco.typed_entries import TypedEntry, decode_entries, read_typed_entry
from synapse_hooks.geometry.frame import fit_to_image

BATCH = 512
"""Images that are read together."""
AnyEntry = TypedEntry | Raw | Entry
"""An entry: typed, as text, or as a dict."""
_TOO_LARGE = 'its file declares more pixels than any image has: those of the image itself count'


class ImageItem:
    """An image that exists."""

    __slots__ = ('place', 'sample', 'size')

    def __init__(self, place: int, sample: Sample) -> None:
        self.place = place
        self.sample = sample
        """With the size to which its annotations refer."""
        self.size = sample.width, sample.height
        """The size of the image file."""

    @property
    def fits(self) -> bool:
        """Whether the two sizes are equal."""
        return self.size == (self.sample.width, self.sample.height)


class CocoSource(ItemSource):
    """All images of a dataset, split after split.

    Annotations without an image or category are reported as dropped. For shapes only, an `Outline` takes the place of a
    `Polygon` whose entry is typed, and keys that are not about shapes are left out.

    Args:
        path: The dataset's folder or annotation file.
        context: The context of this reading.
        cache: Has the files that were opened already.
    """

    def __init__(self, path: Path, context: ReadContext, cache: DocumentCache) -> None:
        self.path = path
        self.context = context
        self._cache = cache
        self._shapes_only = context.projection == 'shapes'
        self._sources = require_sources(path)

    @property
    def info(self) -> DatasetInfo:
        """The classes are the categories, in the order of their ids; files of one dataset meet by name."""
        naming = [file for source in self._sources for file in source.naming]
        categories = [category for file in naming for category in self._cache.categories(file)]
        skeletons = declared(categories)
        return DatasetInfo(
            classes=tuple(dict.fromkeys(str(category['name']) for category in categories)),
            splits={source.split: 0 for source in self._sources if source.split is not None},
            skeletons={label: tuple(map(str, schema['keypoints'])) for label, schema in skeletons.items()},
            extra={'coco': {'skeletons': skeletons}} if skeletons else {},
        )

    @cached_property
    def _parts(self) -> list[SplitEntries]:
        files = self.context.files
        if self.path.is_file() and files.boundary is not None:
            # Its images may be in a folder beside its own: annotations/ and val2017/.
            files.boundary.add(self.path.parent.parent)
        for source in self._sources:
            for file in source.files:
                files.admit(file)
        parts = [
            group_entries(source, self._cache, self.context.report, self.context.skip, whole=not self._shapes_only)
            for source in self._sources
        ]
        _name(parts)
        return parts

    @cached_property
    def count(self) -> int:
        """How many images there are, those included whose file may turn out to be missing."""
        return sum(len(part.images) for part in self._parts)

    def read(self, shard: range) -> Iterator[Batch]:
        """The images, in the order of each file's `images`."""
        yield self._shapes(shard) if self._shapes_only else Batch.of_samples(list(self._samples(shard)), measured=True)

    def _samples(self, shard: range) -> Iterator[Sample]:
        for part, places in self._ranges(shard.start, shard.stop):
            decoded = [self._decoded(file, places) for file in part.files]
            self._note(part)
            items = {one.place: one for one in self._found(part, places)}
            for place in places:
                groups: list[list[Any]] = [next(entries) for entries in decoded]
                if place in items:
                    yield self._filled(part, groups, items[place])

    def _shapes(self, shard: range) -> Batch:
        builder = BatchBuilder()
        for part, places in self._ranges(shard.start, shard.stop):
            self._gather(builder, part, places)
            self._note(part)
        return builder.build(measured=True)

    def _gather(self, builder: BatchBuilder, part: SplitEntries, places: range) -> None:
        items = self._found(part, places)
        if len(part.files) > 1:
            for one in items:
                self._gather_whole(builder, part, one)
            return
        (file,) = part.files
        plain = PlainEntries([file.entries.get(one.place, ()) for one in items], file.labels)
        samples = [one.sample for one in items]
        begin = 0
        for number, one in enumerate(items):
            if number in plain.odd or not one.fits:
                plain.add(builder, samples[begin:number], begin)
                self._gather_whole(builder, part, one)
                begin = number + 1
        plain.add(builder, samples[begin:], begin)

    def _gather_whole(self, builder: BatchBuilder, part: SplitEntries, item: ImageItem) -> None:
        groups: list[list[Any]] = [[*decode_entries(file.texts(item.place))] for file in part.files]
        builder.add_sample(self._filled(part, groups, item))

    def _ranges(self, start: int, stop: int) -> Iterator[tuple[SplitEntries, range]]:
        """Some consecutive places in a part of the dataset."""
        for part in self._parts:
            end = min(stop, len(part.images))
            for place in range(max(start, 0), end, BATCH):
                yield part, range(place, min(place + BATCH, end))
            start -= len(part.images)
            stop -= len(part.images)

    def _note(self, part: SplitEntries) -> None:
        fingerprint = self.context.fingerprint
        if fingerprint is None:
            return
        for file in part.files:
            fingerprint.add_bytes(file.digest)

    # -- images --------------------------------------------------------------------------------------------------

    def _found(self, part: SplitEntries, places: range) -> list[ImageItem]:
        """Those of some images that can be read."""
        samples: list[Sample] = []
        missing: dict[int, UnreadableItem] = {}
        for place in places:
            image, sample = part.images[place], Sample(part.ids[place], None, 0, 0, part.source.split)
            samples.append(sample)
            try:
                sample.file = self._file(part, image.file_name, sample.id)
            except UnreadableItem as error:
                missing[place] = error
                continue
            if sample.suffix.lower() not in MEASURED:
                sample.width, sample.height = image.size or (0, 0)
        items = []
        for place, sample, fine in zip(places, samples, self.context.measure_all(samples), strict=True):
            if place in missing:
                self.context.skip(missing[place])
            elif fine:
                items.append(ImageItem(place, sample))
                width, height = part.images[place].size or (sample.width, sample.height)
                if width * height <= MOST_PIXELS:
                    sample.width, sample.height = width, height
                else:
                    self.context.report.doubtful('image', _TOO_LARGE, sample.id)
        return items

    def _file(self, part: SplitEntries, name: str, id: str) -> str:
        try:
            return part.finder.find(name)
        except LookupError:
            match = part.finder.find_elsewhere(name)
        self.context.report.repaired('image', match.reason, name, id)
        return match.file

    def _filled(self, part: SplitEntries, groups: list[list[Any]], item: ImageItem) -> Sample:
        sample, place = item.sample, item.place
        if is_in_several_files(part.files, place):
            groups = join_skeletons(part.files, place)
        if not item.fits:
            correct_size_by_masks(groups, sample, item.size, self.context.report)
        taken: set[str] = set()
        for file, entries in zip(part.files, groups, strict=True):
            for entry in entries:
                self._add(entry, file, sample, taken)
        fit_to_image(sample, item.size, self.context.report)
        return sample

    def _decoded(self, file: FileEntries, places: range) -> Iterator[list[AnyEntry]]:
        """What a file says about each of some images."""
        texts = [file.texts(place) for place in places]
        entries = iter(decode_entries([text for some in texts for text in some]))
        return ([*islice(entries, len(some))] for some in texts)

    def _add(self, entry: AnyEntry, file: FileEntries, sample: Sample, taken: set[str]) -> None:
        try:
            if isinstance(entry, TypedEntry):
                self._add_typed(entry, file, sample, taken)
            else:
                self._add_any(_opened(entry), file, sample, taken)
        except (TypeError, ValueError) as error:
            self._drop(f'it is malformed: {str(error).partition(" - at ")[0]}', sample, _id(entry))

    def _add_typed(self, entry: TypedEntry, file: FileEntries, sample: Sample, taken: set[str]) -> None:
        category = self._category(entry.category_id, file, sample, entry.id)
        if category is None:
            return
        text, wrong = repair_segmentation_text(bytes(entry.segmentation))
        if wrong:
            entry.segmentation = Raw(text)
            self._repaired(wrong, sample, entry.id)
        label = str(category['name'])
        shape: Any = read_typed_entry(entry, label, sample.width, sample.height)
        if not self._shapes_only and type(shape) is Outline:
            shape = shape.polygon()
        if shape.id in taken:
            shape.id = _free(shape.id, taken)
        taken.add(shape.id)
        sample.annotations.append(shape)

    def _add_any(self, entry: Entry, file: FileEntries, sample: Sample, taken: set[str]) -> None:
        segments = entry.get('segments_info')
        if isinstance(segments, list) and (segments or 'category_id' not in entry):
            for segment in segments:
                id = segment.get('id') if isinstance(segment, dict) else None
                self.context.report.dropped('panoptic segment', 'panoptic images are not read', sample.id, text_of(id))
            return
        if 'caption' in entry and 'category_id' not in entry:
            sample.annotations.append(read_caption(entry))
            return
        category = self._category(entry.get('category_id'), file, sample, entry.get('id'))
        if category is None:
            return
        segmentation, wrong = repair_segmentation(entry.get('segmentation'))
        if wrong:
            entry = {**entry, 'segmentation': segmentation}
            self._repaired(wrong, sample, entry.get('id'))
        # No other format has a place for them.
        self.context.report.left_out(entry.keys() - KNOWN)
        id = _free(text_of(entry.get('id')) or 'entry', taken)
        sample.annotations += [*read_entry({**entry, 'id': id}, category, sample.width, sample.height)]
        taken.add(id)

    def _category(self, id: Any, file: FileEntries, sample: Sample, entry: Any) -> Category | None:
        """The category of an id; if there is none, the entry is dropped."""
        category = file.categories.get(id)
        if category is not None:
            return category
        other = matching_id(id, file.categories)
        if other is None:
            self._drop(undeclared(id, file.labels), sample, entry)
            return None
        self._repaired(CATEGORY_ID, sample, entry)
        return file.categories[other]

    def _repaired(self, reason: str, sample: Sample, id: Any) -> None:
        self.context.report.repaired('annotation', reason, sample.id, text_of(id))

    def _drop(self, reason: str, sample: Sample, id: Any) -> None:
        self.context.report.dropped('annotation', reason, sample.id, text_of(id))


def _name(parts: Sequence[SplitEntries]) -> None:
    """Give the images of each split safe ids that are as like their names as possible."""
    for split in dict.fromkeys(part.source.split for part in parts):
        those = [part for part in parts if part.source.split == split]
        ids = [part.finder.stem(image.file_name) for part in those for image in part.images]
        for rank, id in unique_ids(ids).items():
            ids[rank] = id
        names = iter(ids)
        for part in those:
            part.ids.extend(islice(names, len(part.images)))


def _free(id: str, taken: set[str]) -> str:
    """An annotation's id, made different where another one in its image has it."""
    return id if id not in taken else next(name for number in count(2) if (name := f'{id}-{number}') not in taken)


def _id(entry: AnyEntry) -> Any:
    try:
        return entry.id if isinstance(entry, TypedEntry) else _opened(entry).get('id')
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _opened(entry: Raw | Entry) -> Entry:
    opened: Entry = msgspec.json.decode(entry) if isinstance(entry, Raw) else entry
    return opened
