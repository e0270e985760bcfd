"""What an inspection finds wrong, and where it says that it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from synapse_hooks.conversion.reader import FormatReader
from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    Joint,
    Keypoint,
    Keypoints,
    Mask,
    Other,
    Polygon,
    Polyline,
    RotatedBox,
    Sample,
)
from synapse_hooks.data.integrity import BAD_CHUNK
from synapse_hooks.formats.dm import DmFormat
from synapse_hooks.formats.yolo import YoloFormat
from synapse_hooks.insight import KINDS, Example, inspect_dataset
from synapse_hooks.insight.duplicate_images import DuplicateImages
from tests.formats.format_kit import add_item, png
from tests.formats.format_kit import box as dm_box
from tests.insight.insight_kit import examples, inspect, problems, sample

GOOD: list[AnyAnnotation] = [
    Box(0, 0, 100, 80, label='x'),
    Box(-0.9, 0, 50, 80.9, label='x'),
    Box(30, 30, -10, -10, label='x'),
    RotatedBox(20, 20, 30, 10, 0.5, label='x'),
    Polygon.simple([(1, 1), (9, 1), (9, 9)], label='x'),
    Polyline([(0, 0), (50, 0)], label='lane'),
    Mask([(0, 10), (100, 10)], label='x'),
    Keypoints([Joint(0, 0, 0), Joint(50, 50)], label='x', box=(10, 10, 60, 60)),
    Keypoint(-50, -50, visibility=0),
]
WRONG: list[tuple[str, AnyAnnotation, str]] = [
    ('not-finite', Box(math.nan, 0, 5, 5, label='x'), 'box'),
    ('not-finite', Polygon.simple([(0, 0), (math.inf, 0), (0, 9)], label='x'), 'polygon'),
    ('not-finite', Keypoint(math.nan, 1), 'keypoint'),
    ('empty', Box(5, 5, 0, 9, label='x'), 'box'),
    ('empty', RotatedBox(5, 5, 9, 0, 1.0, label='x'), 'rotated_box'),
    ('empty', Polygon.simple([(0, 0), (9, 9), (4, 4)], label='x'), 'polygon'),
    ('empty', Polygon([], label='x'), 'polygon'),
    ('empty', Mask([], label='x'), 'mask'),
    ('empty', Polyline([(5, 5), (5, 5)]), 'polyline'),
    ('outside', Box(100, 0, 5, 5, label='x'), 'box from 100, 0 to 105, 5 in 100 x 80'),
    ('beyond', Box(90, 0, 12, 5, label='x'), 'box, by 2 px'),
    ('beyond', Polyline([(0, -3), (50, 50)]), 'polyline, by 3 px'),
    ('keypoint-outside', Keypoint(50, 90), '50, 90 in 100 x 80'),
    ('keypoint-outside', Keypoints([Joint(5, 5), Joint(-9, 5, 1)], label='x'), '-9, 5 in 100 x 80'),
    ('tiny', Box(5, 5, 1.5, 9, label='x'), 'box, 1.5 x 9 px'),
    ('unlabelled', Box(5, 5, 9, 9), 'box'),
    ('malformed', Other('images.polygon', 'x', fault='it is a text'), 'images.polygon: it is a text'),
    ('outside', Mask([(8000, 2)], label='x'), 'mask, only pixels beyond those of 100 x 80'),
    ('beyond', Mask([(7880, 10), (7980, 30)], label='x'), 'mask, pixels beyond those of 100 x 80'),
]


def test_what_is_right_is_no_problem(tmp_path: Path) -> None:
    assert problems(inspect(tmp_path, sample(tmp_path, 'a', *GOOD))) == {}


@pytest.mark.parametrize(('problem', 'annotation', 'detail'), WRONG)
def test_a_wrong_annotation_is_named_with_its_file(
    problem: str, annotation: AnyAnnotation, detail: str, tmp_path: Path
) -> None:
    annotation.id = 'bad'
    found = inspect(tmp_path, sample(tmp_path, 'a', Box(20, 20, 9, 9, id='good', label='x'), annotation))
    assert problems(found) == {problem: 1}
    assert examples(found, problem) == [Example('train/a.png', 'train', 'bad', detail)]


@pytest.mark.parametrize(
    'make',
    [
        lambda id: Box(1, 1, 9, 9, id=id, label='x'),
        lambda id: RotatedBox(20, 20, 9, 9, 1.0, id=id, label='x'),
        lambda id: Polygon.simple([(1, 1), (9, 1), (9, 9)], id=id, label='x'),
        lambda id: Mask([(0, 9), (100, 9)], id=id, label='x'),
        lambda id: Keypoint(5, 5, id=id),
        lambda id: Keypoints([Joint(5, 5)], id=id, label='x'),
    ],
)
def test_an_annotation_that_is_there_twice_is_named(make: Callable[[str], AnyAnnotation], tmp_path: Path) -> None:
    once = make('2')
    found = inspect(tmp_path, sample(tmp_path, 'a', make('1'), once), sample(tmp_path, 'other', make('1')))
    assert problems(found) == {'duplicate-annotation': 1}
    (example,) = examples(found, 'duplicate-annotation')
    assert (example.file, example.annotation) == ('train/a.png', '2')
    assert example.detail == f'{once.kind}, the same as 1'


def test_annotations_that_only_look_alike_are_no_duplicates(tmp_path: Path) -> None:
    corners = [(1, 1), (9, 1), (9, 9), (1, 9)]
    shapes = [Polygon.simple(corners[:3], label='x'), Polygon.simple(corners, label='x'), Box(1, 1, 8, 8, label='x')]
    found = inspect(tmp_path, sample(tmp_path, 'a', *shapes, Box(1, 1, 8, 8, label='y')))
    assert problems(found) == {}


def test_the_same_image_twice_and_in_two_splits(tmp_path: Path) -> None:
    first = sample(tmp_path, 'one')
    content = (tmp_path / 'train' / 'one.png').read_bytes()
    again = [sample(tmp_path, 'two', content=content), sample(tmp_path, 'three', split='valid', content=content)]
    as_long = content[:-20] + bytes(20)
    found = inspect(tmp_path, first, *again, sample(tmp_path, 'four', split='test', content=as_long))
    # The last one is not what it was, and damaged.
    assert problems(found) == {'leak': 1, 'doubtful': 1, 'duplicate-image': 1}
    assert examples(found, 'doubtful') == [Example('test/four.png', 'test', '', f'image: {BAD_CHUNK}')]
    assert examples(found, 'leak') == [Example('valid/three.png', 'valid', '', 'the same as train/one.png in train')]
    assert examples(found, 'duplicate-image') == [Example('train/two.png', 'train', '', 'the same as train/one.png')]


def test_a_file_of_a_size_of_its_own_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = DuplicateImages()
    for number in range(4):
        (tmp_path / str(number)).write_bytes(bytes(number))
        images.add(str(tmp_path / str(number)), '')
        (tmp_path / str(number)).unlink()
    assert list(images.groups()) == []


def test_links_to_one_file_are_one_content(tmp_path: Path) -> None:
    images = DuplicateImages()
    for place in ('a', 'b', 'c'):
        path = tmp_path / place
        path.hardlink_to(tmp_path / 'a') if place == 'b' else path.write_bytes(place.encode())
        images.add(str(path), 'train')
    assert list(images.groups()) == [[('train', str(tmp_path / 'a')), ('train', str(tmp_path / 'b'))]]


def test_classes_that_are_unused_alike_missing_or_rare(tmp_path: Path) -> None:
    many = [Box(number / 2, 1, 9, 9, label='cat') for number in range(120)]
    found = inspect(
        tmp_path,
        sample(tmp_path, 'a', *many, Box(1, 1, 9, 9, label='Cat ')),
        sample(tmp_path, 'b', Box(1, 1, 9, 9, label='cat'), split='valid'),
        classes=('cat', 'Cat ', 'dog'),
    )
    assert problems(found) == {'similar-classes': 1, 'missing-class': 1, 'unused-class': 1, 'imbalance': 1}
    assert examples(found, 'similar-classes')[0].detail == "'cat', 'Cat '"
    assert examples(found, 'missing-class') == [Example('', 'valid', '', "'Cat ': train 1")]
    assert examples(found, 'unused-class')[0].detail == "'dog', number 2"
    assert examples(found, 'imbalance')[0].detail == "'Cat ' 1, 'cat' 121"


def test_what_the_reader_skips_and_drops_is_reported(tmp_path: Path) -> None:
    for number in range(3):
        add_item(tmp_path, f'item{number}', {'bounding_box': [dm_box(10, 10, 20, 20)]})
    (tmp_path / 'original_files' / 'item1.png').write_bytes(b'no image')
    (tmp_path / 'json' / 'item2.json').write_text('{"torn":')
    (tmp_path / 'original_files' / 'lonely.png').write_bytes(b'')
    reader = FormatReader(DmFormat(), {'path': tmp_path, 'format': 'dm'})
    found = inspect_dataset(reader, {'path': tmp_path, 'format': 'dm'})
    assert problems(found) == {'unreadable': 2, 'left-out': 1}
    assert {example.file for example in examples(found, 'unreadable')} == {
        'original_files/item1.png',
        'json/item2.json',
    }
    assert examples(found, 'left-out')[0].file == 'lonely.png'


def test_a_line_that_cannot_be_read_is_named_once(tmp_path: Path) -> None:
    for folder in ('images', 'labels'):
        (tmp_path / folder / 'train').mkdir(parents=True)
    for name, row in (('a', '0 0.5 0.5 0.1 0.1'), ('b', '0 0.5 x 0.1 0.1')):
        (tmp_path / 'images' / 'train' / f'{name}.png').write_bytes(png(100, 80))
        (tmp_path / 'labels' / 'train' / f'{name}.txt').write_text(row)
    (tmp_path / 'dataset.yaml').write_text('{train: images/train, names: [car]}')
    reader = FormatReader(YoloFormat(), {'path': tmp_path, 'format': 'yolo'})
    (example,) = examples(inspect_dataset(reader, {'path': tmp_path, 'format': 'yolo'}), 'unreadable')
    assert (example.file, example.detail) == ('labels/train/b.txt', "line 1: could not convert string to float: 'x'")


def test_every_problem_is_counted_and_five_places_are_named(tmp_path: Path) -> None:
    samples = [sample(tmp_path, f'a{number}', Box(5, 5, 1, 1, label='x')) for number in range(9)]
    found = inspect(tmp_path, *samples)
    assert problems(found)['tiny'] == 9
    assert len(examples(found, 'tiny')) == 5
    assert [problem.id for problem in found.problems.serious if problem.kind.severity == 'note'] == []
    assert list(KINDS)[:2] == ['unreadable', 'leak']


def test_an_item_of_unknown_size_has_no_edge(tmp_path: Path) -> None:
    found = inspect(tmp_path, Sample('cloud', annotations=[Box(500, 500, 9, 9, label='x'), Mask([(0, 9)], label='x')]))
    assert problems(found) == {}
