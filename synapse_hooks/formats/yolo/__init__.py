"""YOLO as ultralytics trains it: `dataset.yaml`, `images/<split>/`, `labels/<split>/`; detect and segment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from synapse_hooks.data import SUFFIXES, DatasetInfo, Sample, read_header
from synapse_hooks.errors import DatasetInvalid, ParamsError, suggest
from synapse_hooks.formats.base import Format
from synapse_hooks.formats.shapes import Fitter
from synapse_hooks.formats.yolo.config import read_config, write_config
from synapse_hooks.formats.yolo.labels import box_row, polygon_row
from synapse_hooks.formats.yolo.reading import YoloItems

__all__ = ['YoloFormat']

TASKS = ('detect', 'segment')
"""The tasks that labels are written for."""
_FOLDERS = {'valid': 'val'}
_READABLE = SUFFIXES - {'.gif', '.jfif', '.jpe'}
_SUFFIX_OF = {'jpeg': '.jpg', 'png': '.png', 'bmp': '.bmp', 'webp': '.webp', 'tiff': '.tif'}


class YoloFormat(Format):
    """Writes what the training is for: `target_task`, else what most annotations are.

    A label file never mixes boxes and polygons. Polygons of several rings are joined into one by seams without width.
    """

    name: ClassVar[str] = 'yolo'

    # -- reading -------------------------------------------------------------------------------------------------

    def declare(self, path: Path) -> DatasetInfo:
        """The classes are in `names`."""
        return DatasetInfo(classes=read_config(path).names)

    def recognise(self, path: Path) -> bool:
        """A folder with one dataset.yaml, or that file."""
        try:
            return (path.is_dir() or path.suffix in ('.yaml', '.yml')) and bool(read_config(path))
        except DatasetInvalid:
            return False

    def read(self, path: Path) -> Iterator[Sample]:
        """An image without a label file is a background image. Label files without an image are counted as dropped."""
        items = YoloItems(path)
        yield from items.read(skip=self.skip)
        items.note_losses(self.report)

    # -- writing -------------------------------------------------------------------------------------------------

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        """Images and labels of each split, then `dataset.yaml`.

        Raises:
            DatasetInvalid: There are no images to train or to validate with.
            ParamsError: The task is none that YOLO labels are written for.
        """
        _need_splits(info.splits or {})
        task = self._task(info)
        fitter = Fitter(self.report, f'yolo {task}', join='all')
        numbers = {name: place for place, name in enumerate(info.classes or ())}
        counts: Counter[str] = Counter()
        for sample in samples:
            name = self._image_name(sample)
            if name is None:
                continue
            split = str(sample.split)
            counts[split] += 1
            folder = _FOLDERS.get(split, split)
            image = out / 'images' / folder / name
            labels = out / 'labels' / folder / f'{name.removesuffix(image.suffix)}.txt'
            self.link_image(sample, image)
            labels.parent.mkdir(parents=True, exist_ok=True)
            labels.write_text(''.join(f'{row}\n' for row in self._rows(sample, task, fitter, numbers)))
        _need_splits(counts, counted=True)
        folders = {_FOLDERS.get(split, split): f'images/{_FOLDERS.get(split, split)}' for split in info.splits or {}}
        kept = {folder: place for folder, place in folders.items() if (out / place).is_dir()}
        return write_config(out, info.classes or (), kept)

    def _task(self, info: DatasetInfo) -> str:
        if self.options.task is not None:
            if self.options.task not in TASKS:
                raise ParamsError(
                    f'target_task: yolo labels are written for {" and ".join(TASKS)}, not {self.options.task!r}',
                    hint=suggest(self.options.task, TASKS) or f'choose {" or ".join(TASKS)}',
                    field='target_task',
                )
            return self.options.task
        kinds = info.kinds or {}
        boxes = sum(kinds.get(kind, 0) for kind in ('box', 'rotated_box', 'keypoints'))
        return 'segment' if kinds.get('polygon', 0) > boxes else 'detect'

    def _image_name(self, sample: Sample) -> str | None:
        """What the image is called here, or None where ultralytics could not read it: then everything is dropped."""
        reason = 'there is no image'
        if sample.image is not None:
            suffix = sample.image.suffix
            if suffix.lower() not in _READABLE:
                suffix = _SUFFIX_OF.get(read_header(sample.image).kind, '')
                reason = f'ultralytics reads no {sample.image.suffix} images'
            if suffix:
                # Ultralytics finds labels by replacing the last folder called `images`.
                parts = [f'{part}_' if part == 'images' else part for part in sample.id.split('/')[:-1]]
                return '/'.join([*parts, sample.id.split('/')[-1] + suffix])
            self.report.dropped('image', reason, sample.id)
        for annotation in sample.annotations:
            self.report.dropped(annotation.kind, reason, sample.id, annotation.id)
        return None

    def _rows(self, sample: Sample, task: str, fitter: Fitter, numbers: dict[str, int]) -> Iterator[str]:
        width, height = sample.width, sample.height
        for annotation in sample.annotations:
            if task == 'detect':
                box = fitter.box(annotation, sample)
                if box is not None:
                    yield box_row(numbers[annotation.label], box, width, height)
                continue
            rings = fitter.rings(annotation, sample)
            if rings is not None:
                yield polygon_row(numbers[annotation.label], rings[0], width, height)


def _need_splits(splits: Mapping[str, int], *, counted: bool = False) -> None:
    """YOLO trains on one split and validates on another: both must have images."""
    missing = [name for name in ('train', 'valid') if not (splits.get(name) if counted else name in splits)]
    if missing:
        there = ', '.join(f'{name} {count:,}' if counted else name for name, count in splits.items()) or 'none'
        raise DatasetInvalid(
            f'YOLO needs images in the splits train and valid; {" and ".join(missing)} has none (splits: {there})',
            hint="divide the dataset: the parameter splits={'train': 0.8, 'valid': 0.2}, or `--split 0.8,0.2`",
            missing=missing,
        )
