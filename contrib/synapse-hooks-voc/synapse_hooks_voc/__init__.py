"""Pascal VOC datasets for synapse-hooks.

Rules: "The PASCAL Visual Object Classes Challenge 2012 Development Kit", sections "Data" and "Detection Task".
An item's name gives the names of its files, `JPEGImages/NAME.jpg` and `Annotations/NAME.xml`;
`<filename>` is a remark. Where else tools put these files: `synapse_hooks_voc.layout`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import ClassVar
from xml.etree.ElementTree import ParseError

from synapse_hooks.data import MEASURED, SUFFIXES, DatasetInfo, Sample, image_size
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats import Fitter, Format, fit_to_image
from synapse_hooks_voc.documents import KEPT, document, read_document
from synapse_hooks_voc.layout import ANNOTATIONS, IMAGES, LISTS, MASKS, Folder, beside, names, official

__all__ = ['VocFormat']

SPLITS = {'train': 'train', 'valid': 'val', 'test': 'test'}

LARGEST = 4 << 20
"""Bytes of an annotation file: those of some 10,000 objects. An element takes many times the memory of its text."""
_ENDINGS = ('.jpg', *sorted(SUFFIXES), *sorted(suffix.upper() for suffix in SUFFIXES))


class VocFormat(Format):
    """`JPEGImages`, `Annotations` and `ImageSets/Main`; boxes only."""

    name: ClassVar[str] = 'voc'
    version: ClassVar[str] = '2'

    def recognise(self, path: Path) -> bool:
        """A folder with annotations and images under VOC's names, or with annotation files beside its images."""
        folder = official(path)
        if folder is not None:
            return any(names(folder.documents, '.xml'))
        return path.is_dir() and bool(beside(path))

    def read(self, path: Path) -> Iterator[Sample]:
        """The lists' items split by split, or every annotation file where there are no lists."""
        folder = official(path)
        folders = [] if folder else beside(path)
        if not folder and not folders and any(path.rglob('*.xml')):
            # It was named as VOC: all of it may be in folders.
            folders = [Folder(None, path, path)]
        if not folder and not folders:
            raise DatasetInvalid(
                f'{path} is not a VOC dataset: there is neither a folder {ANNOTATIONS}/ beside {IMAGES}/, '
                'nor an annotation file beside an image',
                hint=f'a VOC dataset has {ANNOTATIONS}/, {IMAGES}/ and usually {LISTS}/',
                path=str(path),
            )
        items = self._items(path, folder) if folder else [(one, one.split, id) for one in folders for id in one.ids]
        masks = set(names(path / MASKS, '.png'))
        for place, split, id in items:
            try:
                yield self._sample(path, place, id, split)
            except UnreadableItem as error:
                self.skip(error)
            if id in masks:
                self.report.dropped('file', f'the masks in {MASKS} are not read', f'{id}.png')
        for unused in (name for one in folders for name in one.unused):
            self.report.dropped('image', 'there is no annotation file for it', unused)

    def _items(self, path: Path, folder: Folder) -> list[tuple[Folder, str | None, str]]:
        ids = dict.fromkeys(folder.ids)
        lists = {split: self._listed(path / LISTS / f'{name}.txt', ids) for split, name in SPLITS.items()}
        if lists['test'] and not lists['train'] and not lists['valid']:
            held_out = set(lists['test'])
            lists['train'] = [id for id in self._listed(path / LISTS / 'trainval.txt', ids) if id not in held_out]
        listed = {id for named in lists.values() for id in named}
        for id in ids if listed else ():
            if id not in listed:
                self.report.dropped('image', f'it is in no list of {LISTS}', id)
        found: list[tuple[str | None, str]] = [(split, id) for split, named in lists.items() for id in named]
        return [(folder, split, id) for split, id in found or [(None, id) for id in ids]]

    def _sample(self, path: Path, folder: Folder, id: str, split: str | None) -> Sample:
        file = folder.documents / f'{id}.xml'
        try:
            if '..' in file.relative_to(path).parts:
                raise ValueError('its name leads outside the dataset')
            filename, size, boxes = read_document(self.read_file(file, limit=LARGEST), id, self.report)
            image = _image(folder.images / id, filename)
        except (LookupError, OSError, ParseError, ValueError) as error:
            raise UnreadableItem(f'{file}: {error}', hint='repair or remove it', path=str(file)) from error
        if image is None:
            missing = f'{file} has no image: {folder.images / id}.jpg (or another ending) is missing'
            raise UnreadableItem(missing, hint='restore it', path=str(file))
        sample = Sample(id, image=image, split=split, annotations=[*boxes])
        if all(size) and sample.suffix.lower() in MEASURED:
            sample.width, sample.height = size
            fit_to_image(sample, image_size(image), self.report)
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
            if reason := sample.without_image:
                self.report.dropped_item(sample, reason)
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


def _image(stem: Path, filename: str) -> Path | None:
    """The image of an item: by its name, as the rules have it; else the one that its annotation file names."""
    endings = dict.fromkeys((Path(filename).suffix or '.jpg', *_ENDINGS))
    names = [stem.name + ending for ending in endings]
    if Path(filename).name:
        names.append(Path(filename).name)
    # Of a name that is too long for a disk, `Path.is_file` raises.
    return next((file for name in names if os.path.isfile(file := stem.with_name(name))), None)  # noqa: PTH113
