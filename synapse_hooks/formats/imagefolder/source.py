"""The images of an image folder, in parts: samples are made when they are wanted."""

# A Path for each of a million images costs more than finding them.
# ruff: noqa: PTH118, PTH122
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate
from os.path import join, splitext
from pathlib import Path

from synapse_hooks.conversion.contract import ItemSource
from synapse_hooks.conversion.ids import safe_id
from synapse_hooks.conversion.read_context import ReadContext
from synapse_hooks.data import Classification, DatasetInfo, Sample, is_image_name
from synapse_hooks.data.batch import Batch
from synapse_hooks.formats.imagefolder.layout import NO_IMAGE, files_below, find_places
from synapse_hooks.formats.imagefolder.names import read_names
from synapse_hooks.storage import FreeNames


class ImageFolderSource(ItemSource):
    """The images of a dataset, in the order of splits, classes and names, as a list of texts.

    Args:
        path: The dataset's folder.
        context: The context of this reading.

    Raises:
        DatasetInvalid: There are no folders of classes.
    """

    def __init__(self, path: Path, context: ReadContext) -> None:
        self.context = context
        self.places, self.unused = find_places(path)
        self.labels = read_names(path)
        self.folders = sorted({place.name for place in self.places})
        """Of classes, those of all splits together, in torchvision's order."""
        self.prefixes = dict(zip(self.folders, _unique([(name, '') for name in self.folders]), strict=True))
        self.files: list[list[str]] = []
        self.ids: dict[int, list[str]] = {}
        for number, place in enumerate(self.places):
            names = list(files_below(place.path))
            images = [name for name in names if is_image_name(name)]
            self.files.append(images)
            others = (name for name in names if not is_image_name(name))
            self.unused += [('file', NO_IMAGE, join(place.path, name)) for name in others]
            wanted = [safe_id(splitext(name)[0]) for name in images]
            if len(set(wanted)) < len(wanted):
                self.ids[number] = _unique([splitext(name) for name in images])
        self.starts = [0, *accumulate(map(len, self.files))]

    @property
    def info(self) -> DatasetInfo:
        """Everything is in the names: nothing is opened."""
        splits: Counter[str] = Counter()
        for place, names in zip(self.places, self.files, strict=True):
            if place.split is not None and names:
                splits[place.split] += len(names)
        used = {self.label(place.name) for place, names in zip(self.places, self.files, strict=True) if names}
        return DatasetInfo(
            classes=tuple(dict.fromkeys(map(self.label, self.folders))),
            splits=splits,
            count=self.count,
            kinds={'classification': self.count} if used else {},
            labels={'classification': frozenset(used)} if used else {},
        )

    @property
    def count(self) -> int:
        """How many images there are."""
        return self.starts[-1]

    def shards(self) -> Sequence[range]:
        """Ranges of images. Images in no class, and other files, are reported."""
        for kind, reason, file in self.unused:
            self.context.report.dropped(kind, reason, file)
        return super().shards()

    def label(self, folder: str) -> str:
        """The class that a folder stands for."""
        return self.labels.get(folder, folder)

    def read(self, shard: range) -> Iterator[Batch]:
        """Images with their class. The folder of the class is a part of the id."""
        yield Batch.of_samples(list(self._samples(shard.start, shard.stop)))

    def _samples(self, start: int, stop: int) -> Iterator[Sample]:
        for number, (place, names, first) in enumerate(zip(self.places, self.files, self.starts, strict=False)):
            label, prefix, ids = self.label(place.name), self.prefixes[place.name], self.ids.get(number)
            for at in range(max(start - first, 0), min(stop - first, len(names))):
                name = ids[at] if ids else safe_id(splitext(names[at])[0])
                yield Sample(
                    f'{prefix}/{name}',
                    image=join(place.path, names[at]),
                    split=place.split,
                    annotations=[Classification(label=label)],
                )


def _unique(wanted: list[tuple[str, str]]) -> list[str]:
    """Ids that are safe and differ, of stems with their extensions: the first of two equal stems keeps it."""
    names = FreeNames[str]()
    return [_free(names, safe_id(stem), suffix) for stem, suffix in wanted]


def _free(names: FreeNames[str], id: str, suffix: str) -> str:
    return names.take(
        id, lambda id, number: f'{id}{suffix}' if number == 1 and suffix else f'{id}{suffix}~{number}', first=1
    )
