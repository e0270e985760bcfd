"""All objects crowds, and splits without annotations: doubted, with a way out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.conversion.crowd_regions import AS_OBJECT
from synapse_hooks.data.plausibility import ALL_CROWDS, NO_LABELS
from synapse_hooks.errors import DatasetInvalid, ParamsError
from synapse_hooks.formats import FormatReader
from synapse_hooks.insight import inspect_dataset
from tests.formats.coco_kit import COCO, SQUARE, content, entry, put
from tests.formats.format_kit import Converter, add_item, box, builtin

MASK = {'size': [80, 100], 'counts': [810, 20, 60, 20, 60, 20, 7010]}


def crowds(root: Path, *more: dict[str, Any]) -> Path:
    for split in ('train', 'valid'):
        rows = [entry(1, segmentation=MASK, iscrowd=1), entry(2, segmentation=[SQUARE], iscrowd=1), *more]
        put(root / split / 'annotations.json', content(rows))
    return root


def problems(root: Path, format: str) -> list[tuple[str, int, str]]:
    source: Any = {'path': root, 'format': format}
    found = inspect_dataset(FormatReader(builtin(format), source), source).problems.found
    return [(problem.id, problem.count, problem.examples[0].detail) for problem in found]


def test_a_conversion_says_that_all_objects_are_crowds(tmp_path: Path, converter: Converter) -> None:
    root = crowds(tmp_path / 'in')
    with pytest.raises(DatasetInvalid, match='all objects are crowd regions') as caught:
        converter(root, 'coco', 'yolo')
    assert '--crowds objects' in caught.value.hint
    converter(root, 'coco', 'dm')
    assert converter.reasons('doubtful') == {('annotation', ALL_CROWDS): 4}


def test_so_does_an_inspection(tmp_path: Path) -> None:
    assert ('doubtful', 4, f'annotation doubtful: {ALL_CROWDS}') in problems(crowds(tmp_path), 'coco')


def test_some_crowds_are_usual(tmp_path: Path, converter: Converter) -> None:
    root = crowds(tmp_path / 'in', entry(3))
    converter(root, 'coco', 'yolo')
    assert converter.losses['doubtful'] == []
    assert converter.reasons('dropped') == {
        ('mask', 'yolo segment has no crowd regions'): 2,
        ('polygon', 'yolo segment has no crowd regions'): 2,
    }
    assert not [problem for problem in problems(root, 'coco') if problem[0] == 'doubtful']


@pytest.mark.parametrize('by', ['parameter', 'setting'])
@pytest.mark.parametrize('target', ['yolo', 'coco'])
def test_they_are_taken_as_objects_where_that_is_asked(
    tmp_path: Path, converter: Converter, by: str, target: str
) -> None:
    root, source = crowds(tmp_path / 'in'), 'coco'
    if target == 'coco':
        root, source = converter(root, 'coco', 'dm')['path'], 'dm'
    how: dict[str, Any] = {'crowds': 'objects'} if by == 'parameter' else {'settings': {target: {'crowds': 'objects'}}}
    made = converter(root, source, target, target_task='segment', **how)
    assert converter.reasons('repaired') == {('mask', AS_OBJECT): 2, ('polygon', AS_OBJECT): 2}
    assert converter.losses['dropped'] == []
    if target == 'coco':
        found = [one for sample in FormatReader(COCO, made) for one in sample.annotations]
        assert len(found) == 4
        assert not any('iscrowd' in one.attributes for one in found)


def test_another_value_is_refused(tmp_path: Path, converter: Converter) -> None:
    with pytest.raises(ParamsError, match="crowds: must be one of keep, objects, got 'yes'"):
        converter(crowds(tmp_path / 'in'), 'coco', 'dm', crowds='yes')


def test_equal_inputs_with_another_choice_are_other_datasets(tmp_path: Path, converter: Converter) -> None:
    root = crowds(tmp_path / 'in', entry(3))
    made = [converter(root, 'coco', 'yolo', crowds=choice)['digest'] for choice in (None, 'keep', 'objects')]
    assert made[0] == made[1] != made[2]


def test_a_split_without_annotations_is_doubtful(tmp_path: Path, converter: Converter) -> None:
    root = tmp_path / 'in'
    for split in ('train', 'valid', 'test'):
        add_item(root / split, split, {'bounding_box': [box(10, 10, 20, 20)]} if split != 'test' else {})
    converter(root, 'dm', 'yolo')
    assert converter.losses['doubtful'] == [
        {'kind': 'split', 'reason': NO_LABELS, 'count': 1, 'examples': [{'file': 'test', 'id': ''}]}
    ]
    assert ('doubtful', 1, f'split doubtful: {NO_LABELS}') in problems(root, 'dm')


def test_the_hint_follows_the_reason(tmp_path: Path, converter: Converter) -> None:
    add_item(tmp_path / 'in', 'a', {'bounding_box': [box(500, 500, 5, 5)]})
    with pytest.raises(DatasetInvalid, match='lies outside the image') as caught:
        converter(tmp_path / 'in', 'dm', 'coco')
    assert 'target' not in caught.value.hint
    line = {'id': 'l', 'classification': 'lane', 'attrs': [], 'data': [[0, 0], [5, 5]]}
    add_item(tmp_path / 'lines', 'a', {'polyline': [line]})
    with pytest.raises(DatasetInvalid, match='has no place for it') as caught:
        converter(tmp_path / 'lines', 'dm', 'coco')
    assert caught.value.hint == 'choose another target format or task'
