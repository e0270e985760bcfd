"""Writing label files and linking images, a batch at a time, in one pass."""

# A Path for each of a million images costs more than linking them.
# ruff: noqa: PTH103
from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from synapse_hooks.conversion.write_context import WriteContext
from synapse_hooks.data import DEFAULT_SUFFIXES, SUFFIXES, Sample, read_header
from synapse_hooks.data.batch import Batch
from synapse_hooks.formats.imagefolder.names import folder_of
from synapse_hooks.formats.yolo.rows import Rows
from synapse_hooks.formats.yolo.scan import CheckedImage, ScanRecorder
from synapse_hooks.storage import Spool, write_all

PendingItems = tuple[list[str], list[CheckedImage], list[str], list[int], list[str], list[bytes]]
"""The paths of images, what was seen of them, the paths of label files, how many rows each has, their classes, and the
rest of them."""
READABLE = SUFFIXES - {'.gif', '.jfif', '.jpe'}
"""Extensions, in lower case, of images that ultralytics reads."""


class ShardWriter:
    """Writes a shard: images and labels at once, or the labels later where the classes are not known yet.

    Args:
        context: The context of this conversion.
        rows: Makes the rows of label files.
        labels: Writes label files.
        waiting: Where those wait whose classes are not known.
    """

    def __init__(self, context: WriteContext, rows: Rows, labels: LabelWriter, waiting: Spool) -> None:
        self.context = context
        self.rows = rows
        self.labels = labels
        self.waiting = waiting
        self.counts: Counter[str] = Counter()
        """The images in each split."""
        self._out = str(context.out)
        self._places: dict[str, tuple[str, str]] = {}
        self._folders: set[tuple[str, str]] = set()

    def add(self, batch: Batch) -> None:
        """Link the images, and write the labels as far as their classes have numbers."""
        names = [self._image_name(sample) for sample in batch.samples]
        batch = self.context.leave_out(batch, {item: name for item, name in enumerate(names) if isinstance(name, str)})
        rows = self.rows.of(batch)
        images: list[str] = []
        files: list[str] = []
        named = [name for name in names if isinstance(name, tuple)]
        for sample, (stem, suffix) in zip(batch.samples, named, strict=True):
            split = str(sample.split)
            self.counts[split] += 1
            images_at, labels_at = self._above(split, stem)
            images.append(f'{images_at}{stem}{suffix}')
            files.append(f'{labels_at}{stem}.txt')
        self.context.link_images(batch.samples, images)
        seen = [] if self.labels.recorder is None else self.labels.recorder.examine(images)
        waiting = images, seen, files, rows.counts(len(files)), rows.labels, rows.texts
        if self.labels.knows(rows.labels):
            self.labels.write(waiting)
        else:
            self.waiting.put(waiting)

    def _above(self, split: str, stem: str) -> tuple[str, str]:
        """What the paths of an image and its labels begin with; the folder of the labels is there then."""
        places = self._places.get(split)
        if places is None:
            folder = folder_of(split)
            places = self._places[split] = f'{self._out}/images/{folder}/', f'{self._out}/labels/{folder}/'
        below = stem.rpartition('/')[0]
        if (split, below) not in self._folders:
            os.makedirs(places[1] + below, exist_ok=True)
            self._folders.add((split, below))
        return places

    def _image_name(self, sample: Sample) -> tuple[str, str] | str:
        """What the image is called here, and its extension; or why ultralytics could not read it."""
        suffix = sample.suffix
        reason = sample.without_image
        if not reason and suffix not in READABLE and suffix.lower() not in READABLE:
            suffix = DEFAULT_SUFFIXES.get(read_header(Path(sample.file)).kind, '')
            reason = '' if suffix else f'ultralytics does not read {sample.suffix} images'
        if reason:
            return reason
        if 'images' not in sample.id:
            return sample.id, suffix
        # Ultralytics finds labels by replacing the last folder called `images`; `images_` makes room for it.
        *folders, stem = sample.id.split('/')
        return '/'.join([*(f'{part}_' if part.rstrip('_') == 'images' else part for part in folders), stem]), suffix


class LabelWriter:
    """Writes label files.

    Args:
        classes: In the order of their numbers; None where they are not known yet.
        recorder: Takes note of what was written; None where that is not wanted.
    """

    def __init__(self, classes: Sequence[str] | None, recorder: ScanRecorder | None) -> None:
        self.recorder = recorder
        # A declaration may have a class without a name, which is not written.
        self._numbers = {name: b'%d' % place for place, name in enumerate(filter(None, classes or ()))}

    def knows(self, labels: Iterable[str]) -> bool:
        """Whether all these classes have numbers."""
        return self._numbers.keys() >= set(labels)

    def write(self, waiting: PendingItems) -> None:
        """Write the label files of some images."""
        images, seen, files, counts, labels, texts = waiting
        numbers = [self._numbers[label] for label in labels]
        rows = [number + text for number, text in zip(numbers, texts, strict=True)]
        end = 0
        made: list[tuple[str, bytes]] = []
        for file, count in zip(files, counts, strict=True):
            begin, end = end, end + count
            made.append((file, b'\n'.join([*rows[begin:end], b''])))
        states = write_all(made)
        if self.recorder is not None:
            self.recorder.add(images, seen, states, counts, numbers, texts)

    def close(self) -> None:
        """Nothing more will be written."""
        if self.recorder is not None:
            self.recorder.close()
