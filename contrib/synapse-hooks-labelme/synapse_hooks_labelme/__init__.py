"""LabelMe datasets for synapse-hooks: one JSON file per image, as labelme 4 to 6 writes them.

Rules: labelme's `_label_file.py` and `utils/shape.py`. Points are pixels from the image's top left corner, of the image
as it is displayed; the first pixel of a mask is at the first of its two points.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from synapse_hooks.data import MEASURED, SPLITS, SUFFIXES, DatasetInfo, LossReport, Sample, image_size, split_name
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats import Fitter, Format, declared_wrongly, files_below
from synapse_hooks.storage import read_head
from synapse_hooks_labelme.reading import read_shapes
from synapse_hooks_labelme.writing import document

__all__ = ['LabelmeFormat']

CLASSES = 'labels.txt'
UNCLASSED = ('__ignore__', '_background_')
"""Lines of `labels.txt` that are not classes."""
_FIRST = 20
_ENDINGS = tuple(sorted(SUFFIXES))


class LabelFile(msgspec.Struct, rename='camel'):
    """What is read of a JSON file. Embedded images are skipped, not decoded."""

    image_path: str
    shapes: list[dict[str, Any]]
    flags: dict[str, Any] | None = None
    image_height: int | None = None
    image_width: int | None = None
    image_data: msgspec.Raw = msgspec.Raw(b'null')


class LabelmeFormat(Format):
    """A JSON file beside each image; folders called train, valid (val) and test are splits."""

    name: ClassVar[str] = 'labelme'
    version: ClassVar[str] = '1'

    def declare(self, path: Path) -> DatasetInfo:
        """The classes are the lines of `labels.txt`, the file that labelme takes as `--labels`, where there is one."""
        file = path / CLASSES
        if not file.is_file():
            return DatasetInfo()
        try:
            lines = [line.strip() for line in self.read_file(file).decode().split('\n')]
        except UnicodeDecodeError as error:
            raise DatasetInvalid(f'{file} must be UTF-8: {error}', hint='save it as UTF-8', path=str(file)) from error
        return DatasetInfo(classes=tuple(dict.fromkeys(line for line in lines if line and line not in UNCLASSED)))

    def recognise(self, path: Path) -> bool:
        """A folder with such files in it or one folder below, or one such file."""
        if path.is_file():
            # An archive that is not compressed has the text of such files in it.
            return path.suffix.lower() == '.json' and _looks_like_labelme(path)
        found = chain(path.glob('[!.]*.json'), path.glob('[!.]*/[!.]*.json'))
        return any(map(_looks_like_labelme, islice(found, _FIRST)))

    def read(self, path: Path) -> Iterator[Sample]:
        """In the order of the JSON files' paths. JSON files of another kind are counted as dropped."""
        root = path.parent if path.is_file() else path
        files = [path] if path.is_file() else sorted(path / name for name in files_below(path, '.json'))
        found = False
        for file in files:
            try:
                name = file.relative_to(root).with_suffix('').as_posix()
                label_file = _load(file, self.read_file(file))
                if label_file is None:
                    self.report.dropped('file', 'it is not a file of labelme', f'{name}.json')
                    continue
                found = True
                yield _sample(root, name, file, label_file, self.report)
            except UnreadableItem as error:
                found = True
                self.skip(error)
        if not found:
            raise DatasetInvalid(
                f'{path} is not a LabelMe dataset: no JSON file in it has `shapes` and `imagePath`',
                hint='a LabelMe dataset has a JSON file for each image',
                path=str(path),
            )

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> None:
        """A JSON file beside each image, in a folder for each split, and the classes in `labels.txt`."""
        fitter = Fitter(self.report, 'labelme', join='holes', crowds=True, keeps=None)
        for sample in samples:
            if reason := sample.without_image:
                self.report.dropped_item(sample, reason)
                continue
            image = out / (sample.split or '') / sample.file_name
            self.link_image(sample, image)
            file = out / (sample.split or '') / f'{sample.id}.json'
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(msgspec.json.encode(document(sample, image.name, fitter)))
        # As labelme's own exporters expect it: the first line is not a class.
        lines = '\n'.join((UNCLASSED[0], *(name for name in info.classes or () if name.splitlines() == [name])))
        (out / CLASSES).write_text(f'{lines}\n', encoding='utf-8')


def _load(file: Path, content: bytes) -> LabelFile | None:
    """The content of a JSON file, or None where it is not a file of labelme."""
    try:
        try:
            return msgspec.json.decode(content, type=LabelFile)
        except msgspec.ValidationError as error:
            if b'"shapes"' not in content:
                return None
            raise UnreadableItem(f'{file}: {error}', hint='repair or remove it', path=str(file)) from error
    except (UnicodeDecodeError, RecursionError, msgspec.DecodeError) as error:
        raise UnreadableItem(f'{file} is not JSON: {error}', hint='repair or remove it', path=str(file)) from error


def _sample(root: Path, name: str, file: Path, label_file: LabelFile, report: LossReport) -> Sample:
    image = _image(root, file, label_file)
    drawn_on = label_file.image_width or 0, label_file.image_height or 0
    width, height = image_size(image) if image.suffix.lower() in MEASURED else drawn_on
    first, _, rest = name.partition('/')
    split = split_name(first) if rest and split_name(first) in SPLITS else None
    sample = Sample(rest if split else name, image=image, width=width, height=height, split=split)
    losses = LossReport()
    sample.annotations = read_shapes(label_file.shapes, label_file.flags or {}, sample, losses)
    if all(drawn_on) and not declared_wrongly(sample, drawn_on, (width, height), report):
        raise UnreadableItem(
            f'{file} was drawn on {label_file.image_width} x {label_file.image_height} pixels, and {image.name} has '
            f'{width} x {height}: its points fit nothing',
            hint='restore the image as it was, or scale the points',
            path=str(file),
        )
    report.merge(losses)
    return sample


def _image(root: Path, file: Path, label_file: LabelFile) -> Path:
    """The image that a JSON file is about, never one outside the dataset.

    `imagePath` is relative to the JSON file. Where there is no image, one may be beside the file, under the name in
    `imagePath` or under that of the file: labelme itself has published a file whose `imagePath` is its own name.
    """
    image_path = label_file.image_path.replace('\\', '/')
    inside = os.path.normpath(file.parent.relative_to(root) / image_path)
    safe = not Path(inside).is_absolute() and inside.split('/')[0] != '..'
    beside = (file.parent / image_path.rpartition('/')[2], *(file.with_suffix(ending) for ending in _ENDINGS))
    for image in (root / inside, *beside) if safe else beside:
        # A name may be longer than any disk allows.
        with suppress(OSError):
            if image.suffix.lower() in SUFFIXES and image.is_file():
                return image
    embedded = bytes(label_file.image_data) != b'null'
    raise UnreadableItem(
        f'{file}: its image {label_file.image_path} is missing, or outside the dataset'
        + (' (a copy is embedded in `imageData`, which is not read)' if embedded else ''),
        hint='write the embedded copy out as that file' if embedded else 'put the image beside the JSON file',
        path=str(file),
    )


def _looks_like_labelme(file: Path) -> bool:
    head = read_head(file)
    return b'"shapes"' in head and (b'"shape_type"' in head or b'"imagePath"' in head)
