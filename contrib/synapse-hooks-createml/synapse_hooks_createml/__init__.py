"""Create ML object detection datasets for synapse-hooks.

Rules: Apple, "Building an object detector data source" and `MLObjectDetector.DataSource`: a list of images, each with
its annotations; `x` and `y` are the centre of a box in pixels, from the top left corner of the image. Roboflow's name
for the file, and its folders for splits, are what most such datasets have.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, ClassVar

import msgspec

from synapse_hooks.data import SPLITS, SUFFIXES, Box, DatasetInfo, Sample, split_name
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats import Fitter, Format
from synapse_hooks.storage import TABLE_LIMIT, read_head

__all__ = ['CreatemlFormat']

FILE = '_annotations.createml.json'
"""Not annotations.json, although Apple's examples call it so: that is COCO's name too."""
NAMES = (FILE, 'annotations.json', 'annotations.createml.json', 'createml.json')

_DIGITS = 6
_ENTRY = frozenset(('image', 'imagefilename', 'annotations', 'annotation'))
_ANNOTATION = frozenset(('label', 'coordinates'))


class CreatemlFormat(Format):
    """One JSON file beside the images, or one in each of the folders train, valid and test."""

    name: ClassVar[str] = 'createml'
    version: ClassVar[str] = '1'

    def recognise(self, path: Path) -> bool:
        """A folder with such a file in one of the known places, or such a file."""
        return bool(_sources(path))

    def read(self, path: Path) -> Iterator[Sample]:
        """In the order of each file's images. Classes are not declared anywhere."""
        sources = _sources(path)
        if not sources:
            raise DatasetInvalid(
                f'{path} is not a Create ML dataset: neither {FILE} nor train/{FILE} (or annotations.json) is '
                'there and lists images',
                hint='name the JSON file itself instead of its folder',
                path=str(path),
            )
        for split, file in sources:
            for number, raw in enumerate(_load(file, self.read_file(file, limit=TABLE_LIMIT)), 1):
                try:
                    yield self._sample(file, number, raw, split)
                except UnreadableItem as error:
                    self.skip(error)

    def _sample(self, file: Path, number: int, raw: msgspec.Raw, split: str | None) -> Sample:
        """One image of the list."""
        try:
            entry = msgspec.json.decode(raw, type=dict[str, Any])
            image_name = entry.get('image', entry.get('imagefilename'))
            annotations = entry.get('annotations', entry.get('annotation', []))
            if not isinstance(image_name, str) or not isinstance(annotations, list):
                raise ValueError('it has no text `image` or no list `annotations`')
            image = _image(file.parent, image_name)
        except (OSError, RecursionError, ValueError) as error:
            raise UnreadableItem(
                f'{file}, entry {number}: {error}', hint='repair or remove it', path=str(file)
            ) from error
        name = image.relative_to(file.parent)
        sample = Sample(name.with_suffix('').as_posix(), image=image, split=split)
        self.report.left_out(entry.keys() - _ENTRY)
        for place, annotation in enumerate(annotations, 1):
            try:
                sample.annotations.append(_box(annotation, str(place)))
            except (KeyError, OverflowError, TypeError, ValueError) as error:
                self.report.dropped('annotation', f'it is malformed: {error}', sample.id, str(place))
            else:
                self.report.left_out(annotation.keys() - _ANNOTATION)
        return sample

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        """A file for each split, written as the samples come. The one of the training split is the `config_path`."""
        fitter = Fitter(self.report, 'createml')
        files: dict[str, BinaryIO] = {}
        with ExitStack() as opened:
            for sample in samples:
                if reason := sample.without_image:
                    self.report.dropped_item(sample, reason)
                    continue
                folder = sample.split or ''
                self.link_image(sample, out / folder / sample.file_name)
                if folder not in files:
                    (out / folder).mkdir(parents=True, exist_ok=True)
                    files[folder] = opened.enter_context((out / folder / FILE).open('wb'))
                files[folder].write(b',\n' if files[folder].tell() else b'[\n')
                boxes = [box for shape in sample.annotations if (box := _entry(shape.label, fitter.box(shape, sample)))]
                files[folder].write(msgspec.json.encode({'image': sample.file_name, 'annotations': boxes}))
            for file in files.values():
                file.write(b'\n]\n')
        return out / ('train' if 'train' in files else next(iter(files), '')) / FILE


def _sources(path: Path) -> list[tuple[str | None, Path]]:
    """Each split's file; only files that look like Create ML's."""
    if path.is_file():
        return [(None, path)] if _looks_like_createml(path) else []
    if (flat := _file_in(path)) is not None:
        return [(None, flat)]
    folders = ((split_name(name), path / name) for name in (*SPLITS, 'val', 'validation'))
    return [(split, file) for split, folder in folders if (file := _file_in(folder)) is not None]


def _file_in(folder: Path) -> Path | None:
    return next((folder / name for name in NAMES if _looks_like_createml(folder / name)), None)


def _looks_like_createml(file: Path) -> bool:
    """COCO's file of the same name is an object; this one is a list."""
    if not file.is_file():
        return False
    head = read_head(file).lstrip(b'\xef\xbb\xbf \t\r\n')
    return head[:1] == b'[' and any(key in head for key in (b'"image"', b'"imagefilename"'))


def _load(file: Path, content: bytes) -> list[msgspec.Raw]:
    """The entries of a file, each still text: a broken one spoils no other."""
    try:
        return msgspec.json.decode(content.removeprefix(b'\xef\xbb\xbf'), type=list[msgspec.Raw])
    except (RecursionError, msgspec.DecodeError) as error:
        raise DatasetInvalid(f'{file} is not a JSON list: {error}', hint='repair it', path=str(file)) from error


def _image(folder: Path, image_name: str) -> Path:
    """The image of an entry: beside the file or in images/, never outside the dataset."""
    inner = PurePosixPath(image_name.replace('\\', '/'))
    if inner.is_absolute() or '..' in inner.parts:
        raise ValueError(f'{image_name!r} points outside the dataset')
    # Of a name that is too long for a disk, `Path.is_file` raises.
    found = next((place / inner for place in (folder, folder / 'images') if os.path.isfile(place / inner)), None)  # noqa: PTH113
    if found is None or inner.suffix.lower() not in SUFFIXES:
        raise ValueError(f'its image {image_name!r} is missing, or not an image')
    return found


def _box(annotation: Any, id: str) -> Box:
    label, at = annotation['label'], annotation['coordinates']
    x, y, w, h = (at[name] for name in ('x', 'y', 'width', 'height'))
    if not isinstance(label, str):
        raise TypeError(f'its label {label!r} is not text')
    if any(type(number) not in (int, float) or not math.isfinite(number) for number in (x, y, w, h)):
        raise TypeError('its coordinates are not all numbers')
    return Box(x - w / 2, y - h / 2, w, h, id=id, label=label)


def _entry(label: str, box: tuple[float, float, float, float] | None) -> dict[str, Any] | None:
    if box is None:
        return None
    left, top, right, bottom = box
    size = {'width': round(right - left, _DIGITS), 'height': round(bottom - top, _DIGITS)}
    centre = {'x': round((left + right) / 2, _DIGITS), 'y': round((top + bottom) / 2, _DIGITS)}
    return {'label': label, 'coordinates': {**centre, **size}}
