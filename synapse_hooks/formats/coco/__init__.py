"""COCO: one `annotations.json` for each split, with the images beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from synapse_hooks.data import DatasetInfo, Sample
from synapse_hooks.formats.base import Format
from synapse_hooks.formats.coco.document import Openings
from synapse_hooks.formats.coco.entries import Entry
from synapse_hooks.formats.coco.items import CocoItems
from synapse_hooks.formats.coco.layout import CONFIG, find_sources, looks_like_coco, need_sources
from synapse_hooks.formats.coco.schemas import Schemas, declared
from synapse_hooks.formats.coco.writing import write_sample
from synapse_hooks.formats.shapes import Fitter

__all__ = ['CocoFormat']


class CocoFormat(Format):
    """Reads and writes boxes, polygons, masks, crowds and keypoints. Captions are read, panoptic segments counted.

    Categories are numbered from 1 in the order of the dataset's classes, the same in every split.
    """

    name: ClassVar[str] = 'coco'

    # -- reading -------------------------------------------------------------------------------------------------

    def __init__(self) -> None:
        self._openings = Openings()

    def declare(self, path: Path) -> DatasetInfo:
        """The classes are the categories, in the order of their ids; files of one dataset meet by name."""
        sources = need_sources(path)
        naming = [file for source in sources for file in source.naming]
        categories = [category for file in naming for category in self._openings.categories(file)]
        skeletons = declared(categories)
        return DatasetInfo(
            classes=tuple(dict.fromkeys(str(category['name']) for category in categories)),
            splits={source.split: 0 for source in sources if source.split is not None},
            skeletons={label: tuple(map(str, schema['keypoints'])) for label, schema in skeletons.items()},
            extra={'coco': {'skeletons': skeletons}} if skeletons else {},
        )

    def recognise(self, path: Path) -> bool:
        """A folder with annotation files in one of the known places, or such a file."""
        return any(looks_like_coco(source.files[0]) for source in find_sources(path))

    def items(self, path: Path) -> CocoItems:
        """The images, in the order of each file's `images`. Annotations without image or category count as dropped."""
        return CocoItems(self, need_sources(path), self._openings)

    def read(self, path: Path) -> Iterator[Sample]:
        """The same one after the other."""
        yield from self.items(path).read()

    # -- writing -------------------------------------------------------------------------------------------------

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path:
        """The training split's file is the one that a trainer wants."""
        numbers = {name: place for place, name in enumerate(info.classes or (), 1)}
        fitter = Fitter(self.report, 'coco', join='holes', crowds=True, keeps=None)
        schemas = Schemas(info, self.report)
        files: dict[str, _File] = {}
        for sample in samples:
            if sample.image is None:
                for annotation in sample.annotations:
                    self.report.dropped(annotation.kind, 'there is no image', sample.id, annotation.id)
                continue
            folder = sample.split or ''
            self.link_image(sample, out / folder / sample.file_name)
            files.setdefault(folder, _File()).add(sample, write_sample(sample, fitter, schemas), numbers)
        categories = [
            {'id': number, 'name': name, 'supercategory': '', **schemas.of_class(name)}
            for name, number in numbers.items()
        ]
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

    def add(self, sample: Sample, entries: Iterable[tuple[str, Entry]], numbers: dict[str, int]) -> None:
        image_id = len(self.images) + 1
        size = {'width': sample.width, 'height': sample.height}
        self.images.append({'id': image_id, 'file_name': sample.file_name, **size})
        for label, entry in entries:
            ids = {'id': len(self.annotations) + 1, 'image_id': image_id}
            self.annotations.append({**ids, 'category_id': numbers[label], **entry})
