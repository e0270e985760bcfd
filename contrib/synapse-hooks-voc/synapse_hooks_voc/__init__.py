"""Pascal VOC datasets for synapse-hooks.

Rules: "The PASCAL Visual Object Classes Challenge 2012 Development Kit", sections "Data" and "Detection Task".
An item's name says which files are its own, `JPEGImages/NAME.jpg` and `Annotations/NAME.xml`;
`<filename>` is a remark.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import ClassVar
from xml.etree.ElementTree import ParseError

from synapse_hooks.data import MEASURED, SUFFIXES, DatasetInfo, Sample, image_size
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats import Fitter, Format, settle
from synapse_hooks_voc.documents import KEPT, document, read_document

__all__ = ['VocFormat']

IMAGES, ANNOTATIONS, LISTS, MASKS = 'JPEGImages', 'Annotations', 'ImageSets/Main', 'SegmentationObject'
SPLITS = {'train': 'train', 'valid': 'val', 'test': 'test'}

LARGEST = 4 << 20
"""Bytes of an annotation file: those of some 10,000 objects. An element takes many times the memory of its text."""
_ENDINGS = ('.jpg', *sorted(SUFFIXES), *sorted(suffix.upper() for suffix in SUFFIXES))


class VocFormat(Format):
    """`JPEGImages`, `Annotations` and `ImageSets/Main`; boxes only."""

    name: ClassVar[str] = 'voc'
    version: ClassVar[str] = '2'

    def recognise(self, path: Path) -> bool:
        """A folder with annotations and images under VOC's names."""
        return (path / IMAGES).is_dir() and any((path / ANNOTATIONS).rglob('*.xml'))

    def read(self, path: Path) -> Iterator[Sample]:
        """The lists' items split by split, or every annotation file where there are no lists."""
        if not (path / ANNOTATIONS).is_dir():
            raise DatasetInvalid(
                f'{path} is no VOC dataset: there is no folder {ANNOTATIONS}/ in it',
                hint=f'a VOC dataset has {ANNOTATIONS}/, {IMAGES}/ and usually {LISTS}/',
                path=str(path),
            )
        ids = dict.fromkeys(sorted(_names(path / ANNOTATIONS, '.xml')))
        lists = {split: self._listed(path / LISTS / f'{name}.txt', ids) for split, name in SPLITS.items()}
        if lists['test'] and not lists['train'] and not lists['valid']:
            held_out = set(lists['test'])
            lists['train'] = [id for id in self._listed(path / LISTS / 'trainval.txt', ids) if id not in held_out]
        listed = {id for names in lists.values() for id in names}
        items: list[tuple[str | None, str]] = [(split, id) for split, names in lists.items() for id in names]
        masks = set(_names(path / MASKS, '.png'))
        for split, id in items or [(None, id) for id in ids]:
            try:
                yield self._sample(path, id, split)
            except UnreadableItem as error:
                self.skip(error)
            if id in masks:
                self.report.dropped('file', f'the masks in {MASKS} are not read', f'{id}.png')
        for id in ids if listed else ():
            if id not in listed:
                self.report.dropped('image', f'it is in no list of {LISTS}', id)

    def _sample(self, path: Path, id: str, split: str | None) -> Sample:
        file = path / ANNOTATIONS / f'{id}.xml'
        try:
            if '..' in file.relative_to(path).parts:
                raise ValueError('its name leads outside the dataset')
            told, size, boxes = read_document(self.read_file(file, limit=LARGEST), id, self.report)
            image = _image(path / IMAGES / id, told)
        except (LookupError, OSError, ParseError, ValueError) as error:
            raise UnreadableItem(f'{file}: {error}', hint='repair or remove it', path=str(file)) from error
        if image is None:
            missing = f'{file} has no image: {path / IMAGES / id}.jpg (or another ending) is missing'
            raise UnreadableItem(missing, hint='restore it', path=str(file))
        sample = Sample(id, image=image, split=split, annotations=[*boxes])
        if all(size) and sample.suffix.lower() in MEASURED:
            sample.width, sample.height = size
            settle(sample, image_size(image), self.report)
        return sample

    def _listed(self, file: Path, ids: Collection[str]) -> list[str]:
        """One item a line; in lists of one class a 1, 0 or -1 follows."""
        try:
            text = self.read_file(file).decode() if file.exists() else ''
        except UnicodeDecodeError as error:
            raise DatasetInvalid(f'{file} must be UTF-8: {error}', hint='save it as UTF-8', path=str(file)) from error
        lines = (line.strip() for line in text.split('\n'))
        return [line if line in ids else re.sub(r'\s+-?[01]$', '', line) for line in lines if line]

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> None:
        """One annotation file per image, and the lists. VOC keeps all splits in one folder, so names must differ."""
        fitter = Fitter(self.report, 'voc', keeps=KEPT, whole=True)
        lists: dict[str, list[str]] = {'trainval': []}
        taken: set[str] = set()
        for sample in samples:
            if sample.image is None:
                for shape in sample.annotations:
                    self.report.dropped(shape.kind, 'there is no image', sample.id, shape.id)
                continue
            name = SPLITS.get(sample.split or '', sample.split)
            while sample.id in taken:
                sample.id = f'{sample.id}_{name}'
            taken.add(sample.id)
            self.link_image(sample, out / IMAGES / sample.file_name)
            file, content = out / ANNOTATIONS / f'{sample.id}.xml', document(sample, fitter)
            try:
                file.write_bytes(content)
            except FileNotFoundError:
                file.parent.mkdir(parents=True)
                file.write_bytes(content)
            if name:
                lists.setdefault(name, []).append(sample.id)
            if name in (None, 'train', 'val'):
                lists['trainval'].append(sample.id)
        (out / LISTS).mkdir(parents=True, exist_ok=True)
        for name, ids in lists.items():
            (out / LISTS / f'{name}.txt').write_text(''.join(f'{id}\n' for id in ids), encoding='utf-8')


def _names(folder: Path, suffix: str) -> Iterator[str]:
    return (file.relative_to(folder).as_posix()[: -len(suffix)] for file in folder.rglob(f'*{suffix}'))


def _image(stem: Path, told: str) -> Path | None:
    """The image of an item: by its name, as the rules have it; else the one that its annotation file names."""
    endings = dict.fromkeys((Path(told).suffix or '.jpg', *_ENDINGS))
    names = [stem.name + ending for ending in endings]
    if Path(told).name:
        names.append(Path(told).name)
    return next((file for name in names if (file := stem.with_name(name)).is_file()), None)
