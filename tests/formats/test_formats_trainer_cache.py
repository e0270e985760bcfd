"""The cache that is written for ultralytics is the one that it would write, or there is none."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synapse_hooks.context import Dataset
from synapse_hooks.data import integrity
from synapse_hooks.formats import trainer_cache
from synapse_hooks.formats.yolo import scan
from synapse_hooks.formats.yolo.scan import Labels
from synapse_hooks.testing import png
from tests.formats.format_kit import Converter, add_item, box, polygon

TASKS = ('detect', 'segment', 'pose', 'obb')
JOINTS = ('nose', 'ear', 'tail')


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('YOLO_OFFLINE', '1')
    monkeypatch.setenv('YOLO_CONFIG_DIR', str(tmp_path / 'settings'))


def entry(number: int) -> dict[str, Any]:
    """Objects of everything that a task is trained on."""
    left, top, label = 3 + number, 20, ('zebra', 'ape', 'ox')[number % 3]
    turn = [{'name': 'rotation', 'value': 0.3 * number}]
    ring: list[list[float]] = [[left, top], [left + 24, top + 1], [left + 23, top + 24], [left + 8, top + 30.5]]
    joints = [
        {'id': f'k{place}', 'classification': name, 'attrs': [], 'data': [left + 4 * place, top + 3 * place]}
        | {'visibility': place % 3, 'group_id': 'g'}
        for place, name in enumerate(JOINTS, 1)
    ]
    return {
        'bounding_box': [
            box(left, top, 24, 24.3, label, 'b', group_id='g'),
            box(left, 8, 31, 10, 'ape', 't', attrs=turn),
        ],
        'polygon': [polygon(ring, label)],
        'keypoint': joints,
        'group': [{'id': 'g', 'classification': label, 'attrs': [], 'data': ['b', *(one['id'] for one in joints)]}],
        'classification': [{'id': 'c', 'classification': label, 'attrs': [], 'data': {}}],
    }


def twice(said: dict[str, Any]) -> dict[str, Any]:
    """The same objects, once more before and after."""
    again = {
        **{kind: [{**one, 'id': f'{one["id"]}2'} for one in said[kind]] for kind in ('bounding_box', 'polygon')},
        'keypoint': [{**one, 'id': f'{one["id"]}2', 'group_id': 'g2'} for one in said['keypoint']],
        'group': [{**one, 'id': 'g2', 'data': [f'{id}2' for id in one['data']]} for one in said['group']],
    }
    again['bounding_box'][0]['group_id'] = 'g2'
    return {**said, **{kind: [*said[kind], *again[kind]] for kind in again}}


def picture(root: Path, stem: str, said: dict[str, Any], **how: Any) -> Path:
    """An item with a JPEG, on its side where `orientation` says so; or a PNG."""
    suffix = how.pop('suffix', '.jpg')
    add_item(root, stem, said, suffix=suffix)
    file = root / 'original_files' / f'{stem}{suffix}'
    image = pytest.importorskip('PIL.Image')
    made = image.new('RGB', how.pop('size', (96, 72)), (20, 200, 90))
    if orientation := how.pop('orientation', None):
        exif = made.getexif()
        exif[274], exif[271] = orientation, 'Acme'
        how['exif'] = exif
    made.save(file, **how)
    return file


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Whole images of every kind that is certain, in every folder, with every number of objects."""
    root = tmp_path / 'dm'
    for split in ('train', 'valid'):
        for number in range(4):
            picture(root / split, f'{number}', entry(number))
        for orientation in (1, 3, 6, 8):
            picture(root / split, f'turned/{orientation}', entry(orientation), orientation=orientation)
        picture(root / split, 'a.b', entry(1), progressive=True)
        picture(root / split, 'a-b', entry(2), suffix='.png')
        picture(root / split, 'a/images/사람', entry(0), suffix='.png', orientation=6)
        picture(root / split, 'Zoo', {})
        picture(root / split, 'again', twice(entry(2)))
        turns = [((3, 1, 90, 70), 0.7), ((60, 0, 30, 60), 0.7), ((-40, 10, 170, 30), 0.2), ((0, 0, 96, 72), 0.0)]
        boxes = [box(*of, 'ox', f'{of}', attrs=[{'name': 'rotation', 'value': turn}]) for of, turn in turns]
        picture(root / split, 'edge', {'bounding_box': boxes})
    return root


def ours(converter: Converter, made: Dataset) -> dict[str, dict[str, Any]]:
    """The caches that are there once the dataset is in its place; they are removed."""
    converter.context.call_when_published(made['path'])
    assert not converter.recorder.of('message') or 'when-published' not in str(converter.recorder.of('message'))
    found = {}
    for file in sorted(made['path'].rglob('*.cache')):
        found[file.relative_to(made['path']).as_posix()] = np.load(file, allow_pickle=True).item()
        file.unlink()
    assert not [file.name for file in made['path'].rglob('.*')]
    return found


def scanned(made: Dataset, task: str) -> dict[str, dict[str, Any]]:
    """The caches that ultralytics makes."""
    if task == 'classify':
        _scan_folders(made['path'])
    else:
        from ultralytics.data.dataset import YOLODataset
        from ultralytics.data.utils import check_det_dataset
        from ultralytics.utils import colorstr

        data = check_det_dataset(str(made['config_path']), autodownload=False)
        for split in ('train', 'val'):
            YOLODataset(
                img_path=data[split], data=data, task=task, augment=False, imgsz=64, prefix=colorstr(f'{split}: ')
            )
    return {
        file.relative_to(made['path']).as_posix(): np.load(file, allow_pickle=True).item()
        for file in sorted(made['path'].rglob('*.cache'))
    }


def _scan_folders(root: Path) -> None:
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import ClassificationDataset
    from ultralytics.data.utils import check_cls_dataset

    data = check_cls_dataset(str(root))
    for split in ('train', 'val'):
        ClassificationDataset(root=data[split], args=get_cfg(), augment=False, prefix=split)


def same(one: Any, other: Any, place: str = '') -> None:
    """Both are equal, in type, order and every bit."""
    assert type(one) is type(other), place
    if isinstance(one, dict):
        assert list(one) == list(other), place
        for key in one:
            same(one[key], other[key], f'{place}.{key}')
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), place
        for number, pair in enumerate(zip(one, other, strict=True)):
            same(*pair, f'{place}[{number}]')
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes()), place
        assert one.flags.writeable == other.flags.writeable, place
    else:
        assert one == other, place


@pytest.mark.e2e
@pytest.mark.parametrize('task', [*TASKS, 'classify'])
def test_it_is_the_one_that_ultralytics_writes(
    pictures: Path, converter: Converter, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    made = converter(pictures, 'dm', 'yolo', target_task=task)
    mine = ours(converter, made)
    assert len(mine) == 2
    same(mine, scanned(made, task))
    if task != 'classify':
        train = next(cache for name, cache in mine.items() if 'train' in name)
        assert train['results'] == (14, 0, 2 if task == 'pose' else 1, 0, 14)
        assert '1 duplicate' in str(train['msgs']) or task != 'pose'
        assert [label['shape'] for label in train['labels'] if 'turned' in label['im_file']] == [
            (72, 96),
            (72, 96),
            (96, 72),
            (96, 72),
        ]


@pytest.mark.e2e
def test_a_training_uses_it_and_scans_where_anything_changed(
    pictures: Path, converter: Converter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ultralytics.data import dataset
    from ultralytics.data.utils import check_det_dataset

    scans: list[Any] = []
    scan = dataset.verify_image_label

    def noted(args: Any) -> Any:
        scans.append(args)
        return scan(args)

    monkeypatch.setattr(dataset, 'verify_image_label', noted)

    def is_scanned(root: Path, **how: Any) -> bool:
        data = check_det_dataset(str(root / 'dataset.yaml'), autodownload=False)
        scans.clear()
        dataset.YOLODataset(img_path=data['train'], data=data, task='detect', augment=False, imgsz=64, **how)
        return bool(scans)

    def made() -> Path:
        found = converter(pictures, 'dm', 'yolo', target_task='detect')
        converter.context.call_when_published(found['path'])
        return found['path']

    assert not is_scanned(made())
    assert is_scanned(made(), single_cls=True)
    whole = made()
    assert is_scanned(whole.rename(whole.with_name('moved')))
    edited = converter(pictures, 'dm', 'yolo', target_task='detect')['path']
    label = edited / 'labels' / 'train' / '0.txt'
    label.write_text(label.read_text().replace('0.', '0.0', 1)[:-1])
    # A plugin around the conversion may have done that before it is published.
    converter.context.call_when_published(edited)
    assert is_scanned(edited)


# -- without ultralytics -------------------------------------------------------------------------------------------


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer_cache, 'version', lambda: '1.0.12')


def caches(converter: Converter, source: Path, task: str = 'detect', **more: Any) -> list[str]:
    made = converter(source, 'dm', 'yolo', target_task=task, **more)
    return list(ours(converter, made))


def four(root: Path, **first: Any) -> Path:
    """A dataset of four images; the first one of train is as told. Returns that image."""
    for split in ('train', 'valid'):
        picture(root / split, '1', entry(1))
    picture(root / 'valid', '0', entry(0))
    return picture(root / 'train', '0', entry(0), **first)


@pytest.mark.parametrize('task', ['detect', 'classify'])
def test_a_damaged_image_is_reported_and_its_split_has_no_cache(
    tmp_path: Path, converter: Converter, wanted: None, task: str
) -> None:
    image = four(tmp_path / 'dm')
    prefix = 'labels/' if task == 'detect' else ''
    assert caches(converter, tmp_path / 'dm', task) == [f'{prefix}train.cache', f'{prefix}val.cache']

    image.write_bytes(image.read_bytes()[:-2])
    assert caches(converter, tmp_path / 'dm', task) == [f'{prefix}val.cache']
    assert converter.reasons('doubtful') == {('image', integrity.CUT_OFF): 1}

    image.unlink()
    damaged = bytearray(png(96, 72))
    damaged[-20] ^= 1
    image.with_suffix('.png').write_bytes(damaged)
    assert caches(converter, tmp_path / 'dm', task) == [f'{prefix}val.cache']
    assert converter.reasons('doubtful') == {('image', integrity.BAD_CHUNK): 1}


@pytest.mark.parametrize(
    'how', [{'suffix': '.bmp'}, {'suffix': '.webp'}, {'suffix': '.tif'}, {'format': 'GIF'}, {'size': (9, 40)}], ids=str
)
def test_where_a_scan_might_find_something_else_there_is_no_cache(
    tmp_path: Path, converter: Converter, wanted: None, how: dict[str, Any]
) -> None:
    four(tmp_path / 'dm', **how)
    assert caches(converter, tmp_path / 'dm') == ['labels/val.cache']


@pytest.mark.parametrize('stem', ['folder.png/0', 'a/b.JPG/0'])
def test_folders_that_ultralytics_takes_for_images_leave_their_split_without_a_cache(
    tmp_path: Path, converter: Converter, wanted: None, stem: str
) -> None:
    four(tmp_path / 'dm')
    picture(tmp_path / 'dm' / 'train', stem, entry(1))
    assert caches(converter, tmp_path / 'dm') == ['labels/val.cache']


@pytest.mark.parametrize(
    ('row', 'fine'),
    [
        (b' -0.004000 0.200000 0.900000 0.200000 0.900000 0.900000 -0.004000 0.900000', True),
        (b' -0.020000 0.200000 1.200000 0.200000 1.200000 0.900000 -0.020000 0.900000', False),
        (b' -0.200000 0.200000 0.100000 0.200000 0.100000 0.900000 -0.200000 0.900000', False),
    ],
)
def test_rows_that_ultralytics_takes_for_damaged_are_known(row: bytes, fine: bool) -> None:
    inside = b' 0.100000 0.100000 0.200000 0.100000 0.200000 0.300000 0.100000 0.300000'
    labels = Labels('obb', 0, [b'0', b'0'], [inside, row])
    assert labels.are_fine(slice(0, 1))
    assert labels.are_fine(slice(1, 2)) == fine


def test_it_can_be_switched_off_and_is_for_one_version_only(
    tmp_path: Path, converter: Converter, monkeypatch: pytest.MonkeyPatch
) -> None:
    four(tmp_path / 'dm')
    monkeypatch.setattr(trainer_cache, 'version', lambda: '1.0.12')
    assert len(caches(converter, tmp_path / 'dm')) == 2
    assert not caches(converter, tmp_path / 'dm', settings={'yolo': {'trainer_cache': False}})
    assert not caches(converter, tmp_path / 'dm', 'classify', settings={'yolo': {'trainer_cache': False}})
    monkeypatch.setattr(trainer_cache, 'version', lambda: '')
    assert not caches(converter, tmp_path / 'dm')
    assert not caches(converter, tmp_path / 'dm', 'classify')


@pytest.mark.parametrize(
    ('source', 'wanted'),
    [('DATASET_CACHE_VERSION = "1.0.11"  # why', '1.0.11'), ('DATASET_CACHE_VERSION = "1.0.3"', ''), ('', '')],
)
def test_the_version_is_that_of_the_installed_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, wanted: str
) -> None:
    package = tmp_path / 'ultralytics'
    (package / 'data').mkdir(parents=True)
    (package / '__init__.py').write_text('raise AssertionError("it must not be imported")')
    (package / 'data' / 'dataset.py').write_text(f'import os\n\n{source}\n')
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'ultralytics', raising=False)
    trainer_cache.version.cache_clear()
    try:
        assert trainer_cache.version() == wanted
    finally:
        trainer_cache.version.cache_clear()


def test_a_cache_that_cannot_be_written_is_a_warning(tmp_path: Path, converter: Converter, wanted: None) -> None:
    four(tmp_path / 'dm')
    made = converter(tmp_path / 'dm', 'dm', 'yolo', target_task='detect')
    (made['path'] / 'labels' / 'train.cache').mkdir()
    converter.context.call_when_published(made['path'])
    (message,) = [one for one in converter.recorder.of('message') if one['code'] == 'when-published']
    assert message['level'] == 'warning'
    assert 'train.cache' in message['text']


def test_in_several_processes_it_is_the_same(pictures: Path, converter: Converter, wanted: None) -> None:
    for number in range(300):
        picture(pictures / 'train', f'more/{number:03}', entry(number % 5))
    found = []
    for workers in (1, 2):
        made = converter(pictures, 'dm', 'yolo', target_task='segment', settings={'yolo': {'workers': workers}})
        (train,) = [cache for name, cache in ours(converter, made).items() if 'train' in name]
        found.append([(label['cls'].tolist(), label['shape']) for label in train['labels']])
    assert len(found[0]) == 314
    assert found[0] == found[1]


def test_a_split_that_does_not_fit_into_memory_has_no_cache(
    pictures: Path, converter: Converter, wanted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        picture(pictures / 'train', f'more/{number:03}', entry(number % 5))
    monkeypatch.setattr(scan, '_MOST_IMAGES', 20)
    made = converter(pictures, 'dm', 'yolo', target_task='segment')
    assert [name.rpartition('/')[2] for name in ours(converter, made)] == ['val.cache']
