"""Ultralytics itself reads what we write: every label, from any working directory, after a move."""

from __future__ import annotations

from pathlib import Path

import pytest

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
