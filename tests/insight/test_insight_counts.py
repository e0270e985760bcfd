"""What an inspection counts."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from synapse_hooks.cli.inspection_report import inspection_report
from synapse_hooks.data import Box, Classification, Keypoint, Mask, Polygon, RotatedBox, Sample
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.insight.histograms import BoxStatistics, Histogram
from tests.insight.insight_kit import inspect, sample


def test_items_annotations_and_labels_are_counted_by_split_and_kind(tmp_path: Path) -> None:
    found = inspect(
        tmp_path,
        sample(tmp_path, 'a', Box(1, 1, 9, 9, label='cat'), Box(20, 20, 9, 9, label='cat')),
        sample(tmp_path, 'b', Polygon.simple([(0, 0), (9, 0), (9, 9)], label='dog'), Classification(label='sunny')),
        sample(tmp_path, 'c', Box(1, 1, 50, 50, label='cat'), split='valid'),
        sample(tmp_path, 'd', split='valid'),
        Sample('cloud', split='test'),
        classes=('dog', 'bird'),
    )
    told = found.to_dict()
    assert (told['items'], told['images'], told['annotations']) == (5, 4, 5)
    assert told['splits'] == {'train': 2, 'valid': 2, 'test': 1}
    # In the declared order, then what was found besides.
    assert told['classes'] == ['dog', 'bird', 'cat']
    labels = {label['name']: label for label in told['labels']}
    assert labels['cat'] == {
        'name': 'cat',
        'number': 2,
        'declared': False,
        'count': 3,
        'items': 2,
        'kinds': {'box': 3},
        'splits': {'train': 2, 'valid': 1},
    }
    assert labels['bird']['count'] == 0
    assert labels['sunny']['number'] is None
    assert told['kinds']['box'] == {'count': 3, 'splits': {'train': 2, 'valid': 1}}
    assert told['without_annotations'] == {'count': 2, 'splits': {'train': 0, 'valid': 1, 'test': 1}}
    assert told['annotations_per_item']['counts'][:3] == [2, 1, 2]
    assert told['image_sizes']['common'] == [{'width': 100, 'height': 80, 'count': 4}]
    assert told['boxes']['buckets'] == {'tiny': 3, 'small': 0, 'medium': 1, 'large': 0}
    assert json.loads(json.dumps(told)) == told


def test_the_keys_of_the_json_stay_as_they_are(tmp_path: Path) -> None:
    told = inspect(tmp_path, sample(tmp_path, 'a', Box(1, 1, 1, 1))).to_dict()
    assert set(told) == {
        'path', 'format', 'items', 'images', 'media', 'annotations', 'splits', 'classes', 'labels', 'kinds',
        'without_annotations', 'annotations_per_item', 'image_sizes', 'boxes', 'problems',
    }  # fmt: skip
    assert set(told['boxes']) == {'count', 'buckets', 'area_share', 'aspect_ratio', 'centres'}
    assert set(told['problems'][0]) == {'id', 'severity', 'title', 'advice', 'count', 'examples'}
    assert set(told['problems'][0]['examples'][0]) == {'file', 'split', 'annotation', 'detail'}


def test_items_of_other_media_are_counted_and_get_a_line(tmp_path: Path) -> None:
    images = [sample(tmp_path, name, Box(1, 1, 5, 5, label='x')) for name in 'ab']
    assert 'media of the items' not in inspection_report(inspect(tmp_path, *images))
    found = inspect(tmp_path, *images, Sample('c', split='train', medium='video', file='c.mp4'))
    assert (found.to_dict()['items'], found.to_dict()['images']) == (3, 2)
    assert found.to_dict()['media'] == {'image': 2, 'video': 1}
    assert 'media of the items: 2 image, 1 video' in inspection_report(found)


def test_the_boxes_of_all_kinds_of_objects_are_measured_and_of_nothing_else(tmp_path: Path) -> None:
    found = inspect(
        tmp_path,
        sample(
            tmp_path,
            'a',
            Box(0, 0, 100, 80, label='x'),
            RotatedBox(40, 20, 20, 40, 0.0, label='x'),
            Mask([(0, 10), (100, 10)], label='x'),
            Keypoint(5, 5, label='nose'),
        ),
    )
    boxes = found.statistics.boxes
    assert boxes.count == 3
    # A box as large as its image lies in the last step, which has no end.
    assert boxes.shares.counts[-1] == 1
    ratios = {(low, high): count for low, high, count in boxes.ratios.merged(4).bins() if count}
    assert ratios == {(0.5, 1): 1, (1, 2): 1, (4, 8): 1}
    assert boxes.centres.sum() == 3
    assert boxes.centres[16, 16] == 2


def test_a_histogram_loses_nothing_when_it_is_made_coarser() -> None:
    histogram = Histogram([1, 2, 3, 4, 5])
    histogram.add([0, 1, 2.5, 3, 4, 5, 99])
    assert histogram.merged(2).bins() == [(None, 1, 1), (1, 3, 2), (3, 5, 2), (5, None, 2)]


def test_boxes_do_not_pile_up() -> None:
    boxes = BoxStatistics()
    tracemalloc.start()
    for number in range(40_000):
        boxes.add((0, 0, number % 50 + 1, 10), 100, 80)
    boxes.flush()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert boxes.count == sum(boxes.buckets.values()) == 40_000
    assert peak < 6_000_000


def test_a_dataset_without_anything_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match='no items that can be read'):
        inspect(tmp_path)
