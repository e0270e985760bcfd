"""Integers in JSON have any number of digits: those that no float can hold are malformed, wherever they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.conversion.reader import FormatReader
from synapse_hooks.conversion.sample_checks import InvalidField, check_sample
from synapse_hooks.data import Box, Polygon, RotatedBox, Sample
from synapse_hooks.insight import inspect_dataset
from tests.formats.coco_kit import content, entry, put
from tests.formats.format_kit import add_item, box, builtin, polygon

BIG = 10**400
ROTATED = {'attrs': [{'name': 'rotation', 'value': BIG}]}


def problems(format: str, source: Path) -> str:
    """What inspecting a dataset finds, with its pictures, as one text."""
    dataset: Any = {'path': source, 'format': format}
    found = inspect_dataset(FormatReader(builtin(format), dataset), dataset, shown=8)
    return '\n'.join(example.detail for problem in found.problems.found for example in problem.examples)


@pytest.mark.parametrize(
    'tools',
    [
        {'bounding_box': [box(BIG, 1, 2, 3)]},
        {'bounding_box': [box(1, -BIG, 2, 3, attrs=[{'name': 'rotation', 'value': 1}])]},
        {'bounding_box': [box(1, 1, 2, 3, **ROTATED)]},
        {'polygon': [polygon([[1, 1], [5, BIG], [7, 7]])]},
        {'polyline': [polygon([[1, 1], [5, BIG], [7, 7]])]},
        {'keypoint': [{'id': 'k', 'classification': 'nose', 'attrs': [], 'data': [BIG, 2]}]},
    ],
    ids=('box', 'rotated', 'rotation', 'polygon', 'polyline', 'keypoint'),
)
def test_dm(tmp_path: Path, tools: dict[str, Any]) -> None:
    add_item(tmp_path, 'a', tools)
    assert 'a number that is too large' in problems('dm', tmp_path)


@pytest.mark.parametrize(
    'said',
    [
        {'bbox': [BIG, 1, 2, 3]},
        {'segmentation': [[BIG, 1, 2, 3, 4, 5]]},
        {'segmentation': [[BIG, 1, 2, 3, 4, 5]], 'area': BIG},
        {'keypoints': [BIG, 1, 2], 'num_keypoints': 1},
    ],
    ids=('bbox', 'segmentation', 'area', 'keypoints'),
)
def test_coco(tmp_path: Path, said: dict[str, Any]) -> None:
    put(tmp_path / 'instances_train.json', content([entry(1), entry(2, **said)]))
    assert 'it is malformed' in problems('coco', tmp_path)


@pytest.mark.parametrize(
    'shape',
    [Box(0, 0, BIG, 1), RotatedBox(0, 0, 1, 1, BIG), Polygon([[[(0, 0), (1, -BIG), (2, 2)]]])],
    ids=('box', 'rotated', 'polygon'),
)
def test_a_format_of_others(shape: Any) -> None:
    with pytest.raises(InvalidField) as caught:
        check_sample(Sample('a', annotations=[shape]))
    assert caught.value.expected.what == 'a number that a float can hold'
