"""A YOLO dataset as a row of items, any part of which can be read by itself.

Rows of four corners are rotated boxes to one dataset and polygons to another, and no row says which. It is decided
once, for the whole dataset: by the key `task` of dataset.yaml where it is there; else they are rotated boxes if every
row among the first thousand images has four corners, and they are those of a rectangle. Four corners of anything else
stay a polygon even then: nothing of them is lost.
"""

# A Path for each of a million images costs more than opening it.
# ruff: noqa: PTH118
from __future__ import annotations

import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import accumulate
from pathlib import Path

from synapse_hooks.conversion.contract import ItemSource
from synapse_hooks.conversion.ids import unique_ids
from synapse_hooks.conversion.read_context import ReadContext
from synapse_hooks.data import DatasetInfo, LossReport, RotatedBox, Sample
from synapse_hooks.data.batch import Batch
from synapse_hooks.data.skeletons import flip_index
from synapse_hooks.errors import UnreadableItem
from synapse_hooks.formats.yolo.config import named_elsewhere, read_config
from synapse_hooks.formats.yolo.labels import LabelReader
from synapse_hooks.formats.yolo.layout import Folder, folders_of, labels_of, orphans, stem_of
from synapse_hooks.formats.yolo.pixels import READ_IN_PIXELS, may_count_pixels, proves_pixels

_LOOKED_AT = 1000


class YoloSource(ItemSource):
    """Every image of a dataset, in a stable order, without its labels: they are read when they are asked for.

    It is cheap to make, and to hand to another process.

    Args:
        path: The dataset's folder, or its yaml.
        context: The context of this reading.

    Raises:
        DatasetInvalid: The dataset cannot be used.
    """

    def __init__(self, path: Path, context: ReadContext) -> None:
        self.context = context
        self.config = read_config(path)
        self.in_pixels = Counter[str]()
        """How many rows of each image count pixels, where that is proven for the whole dataset."""

    @property
    def info(self) -> DatasetInfo:
        """The classes are in `names`, the splits are keys."""
        return DatasetInfo(
            classes=self.config.names,
            splits={split: 0 for split in self.config.sources if split is not None},
            skeletons=dict(self.config.skeletons),
        )

    @cached_property
    def folders(self) -> list[Folder]:
        """Where the images are."""
        config, files = self.config, self.context.files
        if files.boundary is not None:
            # A folder that the yaml names belongs to the dataset, in any place. The target of a link does not.
            files.boundary.add(config.root, *named_elsewhere(config))
        lists = (file for places in config.sources.values() for file in places if not file.is_dir())
        for file in (config.file, *lists):
            files.admit(file)
        return folders_of(config)

    def shards(self) -> Sequence[range]:
        """Ranges of images. What belongs to no image is reported: label files without one, for example."""
        self._ends = list(accumulate(len(folder.names) for folder in self.folders))
        self._ids = self._unique()
        self._labels = LabelReader(self.config, turned=True, open=self.context.files.read)
        self._labels.pixels = self._all_in_pixels()
        self._labels.turned = self._turned()
        self._report_losses(self.context.report)
        return super().shards()

    def _unique(self) -> dict[int, dict[int, str]]:
        """The ids that are not the names: of images that differ by their extension only, or from several sources."""
        meeting: dict[tuple[str | None, str], list[int]] = {}
        for number, folder in enumerate(self.folders):
            meeting.setdefault((folder.split, folder.id), []).append(number)
        by_number: dict[int, dict[int, str]] = {}
        for numbers in meeting.values():
            places = [(number, place) for number in numbers for place in range(len(self.folders[number].names))]
            wanted = [f'{self.folders[number].id}{stem_of(self.folders[number].names[at])}' for number, at in places]
            for place, name in unique_ids(wanted).items():
                number, at = places[place]
                by_number.setdefault(number, {})[at] = name
        return by_number

    def _turned(self) -> bool:
        if self.config.task or self.config.joints:
            return self.config.task == 'obb'
        labelled = False
        with self.context.discarding():
            for sample in self._samples(0, _LOOKED_AT):
                if not all(isinstance(annotation, RotatedBox) for annotation in sample.annotations):
                    return False
                labelled = labelled or bool(sample.annotations)
        return labelled

    def _all_in_pixels(self) -> bool:
        """Whether the rows of every label file count pixels; of most datasets, the first one says that they do not."""
        with self.context.discarding():
            for _, file in self._places(0, _LOOKED_AT):
                with suppress(UnreadableItem):
                    pixels = may_count_pixels(self._labels.rows(file), self.config.joints)
                    if pixels is not None:
                        break
            else:
                return False
            return pixels and self._prove_pixels()

    def _prove_pixels(self) -> bool:
        counts = Counter[str]()
        for sample, file in self._places(0, self.count):
            with suppress(UnreadableItem):
                rows = [row[1:] for row in self._labels.rows(file) if row]
                if not rows or not self.context.measure(sample):
                    continue
                if not all(proves_pixels(row, sample.width, sample.height, self.config.joints) for row in rows):
                    return False
                counts[sample.id] = len(rows)
        self.in_pixels = counts
        return bool(counts)

    @property
    def count(self) -> int:
        """How many images there are."""
        return self._ends[-1] if self._ends else 0

    def read(self, shard: range) -> Iterator[Batch]:
        """Images with their labels. One without a label file is a background image."""
        yield Batch.of_samples(list(self._samples(shard.start, shard.stop)), measured=True)

    def _samples(self, start: int, stop: int) -> Iterator[Sample]:
        fingerprint = self.context.fingerprint
        self._labels.note = None if fingerprint is None else fingerprint.add_bytes
        if fingerprint is not None:
            # How rows are understood. Every block says it: the first one is not always read by the same process.
            settings = self.config.task, self.config.joints, sorted(self.config.skeletons.items())
            fingerprint.add_bytes(repr(settings).encode(errors='backslashreplace'))
        for sample, file in self._places(start, stop):
            if not self.context.measure(sample):
                continue
            try:
                sample.annotations = self._labels.read(file, sample.width, sample.height)
            except UnreadableItem as error:
                self.context.skip(error)
            else:
                yield sample

    def _places(self, start: int, stop: int) -> Iterator[tuple[Sample, str]]:
        """Images, without a look at them, and where their labels are."""
        stop = min(stop, self.count)
        first = bisect_right(self._ends, start)
        for number, (folder, end) in enumerate(zip(self.folders[first:], self._ends[first:], strict=True), first):
            begin = end - len(folder.names)
            if begin >= stop:
                return
            labels = labels_of(folder.path)
            ids = self._ids.get(number, {})
            for at in range(max(0, start - begin), min(stop - begin, len(folder.names))):
                name = folder.names[at]
                stem = stem_of(name)
                sample = Sample(ids.get(at) or folder.id + stem, os.path.join(folder.path, name), split=folder.split)
                yield sample, f'{labels}{os.sep}{stem}.txt'

    def _flip_by_names(self) -> tuple[int, ...]:
        count = self.config.joints[0] if self.config.joints else 0
        names = next(iter(self.config.skeletons.values()), ())
        return tuple(flip_index(names) if len(names) == count else range(count))

    def _report_losses(self, report: LossReport) -> None:
        """Count what belongs to no item: label files without an image, what dataset.yaml says and nothing uses."""
        file = self.config.file.name
        for name, count in Counter(self.config.names).items():
            if count > 1:
                report.converted('class', 'another class has its name: they are one', file, name, count - 1)
        if self.config.flip is not None and self.config.flip != self._flip_by_names():
            reason = 'joints are known as mirror images by their names only: left_eye, right_eye'
            report.dropped('flip_idx', reason, file)
        for entry in self.config.moved:
            report.repaired('file', 'it does not exist: the folder here that ends like its path is used', file, entry)
        for folder in self.folders:
            for reason, lines in folder.repairs.items():
                for line in lines:
                    report.repaired('image', reason, line)
        for id, count in self.in_pixels.items():
            report.repaired('annotation', READ_IN_PIXELS, id, '1', count)
        for entry in self.config.missing:
            report.dropped('file', 'the images of `test` are not there', entry)
        lists = {os.path.realpath(source) for sources in self.config.sources.values() for source in sources}
        for name in orphans(self.folders, lists):
            report.dropped('file', 'there is no image for this label file', name)
