"""What we write is COCO: pycocotools loads it, and finds the ground truth perfect when it is judged by itself."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.data import (
    AnyAnnotation,
    Box,
    DatasetInfo,
    Group,
    Joint,
    Keypoint,
    Keypoints,
    LossReport,
    Mask,
    Polygon,
    Sample,
)
from synapse_hooks.data.masks import to_indices
from synapse_hooks.data.skeletons import PERSON
from tests.formats import coco_kit
from tests.formats.coco_kit import COCO, SQUARE, content, entry, put, read, reasons
from tests.formats.format_kit import Converter, info_of, png

RING = [(10, 10), (40, 10), (40, 50), (10, 50)]
RUNS = [(80 * x + 10, 30) for x in range(50, 80)]


def write(root: Path, *samples: list[AnyAnnotation], declared: DatasetInfo | None = None) -> tuple[Any, LossReport]:
    """The file that is written for images with these annotations."""
    root.mkdir(exist_ok=True)
    made = []
    for number, each in enumerate(samples):
        image = root / f'{number}.png'
        image.write_bytes(png(100, 80))
        made.append(Sample(f'{number}', image=image, width=100, height=80, annotations=each))
    file, report = coco_kit.write(made, root / 'out', declared)
    return json.loads(file.read_text()), report


def person(shift: float = 0, **more: Any) -> Keypoints:
    points = [Joint(12 + shift + n, 12 + 2 * n, n % 3) if n % 3 else Joint(0, 0, 0) for n in range(17)]
    return Keypoints(points, names=list(PERSON), label='person', **more)


def test_a_skeleton_and_its_shape_are_one_annotation(tmp_path: Path) -> None:
    annotations = [
        person(id='k', group='g', attributes={'pose': 'standing'}),
        Polygon.simple(RING, label='person', group='g', attributes={'colour': 'red'}),
        Box(1, 1, 5, 5, label='person', group='g'),
        person(50, id='alone', box=(60, 10, 20, 40)),
    ]
    said, report = write(tmp_path, annotations)
    assert report.lossless
    both, box, alone = said['annotations']
    assert both['segmentation'] == [[10, 10, 40, 10, 40, 50, 10, 50]]
    assert both['num_keypoints'] == 11
    assert both['keypoints'][:6] == [0, 0, 0, 13, 14, 1]
    assert both['attributes'] == {'pose': 'standing', 'colour': 'red'}
    assert 'keypoints' not in box
    assert (alone['bbox'], alone['area'], alone['segmentation']) == ([60, 10, 20, 40], 800, [])
    assert said['categories'] == [{'id': 1, 'name': 'person', 'supercategory': '', 'keypoints': list(PERSON)}]


def test_a_category_says_the_joints_that_its_dataset_declares(tmp_path: Path) -> None:
    skeletons = {'ant': {'keypoints': ['head', 'tail'], 'skeleton': [[1, 2]]}}
    order = {'ant': ('head', 'tail')}
    declared = DatasetInfo(('car', 'ant', 'snail'), skeletons=order, extra={'coco': {'skeletons': skeletons}})
    annotations = [
        Keypoints([Joint(1, 2), Joint(3, 4, 1)], names=['tail', 'head'], label='ant', box=(0, 0, 9, 9)),
        Keypoints([Joint(5, 6), Joint(7, 8)], names=['head', 'leg'], label='ant', id='9', box=(0, 0, 9, 9)),
        Keypoints([Joint(5, 6), Joint(7, 8), Joint(1, 1)], label='snail', box=(0, 0, 9, 9)),
        Box(1, 1, 2, 2, label='car'),
    ]
    said, report = write(tmp_path, annotations, declared=declared)
    car, ant, snail = said['categories']
    assert 'keypoints' not in car
    assert (ant['keypoints'], ant['skeleton']) == (['head', 'tail'], [[1, 2]])
    assert snail['keypoints'] == ['0', '1', '2']
    assert [each.get('keypoints') for each in said['annotations']] == [
        [3, 4, 1, 1, 2, 2],
        [5, 6, 2, 0, 0, 0],
        [5, 6, 2, 7, 8, 2, 1, 1, 2],
        None,
    ]
    assert [each.get('num_keypoints') for each in said['annotations']] == [2, 1, 3, None]
    assert reasons(report) == {'its class has fewer joints: others are left out': '9'}


def test_a_box_that_nobody_gave_is_drawn_around_the_joints_and_told(tmp_path: Path) -> None:
    said, report = write(tmp_path, [Keypoints([Joint(5, 6), Joint(7, 9), Joint(0, 0, 0)], label='ant', id='7')])
    assert said['annotations'][0]['bbox'] == [5, 6, 2, 3]
    assert reasons(report) == {'coco needs boxes: its box is drawn around its joints': '7'}


def test_joints_outlive_a_shape_that_cannot_be_written(tmp_path: Path) -> None:
    line = Polygon.simple([(1, 1), (2, 2), (3, 3)], label='ant', group='g', id='line')
    joints = Keypoints([Joint(5, 6), Joint(7, 9)], label='ant', group='g', box=(5, 6, 2, 3), attributes={'a': 1})
    said, report = write(tmp_path, [line, joints])
    (found,) = said['annotations']
    assert (found['keypoints'], found['bbox'], found['attributes']) == ([5, 6, 2, 7, 9, 2], [5, 6, 2, 3], {'a': 1})
    assert reasons(report) == {'it has no area': 'line'}


def test_joints_one_by_one_become_a_skeleton(tmp_path: Path) -> None:
    annotations: list[AnyAnnotation] = [
        Keypoint(20, 20, label='left_eye', id='a', group='g'),
        Keypoint(15, 25, label='nose', id='b', group='g'),
        Group(['a', 'b', 'c'], id='g', label='person'),
        Box(10, 10, 30, 30, label='person', id='c', group='g'),
    ]
    said, report = write(tmp_path, annotations)
    (found,) = said['annotations']
    assert report.lossless
    assert found['bbox'] == [10, 10, 30, 30]
    assert found['keypoints'] == [15, 25, 2, 20, 20, 2]
    assert said['categories'][0]['keypoints'] == ['nose', 'left_eye']


def test_masks_are_packed_and_crowds_are_counts(tmp_path: Path) -> None:
    mask_tools = pytest.importorskip('pycocotools.mask')
    crowd = Mask(RUNS, columns=True, label='cat', attributes={'iscrowd': True})
    said, report = write(tmp_path, [Mask(RUNS, columns=True, label='cat', box=(49, 9, 32, 32)), crowd])
    assert report.lossless
    packed, counts = said['annotations']
    assert isinstance(packed['segmentation']['counts'], str)
    assert mask_tools.decode(packed['segmentation']).T.ravel().nonzero()[0].tolist() == to_indices(RUNS)
    assert counts['segmentation']['counts'][:3] == [4010, 30, 50]
    assert (packed['iscrowd'], counts['iscrowd']) == (0, 1)
    assert (packed['bbox'], counts['bbox']) == ([49, 9, 32, 32], [50, 10, 30, 30])
    assert packed['area'] == counts['area'] == 900


def test_everything_that_was_read_is_written_again(tmp_path: Path, converter: Converter) -> None:
    people = {'id': 1, 'name': 'person', 'keypoints': ['head', 'foot'], 'skeleton': [[1, 2]]}
    rows = [
        entry(
            1,
            segmentation=[SQUARE, [40, 40, 50, 40, 50, 50]],
            area=450,
            keypoints=[12, 12, 2, 0, 0, 0],
            num_keypoints=1,
        ),
        entry(2, 2, bbox=[1.25, 2, 3, 4], area=12, segmentation=[], attributes={'occluded': True}, score=0.5),
        entry(3, 2, bbox=[10, 5, 1, 3], area=3, segmentation={'counts': [805, 3, 7192], 'size': [80, 100]}, iscrowd=1),
    ]
    said = content(rows, categories=[{**people, 'supercategory': ''}, {'id': 2, 'name': 'dog', 'supercategory': ''}])
    put(tmp_path / 'in' / 'annotations.json', said)
    (sample,), report = read(tmp_path / 'in')
    written, other = write(tmp_path / 'out', sample.annotations, declared=info_of(COCO, tmp_path / 'in'))
    assert report.lossless
    assert other.lossless
    assert written['annotations'] == rows
    assert written['categories'] == said['categories']


@pytest.mark.filterwarnings('ignore:.*__array__ implementation')
@pytest.mark.parametrize('judged', ['bbox', 'segm', 'keypoints'])
def test_pycocotools_finds_the_ground_truth_perfect(tmp_path: Path, judged: str) -> None:
    tools = pytest.importorskip('pycocotools.coco')
    evaluation = pytest.importorskip('pycocotools.cocoeval')
    annotations: list[AnyAnnotation] = [
        Polygon.simple(RING, label='person', group='g'),
        person(group='g'),
        Polygon([[RING], [[(60, 60), (90, 60), (90, 75)]]], label='boat'),
        Mask(RUNS, columns=True, label='cat'),
        Mask(RUNS[:10], columns=True, label='cat', attributes={'iscrowd': True}),
    ]
    box: list[AnyAnnotation] = [Box(5.5, 6, 40, 33.25, label='cat'), person(40, box=(50, 10, 40, 60))]
    write(tmp_path, annotations, [], box if judged != 'segm' else [])
    with contextlib.redirect_stdout(io.StringIO()):
        truth = tools.COCO(str(tmp_path / 'out' / 'annotations.json'))
        found = [{**each, 'score': 0.9} for each in truth.dataset['annotations'] if not each['iscrowd']]
        for each in found:
            if judged == 'segm':
                each['segmentation'] = truth.annToRLE(each)
                del each['bbox']
        if judged == 'keypoints':
            found = [each for each in found if 'keypoints' in each]
            people = truth.getCatIds(catNms=['person'])
        judge = evaluation.COCOeval(truth, truth.loadRes(found), judged)
        if judged == 'keypoints':
            judge.params.catIds = people
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    assert judge.stats[:3] == pytest.approx([1, 1, 1])
    assert len(found) == {'bbox': 5, 'segm': 3, 'keypoints': 2}[judged]
