"""Which task a YOLO dataset is written for, and what that decides: rows, classes, joints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from synapse_hooks.errors import DatasetInvalid, ParamsError
from tests.formats.format_kit import Converter, add_item, box, polygon, tree

TASKS = 'detect, segment, pose, obb, classify'
BOX = box(10, 20, 30, 40, 'car')
POLYGON = polygon([[10, 10], [50, 10], [50, 40]], 'car')
MASK = {'id': 'm1', 'classification': 'car', 'attrs': [], 'data': [[1010, 20], [1110, 20]], 'encoding': 'dm_rle'}
TURNED = {**box(30, 30, 30, 20, 'car'), 'attrs': [{'name': 'rotation', 'value': 0.3}]}
WHOLE = {'id': 'c1', 'classification': 'sunny', 'attrs': [], 'data': {}}


def joint(name: str, x: float, y: float, group: str = 'g1') -> dict[str, Any]:
    row = {'id': f'{group}-{name}', 'classification': name, 'attrs': [], 'data': [x, y], 'visibility': 2}
    return {**row, 'group_id': group}


JOINTS = [joint('head', 20, 20), joint('tail', 40, 30)]
GROUP = {'id': 'g1', 'classification': 'dog', 'attrs': [], 'data': ['g1-head', 'g1-tail']}
POSE = {'keypoint': JOINTS, 'group': [GROUP]}


def put(root: Path, entry: dict[str, Any]) -> Path:
    for split in ('train', 'valid'):
        add_item(root / split, 'a', entry)
    return root


def task_of(root: Path) -> Any:
    return yaml.safe_load((root / 'dataset.yaml').read_text())['task']


@pytest.mark.parametrize(
    ('entry', 'task'),
    [
        ({'bounding_box': [BOX, BOX], 'polygon': [POLYGON]}, 'detect'),
        ({'bounding_box': [BOX], 'polygon': [POLYGON], 'segmentation': [MASK]}, 'segment'),
        ({'bounding_box': [TURNED, TURNED, BOX]}, 'obb'),
        (POSE, 'pose'),
        ({'bounding_box': [BOX], 'classification': [WHOLE, WHOLE, WHOLE]}, 'detect'),
    ],
)
def test_the_task_is_that_of_most_objects(tmp_path: Path, converter: Converter, entry: Any, task: str) -> None:
    assert task_of(converter(put(tmp_path / 'dm', entry), 'dm', 'yolo')['path']) == task


def test_where_there_are_no_objects_it_is_classify(tmp_path: Path, converter: Converter) -> None:
    made = converter(put(tmp_path / 'dm', {'classification': [WHOLE]}), 'dm', 'yolo')
    assert tree(made['path']).keys() == {'train/sunny/a.png', 'val/sunny/a.png'}
    assert made['classes'] == ['sunny']


def test_an_unknown_task_is_met_with_all_there_are(tmp_path: Path, converter: Converter) -> None:
    with pytest.raises(ParamsError, match=f'labels are written for {TASKS}, not') as caught:
        converter(put(tmp_path / 'dm', {'bounding_box': [BOX]}), 'dm', 'yolo', target_task='panoptic')
    assert caught.value.field == 'target_task'


def test_the_classes_are_those_of_the_task_that_is_asked_for(tmp_path: Path, converter: Converter) -> None:
    data = put(tmp_path / 'dm', {'bounding_box': [BOX, BOX], 'classification': [WHOLE]})
    made = converter(data, 'dm', 'yolo', target_task='classify')
    assert made['classes'] == ['sunny']
    assert tree(made['path']).keys() == {'train/sunny/a.png', 'val/sunny/a.png'}
    assert converter(data, 'dm', 'yolo', target_task='detect')['classes'] == ['car']


def test_a_skeleton_that_nobody_saw_beforehand_is_written(tmp_path: Path, converter: Converter) -> None:
    root = put(tmp_path / 'dm', {'bounding_box': [BOX]})
    for number in range(400):
        add_item(root / 'train', f'{number:03}', POSE if number == 150 else {})
    made = converter(root, 'dm', 'yolo', target_task='pose')
    said = yaml.safe_load(made['config_path'].read_text())
    assert (said['kpt_shape'], said['kpt_names']) == ([2, 3], {1: ['head', 'tail']})
    assert made['classes'] == ['car', 'dog']
    row = (made['path'] / 'labels' / 'train' / '150.txt').read_text()
    assert row == '1 0.300000 0.312500 0.200000 0.125000 0.200000 0.250000 2 0.400000 0.375000 2\n'


def test_a_pose_dataset_needs_a_skeleton(tmp_path: Path, converter: Converter) -> None:
    with pytest.raises(DatasetInvalid, match='not one skeleton'):
        converter(put(tmp_path / 'dm', {'bounding_box': [BOX]}), 'dm', 'yolo', target_task='pose')


@pytest.mark.parametrize('task', ['detect', 'segment', 'obb'])
def test_nothing_but_shapes_at_the_edge(tmp_path: Path, converter: Converter, task: str) -> None:
    over = polygon([[90, 0], [110, 0], [110, 20], [90, 20]])
    data = put(tmp_path / 'dm', {'bounding_box': [box(90, 70, 40, 40)], 'polygon': [over]})
    made = converter(data, 'dm', 'yolo', target_task=task)
    assert len((made['path'] / 'labels' / 'train' / 'a.txt').read_text().splitlines()) == 2
