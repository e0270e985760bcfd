"""KITTI object detection datasets for synapse-hooks: the 2D boxes of the left colour images.

    training/image_2/000000.png, training/label_2/000000.txt
    testing/image_2/...                                 published without labels
    ImageSets/{train,val,test,trainval}.txt             the usual lists: train and val divide training/

Rules: `readme.txt` of the object development kit (https://www.cvlibs.net/datasets/kitti/eval_object.php). The lists are
those of OpenPCDet and MMDetection3D, as the kit has none.

layout.py    which files there are, and their splits
rows.py      a line of a label file
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from synapse_hooks.data import AnyAnnotation, DatasetInfo, Sample
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats import Fitter, Format
from synapse_hooks_kitti.layout import IMAGES, LABELS, LISTS, TESTING, TRAINING, Folder, folders, image_of, listed
from synapse_hooks_kitti.rows import KEPT, is_label_file, read_line, write_line

__all__ = ['KittiFormat']

_LISTS_OF = {'train': 'train', 'valid': 'val', 'test': 'test'}


class KittiFormat(Format):
    """`image_2` and `label_2`, usually below `training`; boxes only."""

    name: ClassVar[str] = 'kitti'
    version: ClassVar[str] = '1'

    def recognise(self, path: Path) -> bool:
        """A folder with such folders, whose first label files look like KITTI's."""
        return path.is_dir() and any(is_label_file(folder.labels) for folder in folders(path))

    def read(self, path: Path) -> Iterator[Sample]:
        """The lists' items split by split, or every label file where there are no lists."""
        found = [folder for folder in folders(path) if folder.labels.is_dir()]
        if not found:
            raise DatasetInvalid(
                f'{path} is not a KITTI dataset: there is no folder {TRAINING}/{LABELS}, nor {LABELS}',
                hint=f'a KITTI dataset has {TRAINING}/{IMAGES} and {TRAINING}/{LABELS}',
                path=str(path),
            )
        for folder, split, id in self._items(path, found):
            try:
                yield self._sample(folder, split, id)
            except UnreadableItem as error:
                self.skip(error)
        for folder in folders(path):
            self._count_unread(folder)

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> None:
        """Train and val in `training`, test in `testing`, and the lists where there are splits."""
        fitter = Fitter(self.report, 'kitti', crowds=True, keeps=KEPT)
        lists: dict[str, list[str]] = {}
        taken: set[tuple[str, str]] = set()
        for sample in samples:
            if reason := sample.without_image:
                self.report.dropped_item(sample, reason)
                continue
            name = _LISTS_OF.get(sample.split or '', '')
            folder = out / (TESTING if sample.split == 'test' else TRAINING)
            # train and val share a folder.
            while (folder.name, sample.id) in taken:
                sample.id = f'{sample.id}_{name}'
            taken.add((folder.name, sample.id))
            self.link_image(sample, folder / IMAGES / sample.file_name)
            lines = [write_line(shape, sample, fitter) for shape in sample.annotations]
            file = folder / LABELS / f'{sample.id}.txt'
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(''.join(filter(None, lines)), encoding='utf-8')
            for one in (name, 'trainval') if name in ('train', 'val') else (name,):
                if one:
                    lists.setdefault(one, []).append(sample.id)
        for name, ids in lists.items():
            (out / LISTS).mkdir(parents=True, exist_ok=True)
            (out / LISTS / f'{name}.txt').write_text(''.join(f'{id}\n' for id in ids), encoding='utf-8')

    def _items(self, path: Path, found: list[Folder]) -> list[tuple[Folder, str | None, str]]:
        """The folder, the split and the name of each item."""
        names = {folder: folder.names() for folder in found}
        training = next((folder for folder in found if not folder.is_testing), None)
        testing = next((folder for folder in found if folder.is_testing), None)
        lists = {split: listed(self.read_file, path / LISTS / f'{name}.txt') for split, name in _LISTS_OF.items()}
        divided = {*lists['train'], *lists['valid']}
        if any(folder.is_testing for folder in folders(path)) or not divided.isdisjoint(lists['test']):
            # Both folders number their images from 0: it is a list of `testing`.
            del lists['test']
        items: list[tuple[Folder, str | None, str]] = []
        if training is not None and not divided.isdisjoint(names[training]):
            known = {*names[training]}
            own = {id: split for split, ids in lists.items() for id in ids}
            items += [(training, split, id) for id, split in own.items() if id in known]
            for id in names[training]:
                if id not in own:
                    self.report.dropped('image', f'it is in no list of {LISTS}', id)
            for id, split in own.items():
                if id not in known:
                    problem = f'{training.labels / id}.txt is missing, and in {LISTS}/{_LISTS_OF[split]}.txt'
                    self.skip(UnreadableItem(problem, hint='restore it, or remove the line', path=str(path)))
        elif training is not None:
            items += [(training, 'train' if testing else None, id) for id in names[training]]
        if testing is not None:
            items += [(testing, 'test', id) for id in names[testing]]
        return items

    def _sample(self, folder: Folder, split: str | None, id: str) -> Sample:
        file = folder.labels / f'{id}.txt'
        image = image_of(folder.images, id)
        if image is None:
            problem = f'{file} has no image: {folder.images / id}.png (or another ending) is missing'
            raise UnreadableItem(problem, hint='restore it', path=str(file))
        annotations: list[AnyAnnotation] = []
        try:
            lines = self.read_file(file).decode().split('\n')
        except UnicodeDecodeError as error:
            raise UnreadableItem(f'{file} must be UTF-8: {error}', hint='save it as UTF-8', path=str(file)) from error
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                annotations.append(read_line(line, str(number)))
            except ValueError as error:
                problem = f'{file}, line {number}: {error}'
                raise UnreadableItem(problem, hint='correct or remove the line', path=str(file)) from error
        return Sample(id, image, split=split, annotations=annotations)

    def _count_unread(self, folder: Folder) -> None:
        """Count images without labels, and what KITTI has besides images and labels."""
        labelled = {*folder.names()} if folder.labels.is_dir() else set()
        for image in folder.image_names():
            if image.rpartition('.')[0] not in labelled:
                self.report.dropped('image', 'there is no label file for it', f'{folder.root.name}/{image}')
        for name, reason, count in folder.unread():
            self.report.dropped('file', reason, f'{folder.root.name}/{name}', count=count)
