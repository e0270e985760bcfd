"""Rows that count pixels: a dataset of them is read, and one among shares is an error that says what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from synapse_hooks.data import Box, Keypoints, Polygon, Sample
from synapse_hooks.errors import UnreadableItem
from synapse_hooks.formats import FormatReader
from synapse_hooks.formats.yolo.pixels import IN_PIXELS, READ_IN_PIXELS
from tests.formats.format_kit import Converter, builtin, png

Losses = dict[tuple[str, str], int]


def dataset(root: Path, *labels: str, more: str = '') -> Path:
    """Images of 100 x 80 pixels, and their label files."""
    for number, rows in enumerate(labels):
        split = 'train' if number % 2 == 0 else 'val'
        for folder in ('images', 'labels'):
            (root / folder / split).mkdir(parents=True, exist_ok=True)
        (root / 'images' / split / f'{number}.png').write_bytes(png(100, 80))
        (root / 'labels' / split / f'{number}.txt').write_text(rows)
    (root / 'dataset.yaml').write_text(f'train: images/train\nval: images/val\nnames: [car, dog]\n{more}')
    return root


def read(root: Path) -> tuple[list[Sample], Losses, FormatReader]:
    reader = FormatReader(builtin('yolo'), {'path': root, 'format': 'yolo'})
    reader.tolerance = 'skip'
    samples = list(reader)
    return samples, {(loss.fate, loss.reason): loss.count for loss in reader.report.losses.values()}, reader


@pytest.mark.parametrize('task', ['', 'task: detect\n'])
def test_a_dataset_in_pixels_is_read_and_reported(tmp_path: Path, converter: Converter, task: str) -> None:
    root = dataset(tmp_path / 'in', '0 50 40 20 20\n1 10.5 10 20 20\n', '', '1 50 40 100 80 0.9\n', more=task)
    samples, told, reader = read(root)
    boxes = [[one.x, one.y, one.w, one.h] for sample in samples for one in sample.annotations if isinstance(one, Box)]
    assert boxes == [[40, 30, 20, 20], [0.5, 0, 20, 20], [0, 0, 100, 80]]
    assert told == {('repaired', READ_IN_PIXELS): 3}
    assert reader.report.to_dict()['repaired'][0]['examples'][0] == {'file': '0', 'id': '1'}
    converter(root, 'yolo', 'coco')
    assert converter.losses['written'] == {'box': 3}
    assert converter.reasons('repaired') == {('annotation', READ_IN_PIXELS): 3}


def test_so_are_polygons_and_skeletons(tmp_path: Path) -> None:
    rows = '0 10 10 60 10 60 70\n'
    (polygon,) = read(dataset(tmp_path / 'polygons', rows, rows))[0][0].annotations
    assert isinstance(polygon, Polygon)
    assert polygon.rings == [[(10, 10), (60, 10), (60, 70)]]
    pose = '0 50 40 20 20 45 35 2 0 0 0\n'
    (skeleton,) = read(dataset(tmp_path / 'poses', pose, pose, more='kpt_shape: [2, 3]\n'))[0][0].annotations
    assert isinstance(skeleton, Keypoints)
    assert skeleton.box == (40, 30, 20, 20)
    assert [tuple(joint) for joint in skeleton.points] == [(45, 35, 2), (0, 0, 0)]


@pytest.mark.parametrize(
    'other',
    ['1 0.5 0.5 0.2 0.2\n', '1 90 40 40 20\n', '1 50 40 -20 20\n', '1 500 400 20 20\n'],
    ids=['shares', 'beyond the edge', 'negative', 'outside'],
)
def test_without_a_proof_it_is_an_error_that_says_what_it_is(tmp_path: Path, other: str) -> None:
    root = dataset(tmp_path, '0 50 40 20 20\n', other)
    samples, told, reader = read(root)
    assert ('repaired', READ_IN_PIXELS) not in told
    assert reader.report.unreadable_count
    first = reader.report.unreadable_items[0]
    assert first['file'].endswith('0.txt')
    assert f'line 1: {IN_PIXELS}' in first['reason']
    assert '0' not in [sample.id for sample in samples]


def test_one_row_in_pixels_among_shares_is_named_with_a_way_out(tmp_path: Path, converter: Converter) -> None:
    root = dataset(tmp_path / 'in', '0 0.5 0.5 0.2 0.2\n', '0 0.5 0.5 0.2 0.2\n0 50 40 20 20\n')
    with pytest.raises(UnreadableItem, match=r'1\.txt, line 2: the numbers are pixels, not shares') as caught:
        converter(root, 'yolo', 'coco')
    assert 'divide x and width' in caught.value.hint
    assert '--unreadable skip' in caught.value.hint
    converter(root, 'yolo', 'coco', unreadable='skip')
    assert converter.losses['unreadable']['count'] == 1


@pytest.mark.parametrize(
    'row', ['0 0.5 0.5 1.2 1.1', '0 1.2 0.5 0.9 0.2', '0 0.5 0.5 3 3', '0 0 0 1 0 1 1 0 1', '0 1 1 2 2', '0 -4 -4 9 9']
)
def test_shares_that_reach_out_of_their_image_stay_shares(tmp_path: Path, row: str) -> None:
    samples, told, reader = read(dataset(tmp_path, f'{row}\n', f'{row}\n'))
    assert len(samples) == 2
    assert not reader.report.unreadable_count
    assert ('repaired', READ_IN_PIXELS) not in told


def test_the_name_of_a_class_in_place_of_its_number(tmp_path: Path, converter: Converter) -> None:
    with pytest.raises(UnreadableItem, match="must begin with the number of its class, not with 'car'") as caught:
        converter(dataset(tmp_path / 'in', 'car 0.5 0.5 0.2 0.2\n', ''), 'yolo', 'coco')
    assert '`names`' in caught.value.hint
