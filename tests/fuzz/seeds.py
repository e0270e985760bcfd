"""Valid small datasets to begin with: every layout of every format that the core and `contrib/` read."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from synapse_hooks.data import Sample
from synapse_hooks.formats import BUILTIN, BaseFormat
from synapse_hooks.testing import CLASSES, convert_dataset, odd_samples, small_dataset, small_samples
from synapse_hooks.testing.conversion import builtin_format

ROOT = Path(__file__).parents[2]
CONTRIB_FORMATS = {
    file.parent.name.removeprefix('synapse_hooks_'): file.parent
    for file in sorted(ROOT.glob('contrib/*/synapse_hooks_*/__init__.py'))
    if 'synapse_hooks.formats' in (file.parents[1] / 'pyproject.toml').read_text()
}
"""The packages of `contrib/`, by the names of their formats."""


def format_of(name: str) -> BaseFormat:
    """A format, built in or of `contrib/`, installed or not."""
    if name in BUILTIN:
        return builtin_format(name)
    folder = CONTRIB_FORMATS[name]
    if str(folder.parent) not in sys.path:
        sys.path.append(str(folder.parent))
    module = import_module(folder.name)
    made: BaseFormat = next(
        found()
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, BaseFormat) and found.name == name
    )
    return made


class Seed(NamedTuple):
    """A dataset to begin with."""

    format: str
    make: Callable[[Path], None]
    """Makes it: its argument is a folder that is not there yet."""


def _written(format: str, samples: Callable[[Path], list[Sample]], **params: Any) -> Seed:
    def make(folder: Path) -> None:
        images = folder.with_name(f'{folder.name}-images')
        convert_dataset(samples(images), format, folder, format_of(format), **params)
        shutil.rmtree(images)

    return Seed(format, make)


def _few(folder: Path) -> list[Sample]:
    """Some of the small samples, of every split: a dataset is copied for every change."""
    return _some(small_samples(folder))


def _some(samples: list[Sample]) -> list[Sample]:
    return [samples[place] for place in (2, 3, 5, 7)]


def _dm1(folder: Path) -> None:
    small_dataset(folder)
    for file in folder.rglob('*.json'):
        document = json.loads(file.read_text())
        (entry,) = document['images']
        halves: dict[str, list[dict[str, Any]]] = {'annotations': [], 'annotationsData': []}
        for tool, rows in entry.items():
            if not isinstance(rows, list):
                continue
            for row in rows:
                label = {'class': row['classification']}
                halves['annotations'].append({'id': row['id'], 'tool': tool, 'classification': label})
                data = row['data']
                if tool == 'bounding_box':
                    data = dict(zip(('x', 'y', 'width', 'height'), data, strict=True))
                else:
                    data = [{'x': x, 'y': y} for x, y in data]
                halves['annotationsData'].append({'id': row['id'], 'coordinate': data})
        file.write_text(json.dumps({half: {'image_1': rows} for half, rows in halves.items()}))


def _yolo_lists(folder: Path) -> None:
    """A file with the images of each split, in the place of folders."""
    SEEDS['yolo-detect'].make(folder)
    config = (folder / 'dataset.yaml').read_text()
    for split in ('train', 'val', 'test'):
        files = sorted(file for file in (folder / 'images' / split).rglob('*') if file.is_file())
        lines = [f'./{file.relative_to(folder).as_posix()}\n' for file in files]
        (folder / f'{split}.txt').write_text(''.join(lines))
        config = config.replace(f'images/{split}', f'{split}.txt')
    (folder / 'dataset.yaml').write_text(config)


def _yolo_without_yaml(folder: Path) -> None:
    SEEDS['yolo-detect'].make(folder)
    (folder / 'dataset.yaml').unlink()
    (folder / 'classes.txt').write_text(''.join(f'{name}\n' for name in CLASSES))


def _voc_beside(folder: Path) -> None:
    """Annotation files beside the images, in a folder for each split."""
    SEEDS['voc'].make(folder)
    for split in ('train', 'val', 'test'):
        for id in (folder / f'ImageSets/Main/{split}.txt').read_text().splitlines():
            for file in [*(folder / 'JPEGImages').rglob('*'), *(folder / 'Annotations').rglob('*')]:
                if file.with_suffix('').as_posix().endswith(f'/{id}'):
                    (folder / split).mkdir(exist_ok=True)
                    file.rename(folder / split / file.name)
    for name in ('ImageSets', 'JPEGImages', 'Annotations'):
        shutil.rmtree(folder / name)


SEEDS: dict[str, Seed] = {
    'dm': Seed('dm', lambda folder: (small_dataset(folder), None)[1]),
    'dm-odd': _written('dm', lambda folder: [*odd_samples(folder), *_few(folder)]),
    'dm1': Seed('dm', _dm1),
    'coco': _written('coco', _few),
    'coco-odd': _written('coco', lambda folder: [*odd_samples(folder), *_few(folder)]),
    'coco-keypoints': _written('coco', lambda folder: _some(small_samples(folder, 'keypoints'))),
    'yolo-detect': _written('yolo', _few, target_task='detect'),
    'yolo-segment': _written('yolo', _few, target_task='segment'),
    'yolo-pose': _written('yolo', lambda folder: _some(small_samples(folder, 'keypoints')), target_task='pose'),
    'yolo-obb': _written('yolo', lambda folder: _some(small_samples(folder, 'rotated_box')), target_task='obb'),
    'yolo-lists': Seed('yolo', _yolo_lists),
    'yolo-without-yaml': Seed('yolo', _yolo_without_yaml),
    'imagefolder': _written('imagefolder', lambda folder: _some(small_samples(folder, 'classification'))),
    **{name: _written(name, lambda folder: [*odd_samples(folder), *_few(folder)]) for name in CONTRIB_FORMATS},
    'voc-beside': Seed('voc', _voc_beside),
}
