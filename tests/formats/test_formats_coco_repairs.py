"""COCO files that contradict themselves: what they prove is right is read, and every repair and doubt is reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.data import Box, Mask, Polygon, Sample
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats import FormatReader
from synapse_hooks.formats.coco import box_convention, repairs
from synapse_hooks.formats.coco.grouping import NO_ANNOTATIONS
from tests.formats.coco_kit import COCO, SQUARE, content, entry, put
from tests.formats.format_kit import Converter

Told = dict[tuple[str, str], tuple[int, dict[str, str]]]


def write(root: Path, rows: list[dict[str, Any]], *, images: int = 1, indent: int | None = None, **more: Any) -> Path:
    said = content(rows, [f'{number}.png' for number in range(images)], **more)
    file = put(root / 'annotations.json', said)
    file.write_text(json.dumps(said, indent=indent))
    return root


def read(root: Path) -> tuple[list[Sample], Told]:
    """What a reader and `inspect` get: samples, and for each fate and reason the count and the first place."""
    reader = FormatReader(COCO, {'path': root, 'format': 'coco'})
    reader.tolerance = 'skip'
    samples = list(reader)
    losses = reader.report.losses.values()
    return samples, {(loss.fate, loss.reason): (loss.count, loss.examples[0]) for loss in losses}


def boxes(samples: list[Sample]) -> list[list[float]]:
    found = [one for sample in samples for one in sample.annotations]
    return [[one.x, one.y, one.w, one.h] for one in found if isinstance(one, Box)]


def polygons(samples: list[Sample]) -> list[Polygon]:
    return [one for sample in samples for one in sample.annotations if isinstance(one, Polygon)]


def converted(converter: Converter, root: Path) -> list[list[float]]:
    """The boxes as a conversion reads them, which goes another way."""
    return boxes(list(FormatReader(converter.manager.get_plugin('dm'), converter(root, 'coco', 'dm'))))


# -- segmentation ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('indent', [None, 1])
@pytest.mark.parametrize('more', [{}, {'score': 0.5}], ids=['usual', 'with more'])
@pytest.mark.parametrize('target', ['dm', 'yolo'])
def test_a_flat_segmentation_is_one_ring(
    tmp_path: Path, converter: Converter, indent: int | None, more: dict[str, Any], target: str
) -> None:
    rows = [entry(1, segmentation=SQUARE, **more), entry(2, segmentation=[SQUARE], **more)]
    root = write(tmp_path / 'in', rows, indent=indent)
    (sample,), told = read(root)
    one, other = sample.annotations
    assert isinstance(one, Polygon)
    assert isinstance(other, Polygon)
    assert one.parts == other.parts
    assert told['repaired', repairs.FLAT] == (1, {'file': '0', 'id': '1'})
    for split in ('train', 'valid'):
        write(tmp_path / 'many' / split, rows, indent=indent)
    converter(tmp_path / 'many', 'coco', target, target_task='segment')
    assert converter.reasons('repaired') == {('annotation', repairs.FLAT): 2}
    assert converter.losses['written'] == {'polygon': 4}


@pytest.mark.parametrize('counts', ["b'Zi0d0l1000Vi6'", 'b"Zi0d0l1000Vi6"', 'Zi0d0l1000Vi6'])
@pytest.mark.parametrize('more', [{}, {'score': 0.5}], ids=['usual', 'with more'])
def test_counts_as_the_text_of_bytes(tmp_path: Path, counts: str, more: dict[str, Any]) -> None:
    mask = {'size': [80, 100], 'counts': counts}
    (sample,), told = read(write(tmp_path, [entry(7, bbox=[10, 10, 3, 20], segmentation=mask, **more)]))
    (found,) = sample.annotations
    assert isinstance(found, Mask)
    assert found.runs == [(810, 20), (890, 20), (970, 20)]
    said = {key: value for key, value in told.items() if key[0] == 'repaired'}
    assert said == ({('repaired', repairs.BYTES): (1, {'file': '0', 'id': '7'})} if counts[0] == 'b' else {})


def test_a_backslash_in_such_counts_was_escaped() -> None:
    assert repairs.repair_segmentation({'counts': str(b'\\1o')})[0] == {'counts': '\\1o'}


# -- ids ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('text', ['images', 'annotations'])
def test_ids_as_text_and_as_numbers_meet(tmp_path: Path, converter: Converter, text: str) -> None:
    said = content([entry(1), entry(2, 2, bbox=[1, 2, 3, 4]), entry(3, score=1)], ['a.png'])
    if text == 'images':
        for listed in (*said['images'], *said['categories']):
            listed['id'] = str(listed['id'])
    else:
        for row in said['annotations']:
            row.update(image_id=str(row['image_id']), category_id=str(row['category_id']))
    put(tmp_path / 'in' / 'annotations.json', said)
    (sample,), told = read(tmp_path / 'in')
    assert [annotation.label for annotation in sample.annotations] == ['car', 'dog', 'car']
    assert told['repaired', repairs.CATEGORY_ID] == (3, {'file': 'a', 'id': '1'})
    assert told['repaired', repairs.IMAGE_ID][0] == 3
    converter(tmp_path / 'in', 'coco', 'dm')
    assert converter.losses['written'] == {'box': 3}
    assert set(converter.reasons('repaired').values()) == {3}


def test_ids_that_are_there_in_both_ways_are_two(tmp_path: Path) -> None:
    said = content([entry(1), entry(2, '1', '1')], ['a.png', 'b.png'])  # type: ignore[arg-type]
    said['images'][1]['id'] = '1'
    said['categories'][1]['id'] = '1'
    put(tmp_path / 'annotations.json', said)
    samples, told = read(tmp_path)
    assert [[one.label for one in sample.annotations] for sample in samples] == [['car'], ['dog']]
    assert not told


@pytest.mark.parametrize('id', ['01', '1.0', ' 1', 'x', '9' * 5000, 1.5, float('inf'), True, None])
def test_other_ids_are_not_guessed(id: Any) -> None:
    assert repairs.matching_id(id, {2: 'a', '3': 'b', 'True': 'c'}) is None


def test_an_undeclared_category_says_what_is_declared(tmp_path: Path) -> None:
    root = write(tmp_path, [entry(1, 0)], categories=[{'id': n, 'name': f'c{n}'} for n in range(1, 9)])
    _, told = read(root)
    ((_, reason),) = told
    shown = ', '.join(f"{n} ('c{n}')" for n in range(1, 6))
    assert reason == f'its category_id 0 is not in the file, which declares {shown} and 3 more'


def test_the_hint_of_a_file_without_any_usable_category(tmp_path: Path, converter: Converter) -> None:
    with pytest.raises(DatasetInvalid, match=r"declares 1 \('car'\)") as caught:
        converter(write(tmp_path / 'in', [entry(1, 0)]), 'coco', 'dm')
    assert 'target' not in caught.value.hint


# -- annotations -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('null', [False, True])
def test_a_file_without_annotations_is_doubtful(tmp_path: Path, converter: Converter, null: bool) -> None:
    for split in ('train', 'valid', 'test'):
        said = content([entry(1)])
        if split == 'test':
            said['annotations'] = None
            if not null:
                del said['annotations']
        put(tmp_path / 'in' / split / 'annotations.json', said)
    samples, told = read(tmp_path / 'in')
    assert [len(sample.annotations) for sample in samples] == [1, 1, 0]
    assert told['doubtful', NO_ANNOTATIONS] == (1, {'file': 'test/annotations.json', 'id': ''})
    converter(tmp_path / 'in', 'coco', 'yolo')
    assert ('file', NO_ANNOTATIONS) in converter.reasons('doubtful')


# -- corners and shares ------------------------------------------------------------------------------------------------

RIGHT = [[10, 10, 20, 20], [60, 40, 30, 25], [5, 50, 40, 10], [0, 0, 100, 80]]


def as_corners(box: list[float]) -> list[float]:
    x, y, w, h = box
    return [x, y, x + w, y + h]


def ring(box: list[float]) -> list[float]:
    left, top, right, bottom = as_corners(box)
    return [left, top, right, top, right, bottom, left, bottom]


def rows(numbers: list[list[float]], **more: Any) -> list[dict[str, Any]]:
    found = []
    for id, (box, right) in enumerate(zip(numbers, RIGHT, strict=True), 1):
        said = {key: value(right) if callable(value) else value for key, value in more.items()}
        found.append(entry(id, bbox=box, **said))
    return found


def area(box: list[float]) -> float:
    return box[2] * box[3]


@pytest.mark.parametrize(
    'proof',
    [
        {'area': area},
        {'area': lambda box: (box[2] + 1) * (box[3] + 1)},
        {'area': area, 'segmentation': []},
        {'area': area, 'segmentation': None, 'score': 1},
        {'segmentation': lambda box: [ring(box)]},
    ],
    ids=['area', 'area with the last pixel', 'with an empty list', 'with more keys', 'segmentation'],
)
def test_corners_are_read_as_such_where_the_file_proves_it(
    tmp_path: Path, converter: Converter, proof: dict[str, Any]
) -> None:
    root = write(tmp_path / 'in', rows([as_corners(box) for box in RIGHT], **proof))
    samples, told = read(root)
    found = [
        list(one.box) if isinstance(one, Polygon) else boxes(samples)[n] for n, one in enumerate(samples[0].annotations)
    ]
    assert found == RIGHT
    assert told['repaired', box_convention.CORNERS] == (4, {'file': '0.png', 'id': '1'})
    assert converted(converter, root) == ([] if polygons(samples) else RIGHT)
    assert converter.reasons('repaired') == {('annotation', box_convention.CORNERS): 4}
    assert len(converter.losses['repaired'][0]['examples']) == 4


def test_a_mask_proves_corners_too(tmp_path: Path) -> None:
    mask = {'size': [80, 100], 'counts': [810, 20, 60, 20, 7090]}
    (sample,), told = read(write(tmp_path, [entry(1, bbox=[10, 10, 12, 30], segmentation=mask)]))
    assert ('repaired', box_convention.CORNERS) in told
    assert sample.annotations[0].box == (10, 10, 2, 20)  # type: ignore[union-attr]


def test_boxes_that_fit_as_corners_only_are_doubtful_without_a_proof(tmp_path: Path, converter: Converter) -> None:
    numbers = [as_corners(box) for box in RIGHT]
    samples, told = read(write(tmp_path / 'in', rows(numbers)))
    assert boxes(samples) == numbers
    assert told['doubtful', box_convention.MAYBE_CORNERS] == (2, {'file': '0.png', 'id': '2'})
    assert ('repaired', box_convention.CORNERS) not in told


def test_a_file_of_both_kinds_is_doubtful(tmp_path: Path) -> None:
    found = rows([as_corners(box) if place % 2 else box for place, box in enumerate(RIGHT)], area=area)
    samples, told = read(write(tmp_path, found))
    assert boxes(samples) == [row['bbox'] for row in found]
    assert [fate for fate, reason in told if reason == box_convention.MIXED] == ['doubtful']


@pytest.mark.parametrize(
    'more', [{'area': area}, {'area': 0}, {}, {'segmentation': lambda box: [ring(box)]}, {'area': 'large'}]
)
def test_files_as_they_should_be_are_left_alone(tmp_path: Path, more: dict[str, Any]) -> None:
    _, told = read(write(tmp_path, rows(RIGHT, **more)))
    assert not [key for key in told if key[0] != 'converted']


def test_areas_of_masks_that_were_left_out_prove_nothing(tmp_path: Path) -> None:
    # By chance, the first is the area between the corners (10, 10) and (40, 40).
    found = [entry(1, bbox=[10, 10, 40, 40], area=900), entry(2, bbox=[5, 5, 40, 40], area=800)]
    samples, told = read(write(tmp_path, found))
    assert boxes(samples) == [row['bbox'] for row in found]
    assert not told
    samples, told = read(write(tmp_path / 'one', found[:1]))
    assert boxes(samples) == [found[0]['bbox']]
    assert not told


def test_one_wrong_area_among_many_proves_nothing(tmp_path: Path) -> None:
    found = [entry(n, bbox=[10, 10, 20, 20], area=400) for n in range(20)]
    found.append(entry(99, bbox=[10, 10, 20, 20], area=100))
    samples, told = read(write(tmp_path, found))
    assert boxes(samples) == [[10, 10, 20, 20]] * 21
    assert not told


@pytest.mark.parametrize('declared', [True, False], ids=['with sizes', 'without sizes'])
@pytest.mark.parametrize('more', [{}, {'score': 1}], ids=['usual', 'with more'])
def test_shares_are_read_as_pixels(tmp_path: Path, converter: Converter, declared: bool, more: dict[str, Any]) -> None:
    shares = [[x / 100, y / 80, w / 100, h / 80] for x, y, w, h in RIGHT]
    said = content(rows(shares, **more))
    if not declared:
        del said['images'][0]['width'], said['images'][0]['height']
    put(tmp_path / 'in' / 'annotations.json', said)
    samples, told = read(tmp_path / 'in')
    assert boxes(samples) == RIGHT
    assert told['repaired', box_convention.SHARES] == (4, {'file': 'a.png', 'id': '1'})
    assert converted(converter, tmp_path / 'in') == RIGHT


def test_so_are_outlines_and_joints(tmp_path: Path) -> None:
    outline = [0.1, 0.125, 0.3, 0.125, 0.3, 0.375]
    row = entry(1, bbox=[0.1, 0.125, 0.2, 0.25], segmentation=[outline], keypoints=[0.1, 0.125, 2, 0, 0, 0])
    (sample,), _ = read(write(tmp_path, [row]))
    polygon, joints = sample.annotations
    assert isinstance(polygon, Polygon)
    assert polygon.rings == [[(10, 10), (30, 10), (30, 30)]]
    assert polygon.box == (10, 10, 20, 20)
    assert [tuple(joint) for joint in joints.points] == [(10, 10, 2), (0, 0, 0)]  # type: ignore[union-attr]


def test_shares_that_may_be_corners_are_doubtful(tmp_path: Path) -> None:
    row = [entry(1, bbox=[0.1, 0.1, 0.3, 0.3]), entry(2, bbox=[0.6, 0.5, 0.9, 0.8])]
    samples, told = read(write(tmp_path, row))
    assert boxes(samples) == [one['bbox'] for one in row]
    assert told['doubtful', box_convention.MAYBE_SHARES][0] == 2


@pytest.mark.parametrize('numbers', [[[0, 0, 1, 1]], [[0.5, 0.5, 0.1, 0.1], [10, 10, 5, 5]]])
def test_a_box_of_one_pixel_is_no_share(tmp_path: Path, numbers: list[list[float]]) -> None:
    samples, told = read(write(tmp_path, [entry(n, bbox=box) for n, box in enumerate(numbers)]))
    assert boxes(samples) == numbers
    assert not told
