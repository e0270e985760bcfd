"""The images of a COCO dataset with their annotations, by number: opened at once, read in pieces.

Opening sorts annotations by image and leaves them as the text that they are, so that a dataset takes little more memory
than its files. Reading takes a batch of images at a time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw

from synapse_hooks.data import LossReport, Sample, image_size
from synapse_hooks.data.outline import Outline
from synapse_hooks.errors import UnreadableItem
from synapse_hooks.formats.coco.document import Listed
from synapse_hooks.formats.coco.entries import Entry, read_caption, read_entry, text_of
from synapse_hooks.formats.coco.joining import join_skeletons, told_apart
from synapse_hooks.formats.coco.layout import Source
from synapse_hooks.formats.coco.sorting import File, Skip, Sorted, sort
from synapse_hooks.formats.coco.usual import Usual, decode_entries, read_usual

BATCH = 512
"""Images that are read together."""
Said = Usual | Raw | Entry
"""An entry: a usual one, any one as text, or opened."""
_NO_CATEGORY = 'its category is not in the file'


class CocoItems:
    """All images of a dataset, split after split.

    Args:
        sources: Where they are, as `find_sources` tells.
        report: Where annotations that cannot be read are counted: those without an image now, others when their image
            is read. Set another one to keep them apart.
        skip: Told of images that cannot be read.
        outlines: Leave polygons as text: an `Outline` takes the place of a `Polygon` where its entry is a usual one.

    Raises:
        DatasetInvalid: A file is no COCO file.
    """

    def __init__(self, sources: Sequence[Source], report: LossReport, skip: Skip, *, outlines: bool = False) -> None:
        self.report = report
        self.skip = skip
        self.outlines = outlines
        collecting = gc.isenabled()
        gc.disable()
        try:
            self._parts = [sort(source, report, skip) for source in sources]
        finally:
            if collecting:
                gc.enable()

    def __len__(self) -> int:
        """How many images there are, those included whose file may turn out to be missing."""
        return sum(len(part.images) for part in self._parts)

    def read(self, start: int = 0, stop: int | None = None) -> Iterator[Sample]:
        """The samples from number `start` up to `stop`, in the order of the files' `images`."""
        first, stop = 0, len(self) if stop is None else stop
        for part in self._parts:
            end = min(stop - first, len(part.images))
            for place in range(max(start - first, 0), end, BATCH):
                yield from self._batch(part, range(place, min(place + BATCH, end)))
            first += len(part.images)

    def _batch(self, part: Sorted, places: range) -> Iterator[Sample]:
        said = [_decoded(file, places) for file in part.files]
        for place in places:
            groups: list[list[Any]] = [next(entries) for entries in said]
            try:
                sample = _sample(part, part.images[place])
            except UnreadableItem as error:
                self.skip(error)
                continue
            if told_apart(part.files, place):
                groups = join_skeletons(part.files, place)
            taken: set[str] = set()
            for file, entries in zip(part.files, groups, strict=True):
                for entry in entries:
                    self._add(entry, file, sample, taken)
            yield sample

    def _add(self, entry: Said, file: File, sample: Sample, taken: set[str]) -> None:
        try:
            if isinstance(entry, Usual):
                self._add_usual(entry, file, sample, taken)
            else:
                self._add_any(_opened(entry), file, sample, taken)
        except (TypeError, ValueError) as error:
            self._drop(f'it is malformed: {str(error).partition(" - at ")[0]}', sample, _id(entry))

    def _add_usual(self, entry: Usual, file: File, sample: Sample, taken: set[str]) -> None:
        label = file.labels.get(entry.category_id)
        if label is None:
            self._drop(_NO_CATEGORY, sample, entry.id)
            return
        shape: Any = read_usual(entry, label, sample.width, sample.height)
        if not self.outlines and type(shape) is Outline:
            shape = shape.polygon()
        if shape.id in taken:
            shape.id = _free(shape.id, taken)
        taken.add(shape.id)
        sample.annotations.append(shape)

    def _add_any(self, entry: Entry, file: File, sample: Sample, taken: set[str]) -> None:
        if isinstance(segments := entry.get('segments_info'), list):
            for segment in segments:
                id = segment.get('id') if isinstance(segment, dict) else None
                self.report.dropped('panoptic segment', 'panoptic images are not read', sample.id, text_of(id))
            return
        if 'caption' in entry and 'category_id' not in entry:
            sample.annotations.append(read_caption(entry))
            return
        category = file.categories.get(entry.get('category_id'))
        if category is None:
            self._drop(_NO_CATEGORY, sample, entry.get('id'))
            return
        id = _free(text_of(entry.get('id')) or 'entry', taken)
        sample.annotations += [*read_entry({**entry, 'id': id}, category, sample.width, sample.height)]
        taken.add(id)

    def _drop(self, reason: str, sample: Sample, id: Any) -> None:
        self.report.dropped('annotation', reason, sample.id, text_of(id))


def _decoded(file: File, places: range) -> Iterator[list[Said]]:
    """What a file says about each of some images."""
    texts = [file.entries.get(place, ()) for place in places]
    entries = iter(decode_entries([text for some in texts for text in some]))
    return ([*islice(entries, len(some))] for some in texts)


def _sample(part: Sorted, image: Listed) -> Sample:
    id, path = part.finder.find(image.file_name)
    found = Path(path)
    width, height = image.width, image.height
    if not (type(width) is int and type(height) is int and width > 0 and height > 0):
        width, height = image_size(found)
    return Sample(id, image=found, width=width, height=height, split=part.source.split)


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
