"""Writing label files and linking images, a batch at a time, in one pass."""

# A Path for each of a million images costs more than linking them.
# ruff: noqa: PTH103
from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse_hooks.data import SUFFIXES, USUAL, DatasetInfo, Sample, read_header
from synapse_hooks.data.batch import Batch
from synapse_hooks.formats.imagefolder.names import folder_of
from synapse_hooks.formats.yolo.rows import Rows
from synapse_hooks.formats.yolo.scan import ScanNotes, Seen
from synapse_hooks.storage import Spool, link_all, write_all

if TYPE_CHECKING:
    from synapse_hooks.formats.base import Format

Waiting = tuple[list[str], list[Seen], list[str], list[int], list[str], list[bytes]]
"""The paths of images, what was seen of them, the paths of label files, how many rows each has, their classes, and the
rest of them."""
READABLE = SUFFIXES - {'.gif', '.jfif', '.jpe'}
"""Extensions, in lower case, of images that ultralytics reads."""


class YoloWriter:
    """Writes a share: images and labels at once, or the labels later where the classes are not known yet.

    Args:
        format: Whose report and options count.
        rows: Makes the rows of label files.
        info: What is known beforehand.
        out: The dataset's folder.
        share: The number of the share.
        notes: Takes note of what was written; None where that is not wanted.
    """

    def __init__(
        self, format: Format, rows: Rows, info: DatasetInfo, out: Path, share: int, notes: ScanNotes | None = None
    ) -> None:
        self.format = format
        self.rows = rows
        self.out = str(out)
        self._notes = notes
        self._numbers = _numbered(info)
        self._spool = Spool(out / f'.waiting-{share}')
        self._places: dict[str, tuple[str, str]] = {}
        self._folders: set[tuple[str, str]] = set()
        self._counts: Counter[str] = Counter()

    def add(self, batch: Batch) -> None:
        """Link the images, and write the labels as far as their classes have numbers."""
        names = [self._image_name(sample) for sample in batch.samples]
        rows = self.rows.of(batch, {item: name for item, name in enumerate(names) if isinstance(name, str)})
        images: list[str] = []
        files: list[str] = []
        links: list[tuple[str, str]] = []
        for sample, name in zip(batch.samples, names, strict=True):
            if isinstance(name, str):
                images.append('')
                files.append('')
                continue
            stem, suffix = name
            split = str(sample.split)
            self._counts[split] += 1
            images_at, labels_at = self._above(split, stem)
            images.append(f'{images_at}{stem}{suffix}')
            links.append((sample.file, images[-1]))
            files.append(f'{labels_at}{stem}.txt')
        link_all(links, mode=self.format.options.images)
        seen = [] if self._notes is None else self._notes.examine(images)
        waiting = images, seen, files, rows.counts(len(files)), rows.labels, rows.texts
        if self._numbers.keys() >= set(rows.labels):
            self._write(waiting)
        else:
            self._spool.put(waiting)

    def found(self) -> dict[str, int]:
        """The images in each split."""
        return dict(self._counts)

    def settle(self, info: DatasetInfo, before: Sequence[Any]) -> None:
        """Write the labels that waited."""
        self._numbers = _numbered(info)
        for waiting in self._spool.take():
            self._write(waiting)
        if self._notes is not None:
            self._notes.close()

    def close(self) -> None:
        """Close the files of what waits."""
        self._spool.close()
        if self._notes is not None:
            self._notes.close()

    def _write(self, waiting: Waiting) -> None:
        """Write label files."""
        images, seen, files, counts, labels, texts = waiting
        numbers = [self._numbers[label] for label in labels]
        rows = [number + text for number, text in zip(numbers, texts, strict=True)]
        end = 0
        made: list[tuple[str, bytes]] = []
        for file, count in zip(files, counts, strict=True):
            begin, end = end, end + count
            if file:
                made.append((file, b'\n'.join([*rows[begin:end], b''])))
        states = write_all(made)
        if self._notes is not None:
            self._notes.add(images, seen, states, counts, numbers, texts)

    def _above(self, split: str, stem: str) -> tuple[str, str]:
        """What the paths of an image and its labels begin with; the folders are there then."""
        places = self._places.get(split)
        if places is None:
            folder = folder_of(split)
            places = self._places[split] = f'{self.out}/images/{folder}/', f'{self.out}/labels/{folder}/'
        below = stem.rpartition('/')[0]
        if (split, below) not in self._folders:
            for place in places:
                os.makedirs(place + below, exist_ok=True)
            self._folders.add((split, below))
        return places

    def _image_name(self, sample: Sample) -> tuple[str, str] | str:
        """What the image is called here, and its extension; or why ultralytics could not read it."""
        suffix = sample.suffix
        if suffix not in READABLE and suffix.lower() not in READABLE:
            found = USUAL.get(read_header(Path(sample.file)).kind) if sample.file else None
            if found is None:
                reason = f'ultralytics reads no {suffix} images' if sample.file else 'there is no image'
                if sample.file:
                    self.format.report.dropped('image', reason, sample.id)
                return reason
            suffix = found
        if 'images' not in sample.id:
            return sample.id, suffix
        # Ultralytics finds labels by replacing the last folder called `images`; `images_` makes room for it.
        *folders, stem = sample.id.split('/')
        return '/'.join([*(f'{part}_' if part.rstrip('_') == 'images' else part for part in folders), stem]), suffix


def _numbered(info: DatasetInfo) -> dict[str, bytes]:
    """The number of each class, as text. A declaration may have one without a name, which is not written."""
    return {name: b'%d' % place for place, name in enumerate(filter(None, info.classes or ()))}
