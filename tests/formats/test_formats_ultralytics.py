"""Ultralytics itself reads what we write: every label, from any working directory, after a move. And trains on it."""

from __future__ import annotations

import csv
import math
import socket
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.context import Dataset
from synapse_hooks.testing import png
from tests.formats.format_kit import Converter, add_item, box, polygon

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize('task', ['detect', 'segment'])
def test_ultralytics_reads_every_label(
    tmp_path: Path, converter: Converter, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    monkeypatch.setenv('YOLO_OFFLINE', '1')
    monkeypatch.setenv('YOLO_CONFIG_DIR', str(tmp_path / 'settings'))
    pytest.importorskip('ultralytics')
    image = pytest.importorskip('PIL.Image')
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    entry = {
        'bounding_box': [box(10, 20, 30, 40, 'zebra'), box(-0.5, 0, 100.9, 80, 'car', 'b2')],
        'polygon': [polygon([[0, 0], [50, 0], [50, 90]], 'ape')],
    }
    for split in ('train', 'valid'):
        for stem in ('images/0001', '사람', 'a.b'):
            add_item(tmp_path / 'dm' / split, stem, entry)
            image.new('RGB', (100, 80)).save(tmp_path / 'dm' / split / 'original_files' / f'{stem}.png')
        add_item(tmp_path / 'dm' / split, 'background', {})
        image.new('RGB', (100, 80)).save(tmp_path / 'dm' / split / 'original_files' / 'background.png')
    made = converter(tmp_path / 'dm', 'dm', 'yolo', target_task=task)
    moved = tmp_path / 'images' / 'moved'
    moved.parent.mkdir()
    made['path'].rename(moved)
    monkeypatch.chdir(tmp_path)

    for config in (str(moved / 'dataset.yaml'), 'images/moved/dataset.yaml'):
        data = check_det_dataset(config, autodownload=False)
        assert data['names'] == {0: 'ape', 1: 'car', 2: 'zebra'}
        for split in ('train', 'val'):
            dataset = YOLODataset(img_path=data[split], data=data, task=task, augment=False, imgsz=64)
            assert len(dataset.labels) == 4
            assert [len(label['cls']) for label in dataset.labels] == [3, 0, 3, 3]
            for label in dataset.labels:
                if len(label['cls']):
                    assert label['cls'].ravel().tolist() == [2, 1, 0]
                    assert len(label['segments']) == (3 if task == 'segment' else 0)
                    assert label['bboxes'][0].tolist() == pytest.approx([0.25, 0.5, 0.3, 0.5], abs=1e-6)


# -- training ----------------------------------------------------------------------------------------------------

QUICK = {
    'epochs': 1,
    'imgsz': 64,
    'batch': 4,
    'workers': 0,
    'device': 'cpu',
    'pretrained': False,
    'amp': False,
    'plots': False,
    'verbose': False,
}
JOINTS = ('nose', 'left_ear', 'right_ear', 'tail')


def entry(number: int) -> dict[str, Any]:
    """One object of everything that a task is trained on; it touches the edge of the image in some."""
    left, top = number * 4, 20
    turn = [{'name': 'rotation', 'value': 0.3 * number}]
    ring = [[left, top], [left + 24, top], [left + 24, top + 24], [left + 8, top + 30]]
    joints = [
        {'id': f'k{place}', 'classification': name, 'attrs': [], 'data': [left + 4 * place, top + 3 * place]}
        | {'visibility': place % 3, 'group_id': 'g'}
        for place, name in enumerate(JOINTS, 1)
    ]
    label = ('zebra', 'ape')[number % 2]
    whole = {'id': 'c', 'classification': label, 'attrs': [], 'data': {}}
    return {
        'bounding_box': [
            box(left, top, 24, 24, label, 'b', group_id='g'),
            box(left, 8, 30, 10, label, 't', attrs=turn),
        ],
        'polygon': [polygon(ring, label)],
        'keypoint': joints,
        'group': [{'id': 'g', 'classification': label, 'attrs': [], 'data': ['b', *(one['id'] for one in joints)]}],
        'classification': [whole],
    }


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Eight images to train with and four to validate with, of 64 x 64; the last one has nothing on it but a class."""
    root = tmp_path / 'dm'
    for split, count in (('train', 8), ('valid', 4)):
        for number in range(count):
            said = entry(number)
            add_item(
                root / split,
                f'{number}',
                said if number < 3 or split == 'train' else {'classification': said['classification']},
            )
            left = number * 4
            painted = png(64, 64, [(left, 20, 24, 24, (200, 40 * (number % 2), 40))], (90, 90, 90 + number))
            (root / split / 'original_files' / f'{number}.png').write_bytes(painted)
    return root


def trained(made: Dataset, model: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The trainer, after one epoch; without any network."""

    def refused(self: socket.socket, address: Any) -> None:
        raise OSError(f'no network in tests: {address}')

    monkeypatch.setattr(socket.socket, 'connect', refused)
    ultralytics = pytest.importorskip('ultralytics')
    yolo = ultralytics.YOLO(model)
    yolo.train(data=str(made['config_path'] or made['path']), project=str(folder), name='run', **QUICK)
    (epoch,) = csv.DictReader((folder / 'run' / 'results.csv').read_text().splitlines())
    losses = {name: float(value) for name, value in epoch.items() if 'loss' in name}
    assert losses
    assert all(map(math.isfinite, losses.values())), losses
    return yolo.trainer


ROWS = {'detect': 3, 'segment': 3, 'obb': 3, 'pose': 1}
SUFFIX = {'detect': '', 'segment': '-seg', 'obb': '-obb', 'pose': '-pose'}


@pytest.mark.parametrize('task', ROWS)
def test_ultralytics_trains_on_every_task(
    pictures: Path, tmp_path: Path, converter: Converter, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    numpy = pytest.importorskip('numpy')
    made = converter(pictures, 'dm', 'yolo', target_task=task)
    trainer = trained(made, f'yolo11n{SUFFIX[task]}.yaml', tmp_path, monkeypatch)
    for loader, split, counts in (
        (trainer.train_loader, 'train', [ROWS[task]] * 8),
        (trainer.test_loader, 'val', [ROWS[task]] * 3 + [0]),
    ):
        assert [len(label['cls']) for label in loader.dataset.labels] == counts
        cache = numpy.load(made['path'] / 'labels' / f'{split}.cache', allow_pickle=True).item()
        # Found, missing, empty, corrupt, all; and what it had to say.
        assert cache['results'] == (len(counts), 0, counts.count(0), 0, len(counts))
        assert cache['msgs'] == []
        names = [trainer.data['names'][int(label['cls'][0, 0])] for label in loader.dataset.labels if len(label['cls'])]
        assert names == [('zebra', 'ape')[number % 2] for number in range(len(names))]
    if task == 'pose':
        assert trainer.data['flip_idx'] == [0, 2, 1, 3]
        assert trainer.data['kpt_shape'] == trainer.model.kpt_shape == [4, 3]
        points = trainer.train_loader.dataset.labels[0]['keypoints'][0] * (64, 64, 1)
        wanted = [[4 * n, 20 + 3 * n, n % 3] if n % 3 else [0, 0, 0] for n in range(1, 5)]
        assert points.tolist() == [pytest.approx(point, abs=1e-3) for point in wanted]


def test_ultralytics_trains_on_image_folders(
    pictures: Path, tmp_path: Path, converter: Converter, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = converter(pictures, 'dm', 'yolo', target_task='classify')
    trainer = trained(made, 'yolo11n-cls.yaml', tmp_path, monkeypatch)
    assert trainer.data['names'] == {0: 'ape', 1: 'zebra'}
    assert [number for _, number, *_ in trainer.train_loader.dataset.samples] == [0] * 4 + [1] * 4
    assert len(trainer.test_loader.dataset.samples) == 4
