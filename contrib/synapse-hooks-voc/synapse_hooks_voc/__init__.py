"""Pascal VOC datasets for synapse-hooks.

Rules: "The PASCAL Visual Object Classes Challenge 2012 Development Kit", sections 3 and 5. A box is whole pixels
counted from 1, the last one included: `xmin = left + 1`, `xmax = right`.
"""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from synapse_hooks.data import Box, DatasetInfo, Sample
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats import Fitter, Format

__all__ = ['VocFormat']

IMAGES, ANNOTATIONS, LISTS = 'JPEGImages', 'Annotations', 'ImageSets/Main'
SPLITS = {'train': 'train', 'val': 'valid', 'test': 'test'}
FLAGS = ('difficult', 'truncated', 'occluded')
NO_POSE = 'Unspecified'


class VocFormat(Format):
    """`JPEGImages`, `Annotations` and `ImageSets/Main`; boxes only."""

    name: ClassVar[str] = 'voc'

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
        ids = sorted(
            file.relative_to(path / ANNOTATIONS).as_posix()[:-4] for file in (path / ANNOTATIONS).rglob('*.xml')
        )
        lists = {split: _listed(path / LISTS / f'{name}.txt') for name, split in SPLITS.items()}
        listed = {id for names in lists.values() for id in names}
        items: list[tuple[str | None, str]] = [(split, id) for split, names in lists.items() for id in names]
        for split, id in items or [(None, id) for id in ids]:
            try:
                yield self._sample(path, id, split)
            except UnreadableItem as error:
                self.skip(error)
        for id in ids if listed else ():
            if id not in listed:
                self.report.dropped('image', f'it is in no list of {LISTS}', id)

    def _sample(self, path: Path, id: str, split: str | None) -> Sample:
        file = path / ANNOTATIONS / f'{id}.xml'
        try:
            if '..' in file.relative_to(path).parts:
                raise ValueError('its name leads outside the dataset')
            root = ET.parse(file).getroot()
            if root.tag != 'annotation':
                raise ValueError(f'it holds <{root.tag}>, not <annotation>')
            boxes = [self._box(found, str(number), id) for number, found in enumerate(root.findall('object'), 1)]
        except (OSError, ET.ParseError, ValueError) as error:
            raise UnreadableItem(f'{file}: {error}', hint='repair or remove it', path=str(file)) from error
        folder = (path / IMAGES / id).parent
        named = folder / Path(root.findtext('filename') or id).name
        images = [named] if named.is_file() else sorted(folder.glob(f'{Path(id).name}.*'))
        if not images:
            raise UnreadableItem(f'{file} has no image: {named} is missing', hint='restore it', path=str(file))
        return Sample(id, image=images[0], split=split, annotations=[*boxes])

    def _box(self, found: ET.Element, number: str, id: str) -> Box:
        sides = [found.findtext(f'bndbox/{side}') for side in ('xmin', 'ymin', 'xmax', 'ymax')]
        if None in sides:
            raise ValueError(f'object {number} has no whole bndbox')
        left, top, right, bottom = (float(side or '') for side in sides)
        if not all(map(math.isfinite, (left, top, right, bottom))):
            raise ValueError(f'object {number} has no finite bndbox')
        attributes: dict[str, object] = {}
        for flag in FLAGS:
            if (said := found.findtext(flag)) is not None:
                attributes[flag] = said.strip() not in ('', '0', 'false', 'False')
        if (pose := (found.findtext('pose') or NO_POSE).strip()) != NO_POSE:
            attributes['pose'] = pose
        for part in found.iterfind('part'):
            self.report.dropped('part', 'body parts have no place in a sample', id, part.findtext('name') or '')
        label = (found.findtext('name') or '').strip()
        x, y = left - 1, top - 1
        return Box(x, y, right - x, bottom - y, id=number, label=label, attributes=attributes)

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> None:
        """One annotation file per image, and the lists. VOC keeps all splits in one folder, so names must differ."""
        fitter = Fitter(self.report, 'voc', keeps=(*FLAGS, 'pose'), whole=True)
        lists: dict[str, list[str]] = {'trainval': []}
        taken: set[str] = set()
        for sample in samples:
            if sample.image is None:
                for shape in sample.annotations:
                    self.report.dropped(shape.kind, 'there is no image', sample.id, shape.id)
                continue
            name = {split: name for name, split in SPLITS.items()}.get(sample.split or '', sample.split)
            while sample.id in taken:
                sample.id = f'{sample.id}_{name}'
            taken.add(sample.id)
            self.link_image(sample, out / IMAGES / sample.file_name)
            file = out / ANNOTATIONS / f'{sample.id}.xml'
            file.parent.mkdir(parents=True, exist_ok=True)
            tree = ET.ElementTree(_document(sample, fitter))
            ET.indent(tree)
            tree.write(file, encoding='utf-8', xml_declaration=True)
            if name:
                lists.setdefault(name, []).append(sample.id)
            if name in (None, 'train', 'val'):
                lists['trainval'].append(sample.id)
        (out / LISTS).mkdir(parents=True, exist_ok=True)
        for name, ids in lists.items():
            (out / LISTS / f'{name}.txt').write_text(''.join(f'{id}\n' for id in ids), encoding='utf-8')


def _document(sample: Sample, fitter: Fitter) -> ET.Element:
    root = ET.Element('annotation')
    _add(root, folder=IMAGES, filename=Path(sample.file_name).name)
    _add(ET.SubElement(root, 'size'), width=sample.width, height=sample.height, depth=3)
    _add(root, segmented=0)
    for shape in sample.annotations:
        box = fitter.box(shape, sample)
        if box is not None:
            left, top, right, bottom = box
            found = ET.SubElement(root, 'object')
            _add(found, name=shape.label, pose=shape.attributes.get('pose', NO_POSE))
            _add(found, **{flag: int(bool(shape.attributes.get(flag))) for flag in FLAGS})
            _add(ET.SubElement(found, 'bndbox'), xmin=left + 1, ymin=top + 1, xmax=right, ymax=bottom)
    return root


def _add(parent: ET.Element, **texts: object) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, name).text = str(text)


def _listed(file: Path) -> list[str]:
    """One item a line; in lists of one class a 1, 0 or -1 follows."""
    lines = file.read_text(encoding='utf-8').splitlines() if file.is_file() else []
    return [re.sub(r'\s+-?[01]$', '', line.strip()) for line in lines if line.strip()]
