"""Reading and writing exports of Label Studio, through the hooks that synapse-hooks calls."""

from __future__ import annotations

import json
import math
import shutil
from collections import Counter
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, ClassVar

import pytest
from synapse_hooks_labelstudio import LabelStudioFormat
from synapse_hooks_labelstudio.brush import decode, encode

from synapse_hooks.data import (
    Box,
    Classification,
    DatasetInfo,
    Keypoint,
    LossReport,
    Mask,
    Polygon,
    Polyline,
    Relation,
    RotatedBox,
    Sample,
    Unreadable,
)
from synapse_hooks.errors import ConfigError, DatasetInvalid
from synapse_hooks.formats import Format
from synapse_hooks.testing import FormatConformance, check_distribution, convert_dataset, png

FORMAT = LabelStudioFormat()
RECORDED = Path(__file__).with_name('export.json')
"""What a server of version 1.23.2 answered."""
SIZE = {'original_width': 200, 'original_height': 100, 'image_rotation': 0}


class TestLabelStudio(FormatConformance):
    format: ClassVar[Format] = FORMAT


def result(type: str, id: str = 'r', **value: Any) -> dict[str, Any]:
    labels = {type: ['cat']} if type.endswith('labels') else {}
    return {'id': id, 'type': type, 'from_name': 'n', 'to_name': 'image', 'value': {**value, **labels}, **SIZE}


def task(*results: Any, image: str = 'a.png', **fields: Any) -> dict[str, Any]:
    return {'id': 7, 'data': {'image': image}, 'annotations': [{'id': 1, 'result': [*results]}], **fields}


def put(root: Path, *tasks: Any, images: tuple[str, ...] = ('a.png',)) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name in images:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png(200, 100))
    (root / 'tasks.json').write_text(json.dumps(tasks))
    return root


def read(root: Path) -> tuple[list[Sample], LossReport]:
    report = LossReport()
    return list(FORMAT.bound(report=report, unreadable=Unreadable('skip', report)).read(root)), report


def read_one(root: Path, *results: Any) -> tuple[list[Any], LossReport]:
    (sample,), report = read(put(root, task(*results)))
    return [*sample.annotations], report


def write(out: Path, *annotations: Any) -> tuple[list[dict[str, Any]], LossReport]:
    image = out.parent / 'image.png'
    image.write_bytes(png(200, 100))
    out.mkdir()
    report = LossReport()
    sample = Sample('a', image=image, width=200, height=100, annotations=[*annotations])
    FORMAT.bound(report=report).write(iter([sample]), DatasetInfo(), out)
    (made,) = json.loads((out / 'tasks.json').read_text())
    return made['annotations'][0]['result'], report


def losses(report: LossReport) -> dict[tuple[str, str], int]:
    counts = Counter[tuple[str, str]]()
    for loss in report.losses.values():
        counts[loss.fate, loss.kind] += loss.count
    return dict(counts)


def test_an_export_of_a_server_is_read(tmp_path: Path) -> None:
    shutil.copy(RECORDED, tmp_path / 'project-1.json')
    for name, width, height in (
        ('d195e297-first_street.png', 100, 80),
        ('046d32c9-b.png', 60, 90),
        ('local/my photo.png', 40, 30),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(png(width, height))
    assert FORMAT.recognise(tmp_path)
    (street, second, photo), report = read(tmp_path)
    assert (street.id, second.id, photo.id) == ('d195e297-first_street', '046d32c9-b', 'local/my photo')
    car, sign, road, nose, mud, wheel, sunny, rain, relation = street.annotations
    assert car == Box(10, 20, 30, 40, id='r1', label='car')
    assert isinstance(sign, RotatedBox)
    assert (sign.w, sign.h, sign.attributes) == (20, 10, {'text': ['half hidden']})
    assert road == Polygon.simple([(1, 1.6), (90, 1.6), (50, 60.4)], id='p1', label='road')
    assert nose == Keypoint(33.3, 10, id='k1', label='nose')
    # The brush was painted with: rows 10 to 19 from column 5 to 49, and one pixel.
    assert mud == Mask([(row * 100 + 5, 45) for row in range(10, 20)] + [(3007, 1)], id='b1', label='mud')
    assert (wheel.kind, wheel.label) == ('polygon', 'wheel')
    assert [sunny, rain] == [Classification(id='c1-1', label='sunny'), Classification(id='c1-2', label='rain')]
    assert relation == Relation('e1', 'r1', id='e1 r1', label='part of')
    # The ground truth of two annotators.
    assert second.annotations == [Box(6, 9, 30, 45, id='y', label='car')]
    assert losses(report) == {
        ('converted', 'ellipse'): 1,
        ('dropped', 'annotation'): 2,
        ('dropped', 'prediction'): 1,
        ('dropped', 'image'): 2,
    }


def test_a_rectangle_is_turned_around_its_corner(tmp_path: Path) -> None:
    turned = result('rectanglelabels', x=50, y=20, width=20, height=10, rotation=90)
    (box,), _ = read_one(tmp_path, turned)
    # From (100, 20), 40 down and 10 to the left.
    assert box.extent(200, 100) == pytest.approx((90, 20, 100, 60))
    assert (box.w, box.h, box.angle) == pytest.approx((40, 10, math.pi / 2))


@pytest.mark.parametrize('angle', [0.3, 2.0, -3.0])
def test_a_rotated_box_comes_back_as_it_was_turned(tmp_path: Path, angle: float) -> None:
    before = RotatedBox(20, 30, 40, 10, angle, id='1', label='cat')
    _, report = write(tmp_path / 'out', before)
    (after,) = read(tmp_path / 'out')[0][0].annotations
    assert isinstance(after, RotatedBox)
    assert (after.x, after.y, after.w, after.h, after.angle) == pytest.approx((20, 30, 40, 10, angle))
    assert report.lossless


def test_an_ellipse_becomes_a_polygon_and_is_counted(tmp_path: Path) -> None:
    (found,), report = read_one(tmp_path, result('ellipselabels', x=50, y=50, radiusX=10, radiusY=40, rotation=90))
    # Turned by 90 degrees: 40 wide and 20 high become 80 wide and 40 high.
    assert found.extent(200, 100) == pytest.approx((60, 30, 140, 70), abs=0.2)
    assert losses(report) == {('converted', 'ellipse'): 1}


def test_labels_of_a_tool_of_their_own_and_what_is_said_of_a_region(tmp_path: Path) -> None:
    shape = result('rectangle', x=10, y=10, width=10, height=10) | {'score': 0.5, 'parentID': 'p'}
    labels = result('labels', x=10, y=10, width=10, height=10) | {'value': {'labels': ['dog', 'old']}}
    colour = result('choices', choices=['red']) | {'from_name': 'colour'}
    text = result('textarea', text=['a', 'b']) | {'from_name': 'remark'}
    (box,), report = read_one(tmp_path, shape, labels, colour, text)
    assert (box.kind, box.label) == ('box', 'dog')
    assert box.attributes == {'score': 0.5, 'parent': 'p', 'colour': 'red', 'remark': ['a', 'b'], 'labels': ['old']}
    assert losses(report) == {('converted', 'region'): 1}


def test_what_has_no_place_is_counted(tmp_path: Path) -> None:
    found, report = read_one(
        tmp_path,
        result('videorectangle', 'a', sequence=[]),
        result('textarea', 'b', text=['about the image']),
        result('rectanglelabels', 'c', x=1, y=1, width=5, height=5) | {'image_rotation': 90},
        result('rectanglelabels', 'd', x=1, y='2', width=5, height=5),
        result('rectanglelabels', 'e', x=1, y=1, width=5),
        result('brushlabels', 'f', format='rle', rle=[1, 2]),
        result('brushlabels', 'g', format='rle', rle=encode([], 10, 10)),
        {'type': 'relation', 'from_id': 'x', 'to_id': 'y'},
        'nothing',
        result('polygonlabels', 'h', points=[[1, 1], [9, 1], [9, 9]], closed=False),
    )
    assert found == [Polyline([(2, 1), (18, 1), (18, 9)], id='h', label='cat')]
    assert losses(report) == {('dropped', 'region'): 8, ('dropped', 'relation'): 1}
    reasons = {loss.reason for loss in report.losses.values()}
    assert "it is malformed: 'height' is missing" in reasons
    assert any('words, and 200 x 100 pixels have 80,000' in reason for reason in reasons)


def test_an_image_of_another_shape_than_was_annotated_is_doubtful(tmp_path: Path) -> None:
    half = {'original_width': 100, 'original_height': 50}
    other = {'original_width': 100, 'original_height': 100}
    boxes = [result('rectanglelabels', id, x=10, y=10, width=10, height=10) for id in 'ab']
    found, report = read_one(tmp_path, boxes[0] | half, boxes[1] | other)
    assert [box.x for box in found] == [20, 20]
    assert losses(report) == {('doubtful', 'image'): 1}


@pytest.mark.parametrize(
    ('image', 'file'),
    [
        ('/data/upload/3/1a2b3c4d-my_cat.png', '1a2b3c4d-my_cat.png'),
        ('/data/upload/3/1a2b3c4d-my_cat.png', 'images/my_cat.png'),
        ('/data/local-files/?d=set/my%20cat.png', 'set/my cat.png'),
        ('/data/local-files/?d=somewhere/set/my%20cat.png', 'set/my cat.png'),
        ('https://host/x/cat.png?X-Amz-Signature=1', 'cat.png'),
        ('s3://bucket/x/cat.png', 'images/x/cat.png'),
    ],
)
def test_images_are_found_by_the_end_of_their_paths(tmp_path: Path, image: str, file: str) -> None:
    (sample,), report = read(put(tmp_path, task(image=image), images=(file,)))
    assert sample.image == tmp_path / file
    assert losses(report).get(('repaired', 'image'), 0) == (file == 'images/my_cat.png')


@pytest.mark.parametrize(
    'image', ['../secret.png', '/data/local-files/?d=../secret.png', f'{"x" * 5000}.png', 'a\0.png']
)
def test_images_outside_of_the_dataset_are_not_read(tmp_path: Path, image: str) -> None:
    put(tmp_path / 'in', task(image=image), task(), images=('a.png',))
    (tmp_path / 'secret.png').write_bytes(png(200, 100))
    samples, report = read(tmp_path / 'in')
    assert [sample.image for sample in samples] == [tmp_path / 'in' / 'a.png']
    assert report.unreadable_count == 1


def test_tasks_that_were_skipped_or_not_annotated_are_no_items(tmp_path: Path) -> None:
    cancelled = [{'result': [], 'was_cancelled': True}]
    tasks = (task(annotations=cancelled), task(annotations=[]), task(predictions=[{'result': []}]), {'data': 5})
    (sample,), report = read(put(tmp_path, *tasks))
    assert sample.annotations == []
    expected = {('dropped', 'annotation'): 1, ('dropped', 'image'): 2, ('dropped', 'prediction'): 1}
    assert losses(report) == expected
    assert report.unreadable_count == 1


def test_the_annotation_that_was_changed_last_is_read(tmp_path: Path) -> None:
    def by(id: str, day: int) -> dict[str, Any]:
        box = result('rectanglelabels', id, x=10, y=10, width=10, height=10)
        return {'result': [box], 'updated_at': f'2026-01-{day:02}T10:00:00Z'}

    (sample,), _ = read(put(tmp_path, task(annotations=[by('a', 2), by('b', 3), by('c', 1)])))
    assert [box.id for box in sample.annotations] == ['b']


def test_everything_that_is_written_is_read_again(tmp_path: Path) -> None:
    before = [
        Box(-5, 10, 30, 20, id='1', label='cat', attributes={'score': 0.25, 'hidden': True, 'iscrowd': True}),
        Polygon.simple([(1, 1), (120, 1), (50, 90)], id='2', label='cat'),
        Polyline([(1, 1), (20, 30)], id='3', label='lane'),
        Keypoint(5, 6, id='4', label='nose'),
        Mask([(201, 5), (401, 5)], id='5', label='dog'),
        Classification(id='classes', label='sunny'),
        Relation('1', '2', id='1 2', label='near'),
    ]
    _, report = write(tmp_path / 'out', *before)
    (sample,), _ = read(tmp_path / 'out')
    after = {annotation.id: annotation for annotation in sample.annotations}
    for annotation in before:
        back = after[annotation.id]
        assert (back.kind, back.label, back.attributes) == (annotation.kind, annotation.label, annotation.attributes)
        assert back.positions() == [pytest.approx(point) for point in annotation.positions()]
    assert after['5'] == before[4]
    assert report.lossless
    interface = (tmp_path / 'out' / 'interface.xml').read_text()
    assert '<Image name="image" value="$image"/>' in interface
    assert '<RectangleLabels name="boxes" toName="image">\n    <Label value="cat"/>' in interface


def test_masks_by_columns_are_written_by_rows(tmp_path: Path) -> None:
    write(tmp_path / 'out', Mask([(102, 3)], columns=True, label='cat'))
    (mask,) = read(tmp_path / 'out')[0][0].annotations
    assert isinstance(mask, Mask)
    assert mask.runs == [(2 * 200 + 1, 1), (3 * 200 + 1, 1), (4 * 200 + 1, 1)]


def test_ids_that_are_there_twice_or_missing_are_made(tmp_path: Path) -> None:
    results, _ = write(tmp_path / 'out', *[Box(1, 1, 9, 9, id=id, label='cat') for id in ('a', 'a', '', 'a-1')])
    ids = [result['id'] for result in results]
    assert len({*ids}) == 4
    assert ids[0] == 'a'
    assert ids[3] == 'a-1'


def test_results_can_be_written_as_predictions_for_images_elsewhere(tmp_path: Path) -> None:
    image = tmp_path / 'my photo.png'
    image.write_bytes(png(200, 100))
    sample = Sample('my photo', image=image, width=200, height=100, annotations=[Box(1, 1, 9, 9, label='cat')])
    settings = {'labelstudio': {'write': 'predictions', 'prefix': 's3://bucket/'}}
    made = convert_dataset([sample], 'labelstudio', tmp_path / 'out', FORMAT, settings=settings)
    (written,) = json.loads((made.path / 'tasks.json').read_text())
    assert written['data'] == {'image': 's3://bucket/images/my%20photo.png'}
    assert written['predictions'][0]['model_version'] == 'synapse-hooks'
    for wrong in ({'write': 'drafts'}, {'prefix': 5}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            convert_dataset([sample], 'labelstudio', tmp_path / 'no', FORMAT, settings={'labelstudio': wrong})


@pytest.mark.parametrize(
    'runs', [[], [(0, 1)], [(0, 20000)], [(7, 3), (11, 1), (150, 9000)], [(index, 1) for index in range(1, 20000, 2)]]
)
def test_brush_strokes_come_back(runs: list[tuple[int, int]]) -> None:
    assert decode(encode(runs, 200, 100), 200, 100) == runs


def test_words_that_are_all_different_are_read() -> None:
    """As Label Studio packs them: here two pixels, the second one painted, with words that do not repeat."""
    header = f'{8:032b}{7:05b}' + f'{2:04b}' * 4
    bits = f'{header}000{7:03b}' + ''.join(f'{word:08b}' for word in (1, 2, 3, 0, 4, 5, 6, 7))
    bits += '0' * (-len(bits) % 8)
    assert decode([*int(bits, 2).to_bytes(len(bits) // 8)], 2, 1) == [(1, 1)]


def test_an_enormous_mask_costs_nothing() -> None:
    with pytest.raises(ValueError, match='ends too early'):
        decode([*(4 * 16_000 * 16_000).to_bytes(4), 0x3F, 0xFF, 0xFF], 16_000, 16_000)


def test_json_min_is_named(tmp_path: Path) -> None:
    (tmp_path / 'flat.json').write_text('[{"image": "a.png", "annotator": 1, "annotation_id": 2}]')
    with pytest.raises(DatasetInvalid, match='JSON-MIN') as caught:
        FORMAT.recognise(tmp_path)
    assert caught.value.hint == 'export the project as JSON'


@pytest.mark.parametrize('content', ['{"a": 1}', '[[', '[{"annotations": [{"result": [', '[' * 5000])
def test_what_is_not_an_export_is_an_error_of_the_package(tmp_path: Path, content: str) -> None:
    (tmp_path / 'tasks.json').write_text(content)
    with pytest.raises(DatasetInvalid):
        read(tmp_path)


def test_the_distribution_is_valid() -> None:
    if not any(entry.name == 'labelstudio' for entry in entry_points(group='synapse_hooks.formats')):
        pytest.skip('synapse-hooks-labelstudio is not installed here')
    check_distribution('synapse-hooks-labelstudio')
