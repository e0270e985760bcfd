"""COCO instances: one `annotations.json` for each split, with the images beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import msgspec

from synapse_hooks.data import DatasetInfo, Sample, image_size
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats.base import Format
from synapse_hooks.formats.coco.entries import read_entry, write_entry
from synapse_hooks.formats.coco.layout import CONFIG, Source, find_sources, need_sources
from synapse_hooks.formats.shapes import Fitter

__all__ = ['CocoFormat']


class CocoFormat(Format):
    """Reads polygons, boxes, masks (both kinds of RLE), crowds and keypoints; writes boxes, polygons and masks.

    Categories are numbered from 1 in the order of the dataset's classes, the same in every split.
    """

    name: ClassVar[str] = 'coco'

    # -- reading -------------------------------------------------------------------------------------------------

    def declare(self, path: Path) -> DatasetInfo:
        """The classes are the categories, in the order of their ids; files of one dataset meet by name."""
        names: dict[str, None] = {}
        for source in need_sources(path):
            for category in sorted(_load(source.file)['categories'], key=lambda category: int(category['id'])):
                names[str(category['name'])] = None
        return DatasetInfo(classes=tuple(names))

    def recognise(self, path: Path) -> bool:
        """A folder with annotation files in one of the known places, or such a file."""
        return any(_looks_like_coco(source.file) for source in find_sources(path))

    def read(self, path: Path) -> Iterator[Sample]:
        """In the order of each file's `images`. Annotations without image or category are counted as dropped."""
        for source in need_sources(path):
            content = _load(source.file)
            categories = {category['id']: category for category in content['categories']}
            of_image: dict[Any, list[dict[str, Any]]] = {}
            for entry in content['annotations']:
                of_image.setdefault(entry.get('image_id'), []).append(entry)
            for image in content['images']:
                try:
                    sample = _sample(image, source)
                except UnreadableItem as error:
                    of_image.pop(image.get('id'), None)
                    self.skip(error)
                    continue
                for entry in of_image.pop(image['id'], ()):
                    self._add(entry, categories, sample)
                yield sample
            for entry in (entry for entries in of_image.values() for entry in entries):
                self.report.dropped(
                    'annotation', 'its image is not in the file', source.file.name, str(entry.get('id'))
                )

    def _add(self, entry: dict[str, Any], categories: dict[Any, dict[str, Any]], sample: Sample) -> None:
        category = categories.get(entry.get('category_id'))
        if category is None:
            self.report.dropped('annotation', 'its category is not in the file', sample.id, str(entry.get('id')))
            return
        try:
            sample.annotations += [*read_entry(entry, category, sample.width, sample.height)]
        except (KeyError, TypeError, ValueError) as error:
            self.report.dropped('annotation', f'it is malformed: {error}', sample.id, str(entry.get('id')))

    # -- writing -------------------------------------------------------------------------------------------------

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        """The training split's file is the one that a trainer wants."""
        numbers = {name: place for place, name in enumerate(info.classes or (), 1)}
        fitter = Fitter(self.report, 'coco', join='holes', crowds=True, keeps=None)
        files: dict[str, _File] = {}
        for sample in samples:
            if sample.image is None:
                for annotation in sample.annotations:
                    self.report.dropped(annotation.kind, 'there is no image', sample.id, annotation.id)
                continue
            folder = sample.split or ''
            self.link_image(sample, out / folder / sample.file_name)
            files.setdefault(folder, _File()).add(sample, fitter, numbers)
        categories = [{'id': number, 'name': name, 'supercategory': ''} for name, number in numbers.items()]
        for folder, file in files.items():
            content = {'info': {}, 'licenses': [], 'images': file.images, 'annotations': file.annotations}
            (out / folder / CONFIG).write_bytes(msgspec.json.encode({**content, 'categories': categories}))
        first = 'train' if 'train' in files else next(iter(files), '')
        return out / first / CONFIG


class _File:
    """One annotation file in the making. Numbers start at 1 in each."""

    def __init__(self) -> None:
        self.images: list[dict[str, Any]] = []
        self.annotations: list[dict[str, Any]] = []

    def add(self, sample: Sample, fitter: Fitter, numbers: dict[str, int]) -> None:
        image_id = len(self.images) + 1
        size = {'width': sample.width, 'height': sample.height}
        self.images.append({'id': image_id, 'file_name': sample.file_name, **size})
        for annotation in sample.annotations:
            entry = write_entry(annotation, sample, fitter)
            if entry is not None:
                ids = {'id': len(self.annotations) + 1, 'image_id': image_id}
                self.annotations.append({**ids, 'category_id': numbers[annotation.label], **entry})


def _load(file: Path) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(file.read_bytes())
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise DatasetInvalid(f'{file} is not JSON: {error}', hint='repair it', path=str(file)) from error
    lists = ('images', 'annotations', 'categories')
    if not isinstance(content, dict) or not all(isinstance(content.get(name, []), list) for name in lists):
        raise DatasetInvalid(f'{file} must be an object with the lists {", ".join(lists)}', path=str(file))
    if not isinstance(content.get('images'), list):
        raise DatasetInvalid(f'{file} has no list `images`', hint='is it a COCO file?', path=str(file))
    broken = [name for name in lists if not all(isinstance(item, dict) for item in content.get(name, ()))]
    if broken:
        raise DatasetInvalid(f'{file}: `{broken[0]}` must be a list of objects', path=str(file))
    return {'annotations': [], 'categories': [], **content}


def _sample(image: dict[str, Any], source: Source) -> Sample:
    name = image.get('file_name')
    if not isinstance(name, str) or not name or 'id' not in image:
        raise UnreadableItem(f'{source.file}: an image without id or file_name: {image!r}', path=str(source.file))
    inner = PurePosixPath(name.replace('\\', '/'))
    if inner.is_absolute() or '..' in inner.parts or '\0' in name:
        raise UnreadableItem(f'{source.file}: {name!r} points outside the dataset', path=name)
    found = next((root / inner for root in source.roots if (root / inner).is_file()), None)
    if found is None:
        raise UnreadableItem(
            f'{source.file}: the image {name} is missing (looked below {source.roots[0]} and around)',
            hint='put the images beside the annotation file',
            path=name,
        )
    sample = Sample(inner.with_suffix('').as_posix(), image=found, split=source.split)
    width, height = image.get('width'), image.get('height')
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        sample.width, sample.height = width, height
    else:
        sample.width, sample.height = image_size(found)
    return sample


def _looks_like_coco(file: Path) -> bool:
    with file.open('rb') as opened:
        head = opened.read(1 << 16)
    return any(key in head for key in (b'"images"', b'"annotations"', b'"categories"'))
