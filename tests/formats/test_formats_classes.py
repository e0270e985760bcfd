"""No class is ever wrong: whatever numbers the source gives, in whatever order they come, in how many processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from synapse_hooks.errors import DatasetInvalid
from tests.formats.account_kit import balanced, coco, names, yolo
from tests.formats.coco_kit import content, entry, put
from tests.formats.format_kit import Converter, add_item, box, polygon

GAPS = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
MS_COCO = [number for number in range(1, 91) if number not in GAPS]
"""The category ids of MS-COCO 2017: 80 of the first 90."""
COUNT = 300
"""More images than a batch has, so that two processes share them."""


@pytest.fixture(params=[1, 2])
def settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {'yolo': {'workers': request.param}, 'coco': {'workers': request.param}}


def sparse(root: Path, ids: list[int], *, shuffle: int = 7) -> dict[str, list[str]]:
    """A dataset whose images each have one object of each of three categories; and what labels there must be.

    Names are sorted in another order than ids, and each file lists the categories in an order of its own.
    """
    expected = {}
    for split in ('train', 'valid'):
        images = [f'{number:03}.png' for number in range(COUNT if split == 'train' else 5)]
        rows = []
        for place in range(len(images)):
            chosen = [ids[(place * shuffle + more) % len(ids)] for more in range(3)]
            rows += [entry(place * 3 + n, number, image=place + 1) for n, number in enumerate(chosen, 1)]
            folder = 'train' if split == 'train' else 'val'
            expected[f'{folder}/{place:03}'] = [f'thing {97 - number}' for number in chosen]
        order = ids if split == 'train' else ids[::-1]
        categories = [{'id': number, 'name': f'thing {97 - number}'} for number in order]
        put(root / split / 'annotations.json', content(rows, images, categories=categories))
    return expected


@pytest.mark.parametrize('ids', [MS_COCO, [0, *MS_COCO], [90, 0, 13]], ids=['ms-coco', 'with zero', 'few'])
def test_sparse_ids(tmp_path: Path, converter: Converter, settings: dict[str, Any], ids: list[int]) -> None:
    assert len(MS_COCO) == 80
    expected = sparse(tmp_path / 'coco', ids)
    made = balanced(converter, tmp_path / 'coco', 'coco', 'yolo', settings=settings)
    assert names(yolo(made['path'])) == expected
    config = yaml.safe_load((made['path'] / 'dataset.yaml').read_text())
    assert (config['nc'], list(config['names'])) == (len(ids), list(range(len(ids))))
    assert made['classes'] == [f'thing {97 - number}' for number in sorted(ids)]
    back = converter(made['path'], 'yolo', 'coco', settings=settings)
    renamed = {f'{name.replace("val/", "valid/")}.png': labels for name, labels in expected.items()}
    assert {name: [label for label, _ in rows] for name, rows in coco(back['path']).items()} == renamed


def boxes(*labels: str) -> dict[str, Any]:
    return {'bounding_box': [box(10, 20, 30, 40, label, f'b{n}') for n, label in enumerate(labels)]}


def test_a_class_that_first_appears_late(tmp_path: Path, converter: Converter, settings: dict[str, Any]) -> None:
    """In the last image, and before all others in the alphabet."""
    expected = {}
    for number in range(COUNT):
        labels = ('zebra', 'mule') if number % 2 else ('mule',)
        labels = ('ape', 'zebra') if number == COUNT - 1 else labels
        add_item(tmp_path / 'dm' / 'train', f'{number:03}', boxes(*labels))
        expected[f'train/{number:03}'] = [*labels]
    add_item(tmp_path / 'dm' / 'valid', 'v', boxes('zebra'))
    made = balanced(converter, tmp_path / 'dm', 'dm', 'yolo', settings=settings)
    assert names(yolo(made['path'])) == {**expected, 'val/v': ['zebra']}
    assert made['classes'] == ['ape', 'mule', 'zebra']
    made = balanced(converter, tmp_path / 'dm', 'dm', 'coco', settings=settings)
    assert [label for label, _ in coco(made['path'])[f'train/{COUNT - 1:03}.png']] == ['ape', 'zebra']
    assert [label for label, _ in coco(made['path'])['train/001.png']] == ['zebra', 'mule']


def test_a_class_of_the_last_split_alone(tmp_path: Path, converter: Converter, settings: dict[str, Any]) -> None:
    for number in range(COUNT):
        add_item(tmp_path / 'dm' / 'train', f'{number:03}', boxes('mule'))
    for split, labels in (('valid', ('ape', 'mule')), ('test', ('aardvark',))):
        add_item(tmp_path / 'dm' / split, 'x', boxes(*labels))
    made = balanced(converter, tmp_path / 'dm', 'dm', 'yolo', settings=settings)
    found = names(yolo(made['path']))
    assert (found['val/x'], found['test/x'], found['train/000']) == (['ape', 'mule'], ['aardvark'], ['mule'])
    assert made['classes'] == ['aardvark', 'ape', 'mule']
    made = balanced(converter, tmp_path / 'dm', 'dm', 'coco', settings=settings)
    files = [
        json.loads((made['path'] / split / 'annotations.json').read_bytes()) for split in ('train', 'valid', 'test')
    ]
    assert files[0]['categories'] == files[1]['categories'] == files[2]['categories']
    found = {name: [label for label, _ in rows] for name, rows in coco(made['path']).items()}
    assert (found['valid/x.png'], found['test/x.png']) == (['ape', 'mule'], ['aardvark'])


def test_a_declared_order_is_that_of_every_split(
    tmp_path: Path, converter: Converter, settings: dict[str, Any]
) -> None:
    order = ['zebra', 'gnu', 'ape']
    for number in range(COUNT):
        add_item(tmp_path / 'dm' / 'train', f'{number:03}', boxes('ape' if number < 200 else 'zebra'))
    add_item(tmp_path / 'dm' / 'valid', 'x', boxes('yak', 'zebra', 'ape'))
    made = balanced(converter, tmp_path / 'dm', 'dm', 'yolo', settings=settings, dataset={'classes': order})
    assert made['classes'] == [*order, 'yak']
    rows = (made['path'] / 'labels' / 'val' / 'x.txt').read_text().splitlines()
    assert [row.split()[0] for row in rows] == ['3', '0', '2']
    assert names(yolo(made['path']))['val/x'] == ['yak', 'zebra', 'ape']
    assert names(yolo(made['path']))['train/299'] == ['zebra']


def test_classes_by_folder(tmp_path: Path, converter: Converter, settings: dict[str, Any]) -> None:
    expected = {}
    for split, count in (('train', COUNT), ('valid', 3)):
        for number in range(count):
            label = f'class {(number * 7) % 5}' if number < count - 1 else f'{split} alone'
            row = {'id': 'c', 'classification': label, 'attrs': [], 'data': {}}
            add_item(tmp_path / 'dm' / split, f'{number:03}', {'classification': [row]})
            expected[f'{"val" if split == "valid" else split}/{number:03}.png'] = label
    made = balanced(converter, tmp_path / 'dm', 'dm', 'imagefolder', settings={'imagefolder': settings['yolo']})
    files = [file.relative_to(made['path']).parts for file in made['path'].rglob('*.png')]
    assert {f'{split}/{name}': label for split, label, name in files} == expected
    for split in ('train', 'val'):
        assert sorted(folder.name for folder in (made['path'] / split).iterdir()) == made['classes']


def test_the_task_and_the_joints_show_themselves_late(
    tmp_path: Path, converter: Converter, settings: dict[str, Any]
) -> None:
    """Most annotations are polygons of one image; the last image but one has a joint that no other has."""
    for number in range(COUNT):
        add_item(tmp_path / 'dm' / 'train', f'{number:03}', boxes('mule'))
    many = [polygon([[0, 0], [50, 0], [50, 40]], 'ape', f'p{n}') for n in range(2 * COUNT)]
    add_item(tmp_path / 'dm' / 'train', '001', {'polygon': many})
    add_item(tmp_path / 'dm' / 'valid', 'x', boxes('mule'))
    made = balanced(converter, tmp_path / 'dm', 'dm', 'yolo', settings=settings)
    found = yolo(made['path'])
    assert {len(row) for row in found['train/001']} == {7}
    assert {row[0] for row in found['train/001']} == {'ape'}
    assert found['train/002'] == [('mule', 0.1, 0.25, 0.4, 0.25, 0.4, 0.75, 0.1, 0.75)]

    for number in range(COUNT):
        joints = ['nose', 'left_ear', 'tail'] if number == COUNT - 2 else ['tail', 'nose']
        add_item(tmp_path / 'pose' / 'train', f'{number:03}', skeleton(*joints))
    add_item(tmp_path / 'pose' / 'valid', 'x', skeleton('nose'))
    made = balanced(converter, tmp_path / 'pose', 'dm', 'yolo', settings=settings, target_task='pose')
    config = yaml.safe_load((made['path'] / 'dataset.yaml').read_text())
    assert (config['kpt_shape'], config['kpt_names']) == ([3, 3], {0: ['nose', 'left_ear', 'tail']})
    found = yolo(made['path'])
    assert found['train/000'][0][5:] == (0.11, 0.2625, 2, 0, 0, 0, 0.1, 0.25, 2)
    assert found[f'train/{COUNT - 2}'][0][5:] == (0.1, 0.25, 2, 0.11, 0.2625, 2, 0.12, 0.275, 2)
    assert found['val/x'][0][5:] == (0.1, 0.25, 2, 0, 0, 0, 0, 0, 0)


def skeleton(*joints: str) -> dict[str, Any]:
    common = {'attrs': [], 'visibility': 2, 'group_id': 'g'}
    points = [
        {'id': f'k{n}', 'classification': joint, 'data': [10 + n, 20 + n], **common} for n, joint in enumerate(joints)
    ]
    members = [point['id'] for point in points]
    return {
        'bounding_box': [box(5, 5, 50, 50, 'mule', 'b', group_id='g')],
        'keypoint': points,
        'group': [{'id': 'g', 'classification': 'mule', 'attrs': [], 'data': ['b', *members]}],
    }


def test_a_class_that_only_skeletons_have(tmp_path: Path, converter: Converter, settings: dict[str, Any]) -> None:
    add_item(
        tmp_path / 'dm', 'a', {name: rows for name, rows in skeleton('nose', 'tail').items() if name != 'bounding_box'}
    )
    made = balanced(converter, tmp_path / 'dm', 'dm', 'coco', settings=settings)
    assert [label for label, _ in coco(made['path'])['a.png']] == ['mule']


def test_skeletons_are_found_where_few_images_have_them(
    tmp_path: Path, converter: Converter, settings: dict[str, Any]
) -> None:
    for number in range(COUNT):
        add_item(tmp_path / 'dm' / 'train', f'{number:03}', boxes('mule'))
    add_item(tmp_path / 'dm' / 'valid', 'x', {})
    with pytest.raises(DatasetInvalid, match='not one skeleton'):
        converter(tmp_path / 'dm', 'dm', 'yolo', settings=settings, target_task='pose')
    add_item(tmp_path / 'dm' / 'train', f'{COUNT - 2}', skeleton('nose', 'tail'))
    made = balanced(converter, tmp_path / 'dm', 'dm', 'yolo', settings=settings, target_task='pose')
    found = {name: rows for name, rows in yolo(made['path']).items() if rows}
    assert found == {f'train/{COUNT - 2}': [('mule', 0.3, 0.375, 0.5, 0.625, 0.1, 0.25, 2, 0.11, 0.2625, 2)]}
    assert converter.reasons('dropped') == {('box', 'yolo pose has no place for it'): COUNT - 1}
