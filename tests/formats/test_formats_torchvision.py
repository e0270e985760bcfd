"""Torchvision and ultralytics read the image folders that we write, with the same classes, and we read theirs."""

from __future__ import annotations

from pathlib import Path

import pytest

from synapse_hooks.formats.imagefolder import ImageFolderFormat
from tests.formats.format_kit import Converter, add_item, info_of, read_all

pytestmark = pytest.mark.e2e

LABELS = ('Zebra', 'ape', 'big cat', '고양이', 'a/b')


@pytest.fixture
def made(tmp_path: Path, converter: Converter) -> Path:
    """An image folder; the class `ape` has no image to validate with."""
    image = pytest.importorskip('PIL.Image')
    for split in ('train', 'valid', 'test'):
        for number, label in enumerate(LABELS):
            if (split, label) != ('valid', 'ape'):
                row = {'id': 'c', 'classification': label, 'attrs': [], 'data': {}}
                add_item(tmp_path / 'dm' / split, f'images/{number}', {'classification': [row]}, suffix='.PNG')
                file = tmp_path / 'dm' / split / 'original_files' / 'images' / f'{number}.PNG'
                image.new('RGB', (32, 32), (number * 40, 0, 0)).save(file)
    return converter(tmp_path / 'dm', 'dm', 'imagefolder')['path']


def test_torchvision_numbers_the_classes_as_we_do(made: Path) -> None:
    datasets = pytest.importorskip('torchvision.datasets')
    samples, _ = read_all(ImageFolderFormat(), made)
    of_image = {str(sample.image): sample.annotations[0].label for sample in samples}
    names = info_of(ImageFolderFormat(), made).classes
    assert names is not None
    assert set(names) == set(LABELS)
    read = {}
    for split in ('train', 'val', 'test'):
        dataset = datasets.ImageFolder(str(made / split), allow_empty=True)
        read.update({file: names[number] for file, number in dataset.samples})
        assert dataset[0][0].size == (32, 32)
    assert read == of_image
    assert len(read) == 14
    with pytest.raises(FileNotFoundError, match='ape'):
        datasets.ImageFolder(str(made / 'val'))


def test_ultralytics_finds_splits_and_classes(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('YOLO_OFFLINE', '1')
    monkeypatch.setenv('YOLO_CONFIG_DIR', str(tmp_path / 'settings'))
    pytest.importorskip('ultralytics')
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import ClassificationDataset
    from ultralytics.data.utils import check_cls_dataset

    found = check_cls_dataset(made)
    assert {split: found[split] for split in ('train', 'val', 'test')} == {
        split: made / split for split in ('train', 'val', 'test')
    }
    folders = sorted({path.name for path in made.glob('*/*') if path.is_dir()})
    assert found['names'] == dict(enumerate(folders))
    numbers = {}
    for split in ('train', 'val', 'test'):
        dataset = ClassificationDataset(str(found[split]), args=get_cfg(overrides={'imgsz': 32}), prefix=split)
        numbers[split] = [folders[number] for _, number, *_ in dataset.samples]
    assert numbers == {
        'train': folders,
        'val': [folder for folder in folders if folder != 'ape'],
        'test': folders,
    }
