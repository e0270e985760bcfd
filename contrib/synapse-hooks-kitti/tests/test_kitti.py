"""Reading and writing KITTI, through the hooks that synapse-hooks calls."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar

import pytest
from synapse_hooks_kitti import KittiFormat

from synapse_hooks.data import Box, DatasetInfo, LossReport, Polygon, Sample, Unreadable
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats import Format
from synapse_hooks.testing import FormatConformance, check_distribution, convert_dataset, png

FORMAT = KittiFormat()
CAR = 'Car 0.00 0 1.55 10.00 20.00 40.50 60.00 1.50 1.60 3.90 -2.20 1.55 20.10 1.44'
IGNORED = 'DontCare -1 -1 -10 1.00 2.00 9.00 8.00 -1 -1 -1 -1000 -1000 -1000 -10'


class TestKitti(FormatConformance):
    format: ClassVar[Format] = FORMAT


def put(root: Path, id: str, *lines: str, folder: str = 'training', labels: bool = True) -> None:
    image = root / folder / 'image_2' / f'{id}.png'
    image.parent.mkdir(parents=True, exist_ok=True)
    image.write_bytes(png(100, 80))
    if labels:
        file = root / folder / 'label_2' / f'{id}.txt'
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(''.join(f'{line}\n' for line in lines))


def put_lists(root: Path, **lists: str) -> None:
    (root / 'ImageSets').mkdir(exist_ok=True)
    for name, ids in lists.items():
        (root / 'ImageSets' / f'{name}.txt').write_text('\n'.join(ids.split()))


def read(root: Path) -> tuple[list[Sample], LossReport]:
    report = LossReport()
    return list(FORMAT.bound(report=report, unreadable=Unreadable('skip', report)).read(root)), report


def write(out: Path, *annotations: Any) -> tuple[str, LossReport]:
    image = out.parent / 'image.png'
    image.write_bytes(png(100, 80))
    report = LossReport()
    sample = Sample('a', image=image, width=100, height=80, annotations=[*annotations])
    FORMAT.bound(report=report).write(iter([sample]), DatasetInfo(), out)
    return (out / 'training' / 'label_2' / 'a.txt').read_text(), report


def dropped(report: LossReport) -> dict[str, int]:
    return {loss.reason: loss.count for loss in report.losses.values() if loss.fate == 'dropped'}


def test_a_line_is_a_box_with_what_it_says_of_the_object_in_space(tmp_path: Path) -> None:
    put(tmp_path, '000000', CAR, IGNORED, f'{CAR} 0.75')
    (sample,), report = read(tmp_path)
    space = {
        'truncated': 0.0,
        'occluded': 0,
        'alpha': 1.55,
        'dimensions': [1.5, 1.6, 3.9],
        'location': [-2.2, 1.55, 20.1],
        'rotation_y': 1.44,
    }
    assert sample.annotations == [
        Box(10, 20, 30.5, 40, id='1', label='Car', attributes=space),
        Box(1, 2, 8, 6, id='2', label='DontCare', attributes={'iscrowd': True}),
        Box(10, 20, 30.5, 40, id='3', label='Car', attributes={**space, 'score': 0.75}),
    ]
    assert (sample.id, sample.split) == ('000000', None)
    assert report.lossless


@pytest.mark.parametrize('target', ['dm', 'coco'])
def test_every_field_comes_back_through_another_format(tmp_path: Path, target: str) -> None:
    put(tmp_path / 'in', '000000', CAR, IGNORED, f'{CAR} 0.75')
    there = convert_dataset({'path': tmp_path / 'in', 'format': 'kitti'}, target, tmp_path / 'there', FORMAT)
    back = convert_dataset(there.dataset, 'kitti', tmp_path / 'back', FORMAT)
    files = [tmp_path / folder / 'training' / 'label_2' / '000000.txt' for folder in ('in', 'back')]
    before, after = [[line.split() for line in file.read_text().splitlines()] for file in files]
    assert after == before
    assert not back.losses['converted']
    assert not back.losses['dropped']
    assert not back.losses['attributes']


def test_regions_to_ignore_are_no_objects_of_a_trainer(tmp_path: Path) -> None:
    for id in ('000000', '000001'):
        put(tmp_path / 'in', id, CAR, *[IGNORED] * (id == '000000'))
    put_lists(tmp_path / 'in', train='000000', val='000001')
    made = convert_dataset({'path': tmp_path / 'in', 'format': 'kitti'}, 'yolo', tmp_path / 'out', FORMAT)
    assert made.losses['written'] == {'box': 2}
    assert [loss['count'] for loss in made.losses['dropped']] == [1]


def test_lists_divide_the_training_folder_and_testing_is_published_without_labels(tmp_path: Path) -> None:
    for id in ('000000', '000001', '000002'):
        put(tmp_path, id, CAR)
        put(tmp_path, id, folder='testing', labels=False)
    put_lists(tmp_path, train='000001', val='000000', trainval='000000 000001', test='000000 000001 000002')
    samples, report = read(tmp_path)
    assert [(sample.id, sample.split) for sample in samples] == [('000001', 'train'), ('000000', 'valid')]
    assert dropped(report) == {'it is in no list of ImageSets': 1, 'there is no label file for it': 3}


def test_testing_with_labels_is_the_test_split(tmp_path: Path) -> None:
    put(tmp_path, '000000', CAR)
    put(tmp_path, '000000', CAR, folder='testing')
    samples, _ = read(tmp_path)
    assert [(sample.split, sample.image and sample.image.parts[-3]) for sample in samples] == [
        ('train', 'training'),
        ('test', 'testing'),
    ]


@pytest.mark.parametrize(
    ('test', 'expected'), [('000002', ['train', 'valid', 'test']), ('000001 000002', ['train', 'valid'])]
)
def test_a_list_of_tests_without_a_folder_for_them(tmp_path: Path, test: str, expected: list[str]) -> None:
    """It is about the training folder, unless it has images in it that others have: then it is that of KITTI."""
    for id in ('000000', '000001', '000002'):
        put(tmp_path, id, CAR)
    put_lists(tmp_path, train='000000', val='000001', test=test)
    assert [sample.split for sample in read(tmp_path)[0]] == expected


def test_the_folder_of_one_split_is_a_dataset(tmp_path: Path) -> None:
    put(tmp_path, '000000', CAR)
    assert FORMAT.recognise(tmp_path)
    assert FORMAT.recognise(tmp_path / 'training')
    assert [sample.id for sample in read(tmp_path / 'training')[0]] == ['000000']
    assert not FORMAT.recognise(tmp_path / 'training' / 'label_2')


def test_what_is_not_read_is_counted(tmp_path: Path) -> None:
    put(tmp_path, '000000', CAR)
    for name in ('calib/000000.txt', 'velodyne/000000.bin'):
        (tmp_path / 'training' / name).parent.mkdir()
        (tmp_path / 'training' / name).write_text('P0: 1')
    assert dropped(read(tmp_path)[1]) == {'calibrations are not read': 1, 'point clouds are not read': 1}


def test_train_and_val_share_a_folder_and_names_stay_apart(tmp_path: Path) -> None:
    (tmp_path / 'a.png').write_bytes(png(100, 80))
    splits = ('train', 'valid', 'test')
    samples = [Sample('a', image=tmp_path / 'a.png', width=100, height=80, split=split) for split in splits]
    FORMAT.write(iter(samples), DatasetInfo(), tmp_path / 'out')
    found = [(sample.id, sample.split) for sample in read(tmp_path / 'out')[0]]
    assert found == [('a', 'train'), ('a_val', 'valid'), ('a', 'test')]
    assert (tmp_path / 'out' / 'ImageSets' / 'trainval.txt').read_text() == 'a\na_val\n'


def test_what_kitti_cannot_say_is_counted(tmp_path: Path) -> None:
    text, report = write(
        tmp_path / 'out',
        Box(1, 1, 9, 9, label='big dog', attributes={'occluded': True, 'truncated': False, 'colour': 'red'}),
        Box(1, 1, 9, 9, label='cat', attributes={'iscrowd': True}),
        Box(1, 1, 9, 9, label='DontCare', attributes={'location': [1, 2], 'score': True, 'occluded': 7}),
        Polygon.simple([(0, 0), (50, 0), (50, 40)], label='cat'),
    )
    assert [line.split()[:3] for line in text.splitlines()] == [
        ['big%20dog', '-1', '3'],
        ['DontCare', '-1', '-1'],
        ['DontCare', '-1', '-1'],
        ['cat', '-1', '-1'],
    ]
    assert report.attributes == {'occluded': 2, 'truncated': 1, 'colour': 1, 'location': 1, 'score': 1}
    assert sorted((loss.kind, loss.reason[:24]) for loss in report.losses.values()) == [
        ('box', 'a region to ignore (Dont'),
        ('box', 'kitti ignores what is ca'),
        ('polygon', 'kitti holds boxes: its e'),
    ]
    assert [box.label for box in read(tmp_path / 'out')[0][0].annotations] == ['big dog', 'DontCare', 'DontCare', 'cat']


@pytest.mark.parametrize(
    ('line', 'message'),
    [
        ('Car 0 0', 'expected 15 fields, or 16 with a score, got 3'),
        (CAR.replace('40.50', '4O.50'), "could not convert string to float: '4O.50'"),
        (CAR.replace('40.50', 'inf'), 'expected finite numbers'),
        (f'{CAR} 1 2', 'got 17'),
        ('9' * 5000, 'got 1'),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, message: str) -> None:
    put(tmp_path, '000000', CAR, line)
    with pytest.raises(UnreadableItem, match=r'000000\.txt, line 2: ') as caught:
        list(FORMAT.read(tmp_path))
    assert message in str(caught.value)


def test_names_in_lists_lead_nowhere(tmp_path: Path) -> None:
    put(tmp_path / 'in', '000000', CAR)
    put(tmp_path, 'secret', CAR)
    put_lists(tmp_path / 'in', train=f'000000 ../../../training/secret {"x" * 300}')
    samples, report = read(tmp_path / 'in')
    assert [sample.id for sample in samples] == ['000000']
    assert report.unreadable_count == 2


def test_another_folder_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match='there is no folder training/label_2') as caught:
        list(FORMAT.read(tmp_path))
    assert 'training/image_2' in caught.value.hint


def test_the_distribution_is_valid() -> None:
    if not any(entry.name == 'kitti' for entry in entry_points(group='synapse_hooks.formats')):
        pytest.skip('synapse-hooks-kitti is not installed here')
    check_distribution('synapse-hooks-kitti')
