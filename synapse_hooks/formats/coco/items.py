"""The images of a COCO dataset with their annotations, by number: opened at once, read in pieces.

Opening sorts annotations by image and leaves what is long in them as text, so that a dataset takes not much more memory
than its files. Reading takes a batch of images at a time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from synapse_hooks.conversion.reader import unique_ids
from synapse_hooks.data import MEASURED, Sample
from synapse_hooks.data.images import MOST_PIXELS
from synapse_hooks.data.outline import Outline
from synapse_hooks.errors import UnreadableItem
from synapse_hooks.formats.coco.document import Category, Openings
from synapse_hooks.formats.coco.entries import KNOWN, Entry, read_caption, read_entry, text_of
from synapse_hooks.formats.coco.joining import join_skeletons, told_apart
from synapse_hooks.formats.coco.layout import Source
from synapse_hooks.formats.coco.mask_sizes import correct_size_by_masks
from synapse_hooks.formats.coco.repairs import (
    CATEGORY_ID,
    matching_id,
    repair_segmentation,
    repair_segmentation_text,
    undeclared,
)
from synapse_hooks.formats.coco.sorting import File, Sorted, sort
from synapse_hooks.formats.coco.usual import Usual, decode_entries, read_usual
from synapse_hooks.geometry.frame import fit_to_image

if TYPE_CHECKING:
    from synapse_hooks.data.batch import Batch, Gathering
    from synapse_hooks.formats.base import Format

BATCH = 512
"""Images that are read together."""
Said = Usual | Raw | Entry
"""An entry: a usual one, any one as text, or opened."""
_TOO_LARGE = 'its file declares more pixels than any image has: those of the image itself count'


class Found:
    """An image that is there."""

    __slots__ = ('place', 'sample', 'size')

    def __init__(self, place: int, sample: Sample) -> None:
        self.place = place
        self.sample = sample
        """As large as its annotations take it to be."""
        self.size = sample.width, sample.height
        """How large it is."""

    @property
    def fits(self) -> bool:
        """Whether these are the same."""
        return self.size == (self.sample.width, self.sample.height)


class CocoItems:
    """All images of a dataset, split after split.

    Args:
        format: Gets a report of annotations that cannot be read (those without an image now, others when their image is
            read) and of images that cannot be read. Where it is `compact`, an `Outline` takes the place of a `Polygon`
            whose entry is a usual one, and keys that say nothing of shapes are left out.
        sources: Where they are, as `find_sources` tells.
        openings: Has the files that were opened already.

    Raises:
        DatasetInvalid: A file is not a COCO file.
    """

    measured = True

    def __init__(self, format: Format, sources: Sequence[Source], openings: Openings) -> None:
        self.format = format
        collecting = gc.isenabled()
        gc.disable()
        try:
            self._parts = [
                sort(source, openings, format.report, format.skip, whole=not format.compact) for source in sources
            ]
        finally:
            if collecting:
                gc.enable()
        _name(self._parts)
        self._count = sum(len(part.images) for part in self._parts)

    def __len__(self) -> int:
        """How many images there are, those included whose file may turn out to be missing."""
        return self._count

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Sample]:
        """The samples from number `start` up to `stop`, in the order of the files' `images`."""
        for part, places in self._ranges(start, self._count if stop is None else stop):
            said = [self._decoded(file, places) for file in part.files]
            self._note(part)
            found = {one.place: one for one in self._found(part, places)}
            for place in places:
                groups: list[list[Any]] = [next(entries) for entries in said]
                if place in found:
                    yield self._filled(part, groups, found[place])

    def batch(self, start: int, stop: int) -> Batch:
        """The same in columns, for a writer that asks for shapes only."""
        from synapse_hooks.data.batch import Gathering

        gathering = Gathering()
        for part, places in self._ranges(start, stop):
            self._gather(gathering, part, places)
            self._note(part)
        return gathering.batch()

    def _gather(self, gathering: Gathering, part: Sorted, places: range) -> None:
        from synapse_hooks.formats.coco.columns import Plain

        found = self._found(part, places)
        if len(part.files) > 1:
            for one in found:
                self._gather_whole(gathering, part, one)
            return
        (file,) = part.files
        plain = Plain([file.entries.get(one.place, ()) for one in found], file.labels)
        samples = [one.sample for one in found]
        begin = 0
        for number, one in enumerate(found):
            if number in plain.odd or not one.fits:
                plain.add(gathering, samples[begin:number], begin)
                self._gather_whole(gathering, part, one)
                begin = number + 1
        plain.add(gathering, samples[begin:], begin)

    def _gather_whole(self, gathering: Gathering, part: Sorted, found: Found) -> None:
        groups: list[list[Any]] = [[*decode_entries(file.texts(found.place))] for file in part.files]
        gathering.add_whole(self._filled(part, groups, found))

    def _ranges(self, start: int, stop: int) -> Iterator[tuple[Sorted, range]]:
        """Some consecutive places in a part of the dataset."""
        for part in self._parts:
            end = min(stop, len(part.images))
            for place in range(max(start, 0), end, BATCH):
                yield part, range(place, min(place + BATCH, end))
            start -= len(part.images)
            stop -= len(part.images)

    def _note(self, part: Sorted) -> None:
        identity = self.format.identity
        if identity is None:
            return
        for file in part.files:
            identity.note_text(file.digest)

    # -- images --------------------------------------------------------------------------------------------------

    def _found(self, part: Sorted, places: range) -> list[Found]:
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
        found = []
        for place, sample, fine in zip(places, samples, self.format.measure_all(samples), strict=True):
            if place in missing:
                self.format.skip(missing[place])
            elif fine:
                found.append(Found(place, sample))
                width, height = part.images[place].size or (sample.width, sample.height)
                if width * height <= MOST_PIXELS:
                    sample.width, sample.height = width, height
                else:
                    self.format.report.doubtful('image', _TOO_LARGE, sample.id)
        return found

    def _file(self, part: Sorted, name: str, id: str) -> str:
        try:
            return part.finder.find(name)
        except LookupError:
            found = part.finder.find_elsewhere(name)
        self.format.report.repaired('image', found.reason, name, id)
        return found.file

    def _filled(self, part: Sorted, groups: list[list[Any]], found: Found) -> Sample:
        sample, place = found.sample, found.place
        if told_apart(part.files, place):
            groups = join_skeletons(part.files, place)
        if not found.fits:
            correct_size_by_masks(groups, sample, found.size, self.format.report)
        taken: set[str] = set()
        for file, entries in zip(part.files, groups, strict=True):
            for entry in entries:
                self._add(entry, file, sample, taken)
        fit_to_image(sample, found.size, self.format.report)
        return sample

    def _decoded(self, file: File, places: range) -> Iterator[list[Said]]:
        """What a file says about each of some images."""
        texts = [file.texts(place) for place in places]
        entries = iter(decode_entries([text for some in texts for text in some]))
        return ([*islice(entries, len(some))] for some in texts)

    def _add(self, entry: Said, file: File, sample: Sample, taken: set[str]) -> None:
        try:
            if isinstance(entry, Usual):
                self._add_usual(entry, file, sample, taken)
            else:
                self._add_any(_opened(entry), file, sample, taken)
        except (TypeError, ValueError) as error:
            self._drop(f'it is malformed: {str(error).partition(" - at ")[0]}', sample, _id(entry))

    def _add_usual(self, entry: Usual, file: File, sample: Sample, taken: set[str]) -> None:
        category = self._category(entry.category_id, file, sample, entry.id)
        if category is None:
            return
        text, wrong = repair_segmentation_text(bytes(entry.segmentation))
        if wrong:
            entry.segmentation = Raw(text)
            self._repaired(wrong, sample, entry.id)
        label = str(category['name'])
        shape: Any = read_usual(entry, label, sample.width, sample.height)
        if not self.format.compact and type(shape) is Outline:
            shape = shape.polygon()
        if shape.id in taken:
            shape.id = _free(shape.id, taken)
        taken.add(shape.id)
        sample.annotations.append(shape)

    def _add_any(self, entry: Entry, file: File, sample: Sample, taken: set[str]) -> None:
        segments = entry.get('segments_info')
        if isinstance(segments, list) and (segments or 'category_id' not in entry):
            for segment in segments:
                id = segment.get('id') if isinstance(segment, dict) else None
                self.format.report.dropped('panoptic segment', 'panoptic images are not read', sample.id, text_of(id))
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
        self.format.report.left_out(entry.keys() - KNOWN)
        id = _free(text_of(entry.get('id')) or 'entry', taken)
        sample.annotations += [*read_entry({**entry, 'id': id}, category, sample.width, sample.height)]
        taken.add(id)

    def _category(self, id: Any, file: File, sample: Sample, entry: Any) -> Category | None:
        """The category that an id stands for; where there is none, the entry is dropped."""
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
        self.format.report.repaired('annotation', reason, sample.id, text_of(id))

    def _drop(self, reason: str, sample: Sample, id: Any) -> None:
        self.format.report.dropped('annotation', reason, sample.id, text_of(id))


def _name(parts: Sequence[Sorted]) -> None:
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


def _id(entry: Said) -> Any:
    try:
        return entry.id if isinstance(entry, Usual) else _opened(entry).get('id')
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _opened(entry: Raw | Entry) -> Entry:
    opened: Entry = msgspec.json.decode(entry) if isinstance(entry, Raw) else entry
    return opened
