"""Writing label files and linking images, a batch at a time, in one pass."""

# A Path for each of a million images costs more than linking them.
# ruff: noqa: PTH103
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse_hooks.data import DatasetInfo, Sample, read_header
from synapse_hooks.data.batch import Batch
from synapse_hooks.formats.yolo.config import YOLO_FOLDERS
from synapse_hooks.formats.yolo.layout import READABLE, SUFFIX_OF
from synapse_hooks.formats.yolo.rows import Row, Rows
from synapse_hooks.formats.yolo.spool import Spool, Waiting
from synapse_hooks.storage import link_known

if TYPE_CHECKING:
    from synapse_hooks.formats.base import Format


class YoloWriter:
    """Writes a share: images and labels at once, or the labels later where the classes are not known yet.

    Args:
        format: Whose report and options count.
        rows: Makes the rows of label files.
        info: What is known beforehand.
        out: The dataset's folder.
        share: The number of the share.
    """

    def __init__(self, format: Format, rows: Rows, info: DatasetInfo, out: Path, share: int) -> None:
        self.format = format
        self.rows = rows
        self.out = str(out)
        self._numbers = {name: b'%d' % place for place, name in enumerate(info.classes or ())}
        self._spool = Spool(out / f'.waiting-{share}')
        self._folders: set[str] = set()

    def add(self, batch: Batch) -> None:
        """Link the images, and write the labels as far as their classes have numbers."""
        names = [self._image_name(sample) for sample in batch.samples]
        rows = self.rows.of(batch, frozenset(item for item, name in enumerate(names) if name is None))
        waiting: list[Waiting] = []
        for item, (sample, name) in enumerate(zip(batch.samples, names, strict=True)):
            if name is None:
                continue
            folder = YOLO_FOLDERS.get(str(sample.split), str(sample.split))
            stem, suffix = name
            labels = self._place('labels', folder, stem, '.txt')
            link_known(sample.file, self._place('images', folder, stem, suffix), mode=self.format.options.images)
            own = rows.get(item, ())
            if all(row[0] in self._numbers for row in own):
                self._write(labels, own)
            else:
                waiting.append((labels, [row[0] for row in own], [row[1] for row in own]))
        if waiting:
            self._spool.put(waiting)

    def found(self) -> None:
        """The shares need to know nothing of each other."""

    def settle(self, info: DatasetInfo, before: Sequence[Any]) -> None:
        """Write the labels that waited."""
        self._numbers = {name: b'%d' % place for place, name in enumerate(info.classes or ())}
        for files in self._spool.take():
            for labels, names, rests in files:
                self._write(labels, zip(names, rests, strict=True))

    def _write(self, file: str, rows: Iterable[Row]) -> None:
        numbers = self._numbers
        text = b''.join([numbers[label] + rest for label, rest in rows])
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            while text:
                text = text[os.write(handle, text) :]
        finally:
            os.close(handle)

    def _place(self, kind: str, folder: str, stem: str, suffix: str) -> str:
        above = f'{self.out}/{kind}/{folder}/{stem.rpartition("/")[0]}'
        if above not in self._folders:
            os.makedirs(above, exist_ok=True)
            self._folders.add(above)
        return f'{self.out}/{kind}/{folder}/{stem}{suffix}'

    def _image_name(self, sample: Sample) -> tuple[str, str] | None:
        """What the image is called here, and its extension; None where ultralytics could not read it."""
        suffix = sample.suffix
        if suffix.lower() not in READABLE:
            found = SUFFIX_OF.get(read_header(Path(sample.file)).kind) if sample.file else None
            if found is None:
                reason = f'ultralytics reads no {suffix} images' if sample.file else 'there is no image'
                if sample.file:
                    self.format.report.dropped('image', reason, sample.id)
                self.rows.drop(sample, reason)
                return None
            suffix = found
        if 'images' not in sample.id:
            return sample.id, suffix
        # Ultralytics finds labels by replacing the last folder called `images`.
        *folders, stem = sample.id.split('/')
        return '/'.join([*(f'{part}_' if part == 'images' else part for part in folders), stem]), suffix
