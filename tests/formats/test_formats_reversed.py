"""Corners in reverse are sorted by every reader, and reported with their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.data import Box, LossReport, Polygon, RotatedBox, Sample
from synapse_hooks.data.batch import Batch, gather
from synapse_hooks.data.outline import Outline
from synapse_hooks.formats import FormatReader
from synapse_hooks.geometry.corner_order import REVERSED, sort_corners
from tests.formats.coco_kit import SQUARE, content, entry
from tests.formats.coco_kit import put as put_coco
from tests.formats.format_kit import Converter, add_item, box, builtin, png, polygon


def coco(root: Path, **more: Any) -> Path:
    put_coco(root / 'annotations.json', content([entry(7, bbox=[30, 30, -20, -20], **more), entry(8)]))
    return root


def dm(root: Path) -> Path:
    add_item(root, 'a', {'bounding_box': [box(30, 30, -20, -20, id='7'), box(10, 10, 20, 20, id='8')]})
    return root


def dm_whole(root: Path) -> Path:
    """With something that is not read in columns."""
    line = polygon([[0, 0], [5, 5]], id='9')
    add_item(root, 'a', {'bounding_box': [box(30, 30, -20, -20, id='7')], 'polyline': [line]})
    return root


def yolo(root: Path) -> Path:
    for folder in ('images', 'labels'):
        (root / folder / 'train').mkdir(parents=True)
    (root / 'images' / 'train' / 'a.png').write_bytes(png(100, 80))
    (root / 'labels' / 'train' / 'a.txt').write_text('0 0.2 0.25 -0.2 -0.25\n0 0.2 0.25 0.2 0.25\n')
    (root / 'dataset.yaml').write_text('train: images/train\nnames: [car]\ntask: detect\n')
    return root


SOURCES = [('coco', coco), ('dm', dm), ('dm', dm_whole), ('yolo', yolo)]


@pytest.mark.parametrize(('format', 'make'), SOURCES)
def test_every_reader_sorts_them_and_says_so(tmp_path: Path, format: str, make: Any) -> None:
    reader = FormatReader(builtin(format), {'path': make(tmp_path / 'in'), 'format': format})
    (sample,) = reader
    boxes = [(one.x, one.y, one.w, one.h) for one in sample.annotations if isinstance(one, Box)]
    assert set(boxes) == {(10, 10, 20, 20)}
    (repaired,) = reader.report.to_dict()['repaired']
    assert (repaired['kind'], repaired['reason'], repaired['count']) == ('box', REVERSED, 1)
    assert repaired['examples'] == [{'file': 'a', 'id': '1' if format == 'yolo' else '7'}]


@pytest.mark.parametrize(('format', 'make'), SOURCES)
def test_so_does_a_conversion(tmp_path: Path, converter: Converter, format: str, make: Any) -> None:
    target = 'dm' if format == 'coco' else 'coco'
    made = converter(make(tmp_path / 'in'), format, target)
    assert converter.reasons('repaired') == {('box', REVERSED): 1}
    (sample,) = FormatReader(builtin(target), made)
    assert {(one.x, one.y, one.w, one.h) for one in sample.annotations if isinstance(one, Box)} == {(10, 10, 20, 20)}


@pytest.mark.parametrize('more', [{'segmentation': [SQUARE]}, {'segmentation': [SQUARE], 'iscrowd': 1}])
def test_the_box_of_another_shape_too(tmp_path: Path, converter: Converter, more: dict[str, Any]) -> None:
    converter(coco(tmp_path / 'in', **more), 'coco', 'dm')
    assert converter.reasons('repaired') == {('polygon', REVERSED): 1}


def test_a_rotated_box_keeps_its_centre() -> None:
    report, sample = LossReport(), Sample('a', annotations=[RotatedBox(30, 10, -20, 4, 0.5)])
    sort_corners(Batch.of_samples([sample]), report)
    (found,) = sample.annotations
    assert found == RotatedBox(10, 10, 20, 4, 0.5)
    assert report.total('repaired') == 1


@pytest.mark.parametrize('kind', [Polygon([[[(0, 0), (4, 0), (4, 3)]]]), Outline(b'[[0,0,4,0,4,3]]')])
def test_in_columns_as_one_by_one(kind: Any) -> None:
    for numbers in ((4.0, 3.0, -4.0, -3.0), (4.0, 0.0, -4.0, 3.0), (0.0, 0.0, 4.0, 3.0)):
        kind.box, kind.label = numbers, 'road'
        report = LossReport()
        batch = gather([Sample('a', annotations=[kind, Box(*numbers, label='car')])])
        sort_corners(batch, report)
        assert batch.polygons.boxes.tolist() == batch.boxes.numbers.tolist() == [0, 0, 4, 3]
        assert report.total('repaired') == (2 if min(numbers) < 0 else 0)


@pytest.mark.parametrize('numbers', [(0, 0, float('-inf'), 4), (float('nan'), 0, -4, 4), (0.5, 0, -(10**400), 4)])
def test_numbers_that_cannot_be_computed_with_stay(numbers: Any) -> None:
    report, sample = LossReport(), Sample('a', annotations=[Box(*numbers)])
    sort_corners(Batch.of_samples([sample]), report)
    assert report.empty
