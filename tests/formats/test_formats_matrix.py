"""The traps in which other converters of COCO are caught, each through a whole conversion."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.errors import UnreadableItem
from tests.formats.account_kit import balanced, coco, names, yolo
from tests.formats.coco_kit import SQUARE, content, entry, put
from tests.formats.format_kit import Converter

DETECT, SEGMENT = {'target_task': 'detect'}, {'target_task': 'segment'}
SQUARE_ROW = ('car', 0.1, 0.125, 0.3, 0.125, 0.3, 0.375, 0.1, 0.375)
BOX_ROW = ('car', 0.2, 0.25, 0.2, 0.25)
TRACED = 'yolo segment holds polygons: its pixels are traced'


def dataset(root: Path, rows: list[dict[str, Any]], images: list[str] | None = None, **more: Any) -> Path:
    """The same in both splits."""
    for split in ('train', 'valid'):
        put(root / split / 'annotations.json', content(rows, images, **more))
    return root


def counts_of(*pixels: tuple[int, int, int, int], without: tuple[int, int, int, int] = (0, 0, 0, 0)) -> list[int]:
    """Uncompressed counts of rectangles `left, top, right, bottom` less one, in an image of 100 x 80."""
    there = {(x, y) for left, top, right, bottom in pixels for x in range(left, right) for y in range(top, bottom)}
    there -= {(x, y) for x in range(without[0], without[2]) for y in range(without[1], without[3])}
    counts, last = [0], False
    for x in range(100):
        for y in range(80):
            now = (x, y) in there
            if now != last:
                counts.append(0)
                last = now
            counts[-1] += 1
    return counts


def rle(counts: Any) -> dict[str, Any]:
    return {'counts': counts, 'size': [80, 100]}


def compressed(counts: list[int]) -> str:
    """By pycocotools, not by us."""
    mask = pytest.importorskip('pycocotools.mask')
    return str(mask.frPyObjects({'counts': counts, 'size': [80, 100]}, 80, 100)['counts'].decode())


def area_of(row: tuple[Any, ...]) -> float:
    xs, ys = [x * 100 for x in row[1::2]], [y * 80 for y in row[2::2]]
    return abs(sum(xs[n - 1] * ys[n] - xs[n] * ys[n - 1] for n in range(len(xs)))) / 2


@pytest.mark.parametrize('packed', [False, True])
def test_a_crowd_is_no_object(tmp_path: Path, converter: Converter, packed: bool) -> None:
    counts = counts_of((50, 10, 80, 40))
    said = rle(compressed(counts) if packed else counts)
    rows = [entry(1, segmentation=[SQUARE]), entry(2, 2, bbox=[50, 10, 30, 30], segmentation=said, iscrowd=1)]
    root = dataset(tmp_path / 'coco', rows)
    for task, row in ((DETECT, BOX_ROW), (SEGMENT, SQUARE_ROW)):
        made = balanced(converter, root, 'coco', 'yolo', **task)
        assert yolo(made['path']) == {'train/a': [row], 'val/a': [row]}
        assert converter.reasons('dropped') == {('mask', f'yolo {task["target_task"]} has no crowd regions'): 2}
    made = converter(root, 'coco', 'dm')
    back = balanced_masks(converter, made['path'])
    assert [(label, found['iscrowd'], found['area']) for label, found in back] == [('car', 0, 400), ('dog', 1, 900)]


def balanced_masks(converter: Converter, dm: Path) -> list[tuple[str, dict[str, Any]]]:
    return coco(balanced(converter, dm, 'dm', 'coco')['path'])['train/a.png']


def test_an_orphan_costs_itself_alone(tmp_path: Path, converter: Converter) -> None:
    rows = [entry(1), entry(2, image=99), entry(3, 77), entry(4, 2)]
    made = balanced(converter, dataset(tmp_path / 'coco', rows), 'coco', 'yolo')
    assert names(yolo(made['path'])) == {'train/a': ['car', 'dog'], 'val/a': ['car', 'dog']}
    assert converter.reasons('dropped') == {
        ('annotation', 'its image is not in the file'): 2,
        ('annotation', "its category_id 77 is not in the file, which declares 1 ('car'), 2 ('dog')"): 2,
    }


def test_a_box_without_width_costs_itself_alone(tmp_path: Path, converter: Converter) -> None:
    rows = [entry(1, bbox=[10, 10, 0, 20]), entry(2, 2), entry(3, bbox=[90, 70, 40, 40]), entry(4, bbox=[-50, 0, 9, 9])]
    made = balanced(converter, dataset(tmp_path / 'coco', rows), 'coco', 'yolo')
    assert yolo(made['path'])['train/a'] == [('dog', *BOX_ROW[1:]), ('car', 0.95, 0.9375, 0.1, 0.125)]
    assert converter.reasons('converted') == {('box', "cut at the image's edge"): 2}
    assert converter.reasons('dropped') == {('box', 'it has no area'): 2, ('box', 'it lies outside the image'): 2}


def test_an_object_of_several_parts_stays_one(tmp_path: Path, converter: Converter) -> None:
    parts = [SQUARE, [60, 10, 80, 10, 80, 30]]
    root = dataset(tmp_path / 'coco', [entry(1, bbox=[10, 10, 70, 20], segmentation=parts)])
    made = balanced(converter, root, 'coco', 'yolo', **SEGMENT)
    (row,) = yolo(made['path'])['train/a']
    assert row[0] == 'car'
    assert area_of(row) == pytest.approx(400 + 200, abs=0.01)
    reason = 'yolo segment holds simple rings: parts and holes are joined by seams'
    assert converter.reasons('converted') == {('polygon', reason): 2}
    made = balanced(converter, root, 'coco', 'yolo', **DETECT)
    assert yolo(made['path'])['train/a'] == [('car', 0.45, 0.25, 0.7, 0.25)]


@pytest.mark.parametrize('packed', [False, True])
def test_the_hole_of_a_mask_stays_one(tmp_path: Path, converter: Converter, packed: bool) -> None:
    counts = counts_of((10, 10, 50, 50), (60, 10, 70, 20), without=(20, 20, 30, 30))
    said = rle(compressed(counts) if packed else counts)
    root = dataset(tmp_path / 'coco', [entry(1, bbox=[10, 10, 60, 40], segmentation=said)])
    made = balanced(converter, root, 'coco', 'yolo', **SEGMENT)
    (row,) = yolo(made['path'])['train/a']
    assert area_of(row) == pytest.approx(1600 - 100 + 100, abs=0.01)
    assert converter.reasons('converted') == {('mask', TRACED): 2}


def test_equal_annotations_are_as_many_as_there_are(tmp_path: Path, converter: Converter) -> None:
    rows = [entry(1), entry(2), entry(2, segmentation=[SQUARE]), entry(3, segmentation=[SQUARE])]
    root = dataset(tmp_path / 'coco', rows)
    made = balanced(converter, root, 'coco', 'yolo', **DETECT)
    assert yolo(made['path'])['train/a'] == [BOX_ROW] * 4
    made = balanced(converter, root, 'coco', 'yolo', **SEGMENT)
    assert yolo(made['path'])['train/a'] == [SQUARE_ROW] * 4


def test_one_name_in_two_folders(tmp_path: Path, converter: Converter) -> None:
    rows = [entry(1, 1, image=1), entry(2, 2, image=2)]
    made = balanced(converter, dataset(tmp_path / 'coco', rows, ['a/1.png', 'b/1.png']), 'coco', 'yolo')
    assert names(yolo(made['path'])) == {
        f'{split}/{folder}/1': [label] for split in ('train', 'val') for folder, label in (('a', 'car'), ('b', 'dog'))
    }


def test_a_box_among_polygons_becomes_a_row_like_theirs(tmp_path: Path, converter: Converter) -> None:
    made = balanced(
        converter, dataset(tmp_path / 'coco', [entry(1), entry(2, 2, segmentation=[SQUARE])]), 'coco', 'yolo', **SEGMENT
    )
    assert yolo(made['path'])['train/a'] == [SQUARE_ROW, ('dog', *SQUARE_ROW[1:])]
    assert converter.reasons('converted') == {('box', 'yolo segment holds polygons: its four corners'): 2}


def test_an_image_without_annotations_has_an_empty_label_file(tmp_path: Path, converter: Converter) -> None:
    made = balanced(converter, dataset(tmp_path / 'coco', [entry(1)], ['a.png', 'b.png']), 'coco', 'yolo')
    assert yolo(made['path']) == {'train/a': [BOX_ROW], 'train/b': [], 'val/a': [BOX_ROW], 'val/b': []}
    assert made['splits'] == {'train': 2, 'valid': 2}


def test_nothing_is_half_written_where_an_image_is_missing(tmp_path: Path, converter: Converter) -> None:
    root = dataset(tmp_path / 'coco', [entry(1), entry(2, 2, image=2)], ['a.png', 'b.png'])
    (root / 'train' / 'b.png').unlink()
    with pytest.raises(UnreadableItem, match=r'b\.png is missing'):
        converter(root, 'coco', 'yolo')
    made = converter(root, 'coco', 'yolo', unreadable='skip')
    assert names(yolo(made['path'])) == {'train/a': ['car'], 'val/a': ['car'], 'val/b': ['dog']}


@pytest.mark.parametrize('said', [['car', 'dog'], {0: 'car', 1: 'dog'}, {'1': 'dog', '0': 'car'}])
def test_names_as_list_or_mapping_mean_the_same_classes(tmp_path: Path, converter: Converter, said: Any) -> None:
    root = balanced(converter, dataset(tmp_path / 'coco', [entry(1), entry(2, 2)]), 'coco', 'yolo')['path']
    config = f'train: images/train\nval: images/val\nnames: {json.dumps(said)}\n'.replace('"0"', '0').replace(
        '"1"', '1'
    )
    (root / 'dataset.yaml').write_text(config)
    (root / 'labels' / 'val' / 'a.txt').unlink()
    back = coco(converter(root, 'yolo', 'coco')['path'])
    assert {name: [label for label, _ in rows] for name, rows in back.items()} == {
        'train/a.png': ['car', 'dog'],
        'valid/a.png': [],
    }


def test_rows_of_boxes_and_polygons_in_one_file_are_each_read_for_what_they_are(
    tmp_path: Path, converter: Converter
) -> None:
    root = balanced(converter, dataset(tmp_path / 'coco', [entry(1)]), 'coco', 'yolo')['path']
    (root / 'labels' / 'train' / 'a.txt').write_text('0 0.5 0.5 0.2 0.5\n1 0 0 1 0 1 1\n')
    found = coco(converter(root, 'yolo', 'coco')['path'])['train/a.png']
    assert [(label, each['bbox'], each['segmentation']) for label, each in found] == [
        ('car', [40, 20, 20, 40], []),
        ('dog', [0, 0, 100, 80], [[0, 0, 100, 0, 100, 80]]),
    ]
