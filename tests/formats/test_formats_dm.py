"""DM: nothing is lost on the way through, and files are paired rightly."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.data import (
    Box,
    Group,
    Joint,
    Keypoint,
    Keypoints,
    LossReport,
    Mask,
    Other,
    Polygon,
    Relation,
    RotatedBox,
    Sample,
)
from synapse_hooks.errors import DatasetInvalid, LossRefused, UnreadableItem
from synapse_hooks.formats.dm.document import decode, read_document, write_document
from tests.formats.format_kit import (
    SAMPLES,
    Converter,
    add_item,
    box,
    builtin,
    polygon,
    read_all,
    tree,
    write_dm,
)

DM = builtin('dm')


def through(document: dict[str, Any]) -> dict[str, Any]:
    sample = Sample('x', width=64, height=48)
    read_document(document, sample)
    report = LossReport()
    written = write_document(sample, report)
    assert report.lossless
    return json.loads(json.dumps(written))


def read(root: Path, tolerance: float = 1.0) -> tuple[list[Sample], LossReport]:
    return read_all(DM, root, unreadable=tolerance)


@pytest.mark.parametrize('file', sorted((SAMPLES / 'json').iterdir()) + sorted((SAMPLES / 'media').iterdir()), ids=str)
def test_a_document_comes_back_as_it_was(file: Path) -> None:
    document = json.loads(file.read_bytes())
    assert through(document) == document


@pytest.mark.parametrize(
    'document',
    [
        {'images': []},
        {'classification': None, 'images': [{}]},
        {'classification': {'bounding_box': ['unused', 'car']}, 'images': [{'bounding_box': [box(0, 0, 1, 1)]}]},
        {'images': [{'bounding_box': None, 'polygon': []}, {'bounding_box': [box(1, 2, 3, 4)]}], 'more': {'a': 1}},
        {'images': [{'bounding_box': [box(0, 0, 1, 1, group_bbox=[1, 2], score=0.5)]}]},
        {'images': [{'bounding_box': [{'data': [1, 2, 3, 4]}]}]},
        {'images': [{'bounding_box': [{'id': 7, 'classification': None, 'attrs': None, 'data': [1, 2, 3, 4]}]}]},
        {'images': [{'bounding_box': [box(0, 0, 1, 1), box(2, 2, 1, 1)]}]},
        {'images': [{'bounding_box': ['nonsense', {'id': 'a', 'data': [1, 2]}, {'id': 'b', 'data': ['1', 2, 3, 4]}]}]},
        {'images': [{'polygon': [polygon([]), polygon([[1, 2, 3]])], 'hologram': [{'id': 'h', 'data': 5}]}]},
        {'images': [{'keypoint': [{'id': 'k', 'classification': 'nose', 'attrs': [], 'data': [1, 2]}]}]},
        {'images': [{'segmentation': [{'id': 'm', 'classification': 'a', 'attrs': [], 'data': [9, 3, 4]}]}]},
        {'images': [{'segmentation': [{'id': 'm', 'classification': 'a', 'attrs': [], 'data': [[3, 4]]}]}]},
        {'images': [{'bounding_box': [{**box(0, 0, 1, 1), 'attrs': [{'name': 'a', 'value': 1, 'unit': 'm'}]}]}]},
        {'images': [{'bounding_box': [{**box(0, 0, 1, 1), 'attrs': [{'name': 'a', 'value': v} for v in (1, 2)]}]}]},
        {'images': [{'bounding_box': [{**box(0, 0, 1, 1), 'attrs': [{'name': 'rotation', 'value': 0}]}]}]},
        {'videos': [{'segmentation': [{'id': 'v', 'data': {'startFrame': 1}}]}, {'segmentation': []}]},
        {'images': 'x', 'videos': {'a': 1}, 'audios': None},
        {'images': [{'bounding_box': 'x', 'polygon': {'0': []}, 'keypoint': None, 'width': 64}, {'group': 5}]},
        {'images': [{'bounding_box': [{**box(0, 0, 1, 1), 'classification': 5}, {**box(0, 0, 1, 1), 'attrs': 'x'}]}]},
        {'images': [{'segmentation': [{'id': 'm', 'data': [1 << 40], 'encoding': 'raw_indices'}]}]},
    ],
    ids=str,
)
def test_an_odd_document_comes_back_as_it_was(document: dict[str, Any]) -> None:
    assert through(document) == document


SHAPE = {'id': 'a', 'classification': 'car', 'attrs': []}


@pytest.mark.parametrize(
    ('tool', 'row', 'fault'),
    [
        ('bounding_box', 'x', 'it is a text instead of an object'),
        ('bounding_box', SHAPE, 'its data should be [x, y, width, height], and are null'),
        (
            'bounding_box',
            SHAPE | {'data': [1, 2, 3]},
            'its data should be [x, y, width, height], and there are 3 values',
        ),
        ('bounding_box', SHAPE | {'data': ['1', 2, 3, 4]}, '[x, y, width, height], and there is a text'),
        ('bounding_box', SHAPE | {'data': [1, 2, 3, None]}, '[x, y, width, height], and there is null'),
        ('bounding_box', SHAPE | {'data': [1, 2, 3, True]}, '[x, y, width, height], and there is true or false'),
        ('bounding_box', box(1, 2, 3, 4) | {'classification': 5}, 'its classification is a number instead of a text'),
        ('bounding_box', box(1, 2, 3, 4) | {'attrs': ['x']}, 'its attrs should be objects with name and value'),
        (
            'bounding_box',
            box(1, 2, 3, 4) | {'attrs': [{'name': 'a'}]},
            'its attrs should be objects with name and value',
        ),
        ('polygon', SHAPE | {'data': []}, 'it has no points'),
        ('polygon', SHAPE | {'data': [1, 2]}, 'its data should be points [x, y], and there is a number'),
        ('polyline', SHAPE | {'data': [[1, 2, 3]]}, 'its data should be points [x, y], and there are 3 values'),
        ('keypoint', SHAPE | {'data': [1]}, 'its data should be [x, y], and there are 1 values'),
        ('keypoint', SHAPE | {'data': [1, 2], 'visibility': 7}, 'its visibility is none of 0, 1 and 2'),
        ('segmentation', SHAPE | {'data': {}}, 'pixel numbers, or runs [start, length], and are an object'),
        ('segmentation', SHAPE | {'data': [[1]]}, 'its data should be runs [start, length], and not all are'),
        ('segmentation', SHAPE | {'data': ['a', 2]}, 'its data should be pixel numbers, and not all are'),
        ('segmentation', SHAPE | {'data': [-1]}, 'its data should be pixel numbers, and not all are'),
        ('classification', SHAPE | {'data': [1]}, 'its data should be empty, and are a list'),
        ('relation', SHAPE | {'data': ['a']}, 'its data should be two ids, and there are 1'),
        ('group', SHAPE | {'data': [5]}, 'its data should be ids, and there is a number'),
    ],
)
def test_a_malformed_row_says_what_is_wrong_with_it(tool: str, row: Any, fault: str) -> None:
    sample = Sample('x')
    read_document({'images': [{tool: [row]}]}, sample)
    (found,) = sample.annotations
    assert isinstance(found, Other)
    assert found.document == row
    assert found.fault.endswith(fault)


def test_other_tools_and_media_are_not_at_fault() -> None:
    sample = Sample('x')
    entry = {'hologram': [5], 'width': 640, 'polygon': None}
    read_document({'images': [entry], 'pcds': [{'3d_bounding_box': [{'id': 'p'}]}], 'texts': None}, sample)
    assert [(one.kind, one.fault) for one in sample.annotations if isinstance(one, Other)] == [
        ('images.hologram', ''),
        ('pcds.3d_bounding_box', ''),
    ]


@pytest.mark.parametrize(
    ('document', 'kind', 'reason'),
    [
        ({'images': 'x'}, 'images', 'it is a text instead of a list'),
        ({'images': [{'bounding_box': 'x'}]}, 'images.bounding_box', 'it is a text instead of a list'),
        ({'images': [{'polygon': {'0': []}}]}, 'images.polygon', 'it is an object instead of a list'),
        ({'images': [{}], 'videos': 5}, 'videos', 'it is a number instead of a list'),
        (
            {'images': [{'bounding_box': [SHAPE | {'data': [1, 2]}]}]},
            'images.bounding_box',
            'its data should be [x, y, width, height], and there are 2 values',
        ),
    ],
)
@pytest.mark.parametrize('target', ['coco', 'yolo', 'imagefolder'])
def test_what_is_malformed_is_dropped_aloud(
    document: dict[str, Any], kind: str, reason: str, target: str, tmp_path: Path, converter: Converter
) -> None:
    cat = {'id': 'c', 'classification': 'cat', 'attrs': [], 'data': {}}
    for split in ('train', 'valid'):
        add_item(tmp_path / split, split, {'bounding_box': [box(1, 1, 5, 5)], 'classification': [cat]})
    add_item(tmp_path / 'train', 'odd', {})
    (tmp_path / 'train' / 'json' / 'odd.json').write_text(json.dumps(document))
    converter(tmp_path, 'dm', target)
    (loss,) = [loss for loss in converter.losses['dropped'] if loss['kind'] == kind]
    assert (loss['count'], loss['reason']) == (1, f'it is malformed: {reason}')
    assert loss['examples'][0]['file'] == 'odd'
    with pytest.raises(LossRefused):
        converter(tmp_path, 'dm', target, strict=True)


def test_either_half_of_an_annotation_of_version_1_is_told() -> None:
    def half(id: str) -> dict[str, Any]:
        return {'id': id, 'tool': 'bounding_box', 'classification': {'class': 'car'}}

    place = {'coordinate': {'x': 1, 'y': 2, 'width': 3, 'height': 4}}
    document = {
        'annotations': {'image_1': [half('whole'), half('first')]},
        'annotationsData': {'image_1': [{'id': 'whole', **place}, {'id': 'second', **place}]},
    }
    sample = Sample('x')
    read_document(document, sample)
    assert [(one.id, one.kind, getattr(one, 'fault', '')) for one in sample.annotations] == [
        ('whole', 'box', ''),
        ('first', 'images.bounding_box', 'annotationsData has no entry for it'),
        ('second', 'images.annotationsData', 'annotations has no entry for it'),
    ]


def test_annotations_are_what_the_format_says() -> None:
    samples, report = read_samples('json')
    found = {annotation.id: annotation for sample in samples for annotation in sample.annotations}
    car = found['Bx7Qm2LpR0']
    assert isinstance(car, Box)
    assert (car.x, car.y, car.w, car.h, car.label) == (48.5, 210.25, 161, 92.5, 'car')
    assert car.attributes == {'occluded': False, 'color': 'silver'}
    bike = found['bBike00001']
    assert isinstance(bike, RotatedBox)
    assert bike.angle == 0.35
    assert isinstance(found['rRides0001'], Relation)
    assert found['rRides0001'].target == 'bBike00001'
    nose = found['kP00000000']
    assert isinstance(nose, Keypoint)
    assert (nose.label, nose.group, nose.visibility) == ('nose', 'gPerson001', 2)
    boat = found['mRaw000001']
    assert isinstance(boat, Mask)
    assert boat.runs == [(1548, 8), (1612, 8), (1676, 8), (1740, 8)]
    assert report.lossless


def read_samples(folder: str) -> tuple[list[Sample], LossReport]:
    samples = []
    for file in sorted((SAMPLES / folder).iterdir()):
        sample = Sample(file.stem)
        read_document(json.loads(file.read_bytes()), sample)
        samples.append(sample)
    return samples, LossReport()


def test_version_1_says_the_same_as_version_2() -> None:
    (street, pose), _ = read_samples('v1')
    (street2, _, pose2, *_), _ = read_samples('json')
    for old, new in zip(street.annotations, street2.annotations, strict=True):
        old.extra = {}
        assert old == new
    assert (street.width, street.height) == (640, 480)
    assert [a.extra.clear() or a for a in pose.annotations[:-1]] == pose2.annotations[:-1]
    group = pose.annotations[-1]
    assert isinstance(group, Group)
    assert group.members[0] == 'kP00000000'


def test_version_1_tools() -> None:
    rows = {
        'bounding_box': {'coordinate': {'x': 1, 'y': 2, 'width': 3, 'height': 4, 'rotation': 0.5}},
        'polygon': {'coordinate': [{'x': 0, 'y': 0, 'id': 'a'}, {'x': 4, 'y': 0}, {'x': 4, 'y': 4}]},
        'segmentation': {'pixel_indices': [[3, 2]], 'isCompressed': True, 'compressionFormat': 'rle'},
        'relation': {'annotationId': 'bounding_box', 'targetAnnotationId': 'polygon'},
        'hologram': {'depth': 3},
    }
    document = {
        'annotations': {
            'image_1': [{'id': tool, 'tool': tool, 'classification': {'class': 'c'}} for tool in rows],
            'video_1': [{'id': 'v', 'tool': 'segmentation', 'classification': {'class': 'turn'}}],
        },
        'annotationsData': {
            'image_1': [{'id': tool, **data} for tool, data in rows.items()],
            'video_1': [{'id': 'v', 'section': {'startFrame': 1, 'endFrame': 9}}],
        },
    }
    sample = Sample('x')
    read_document(document, sample)
    assert sample.medium == 'image'
    turned, area, mask, relation, hologram, video = sample.annotations
    assert isinstance(turned, RotatedBox)
    assert isinstance(area, Polygon)
    assert area.parts == [[[(0, 0), (4, 0), (4, 4)]]]
    assert isinstance(mask, Mask)
    assert mask.runs == [(3, 2)]
    assert isinstance(relation, Relation)
    assert (hologram.kind, video.kind) == ('images.hologram', 'videos.segmentation')
    assert isinstance(video, Other)
    assert video.document['data'] == {'startFrame': 1, 'endFrame': 9}
    written = write_document(sample, LossReport())
    assert written['images'][0]['bounding_box'][0]['attrs'] == [{'name': 'rotation', 'value': 0.5}]
    assert through(written) == written


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        (b'', 'is empty (0 bytes)'),
        (b'{"images": [{"bounding_box": [', 'is not JSON'),
        (b'[1]', 'holds a JSON list, not an object'),
        (b'\xff\xfe', 'is not JSON'),
        (b'{"images": [5]}', 'images[0] is not an object'),
        (b'{"annotations": [1]}', 'is not a DM document'),
    ],
)
def test_a_broken_document_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    add_item(tmp_path, 'good', {'bounding_box': [box(1, 1, 2, 2)]})
    add_item(tmp_path, 'torn', {})
    (tmp_path / 'json' / 'torn.json').write_bytes(content)
    samples, report = read(tmp_path)
    assert [sample.id for sample in samples] == ['good']
    reason = report.to_dict()['unreadable']['examples'][0]['reason']
    assert 'torn.json' in reason
    assert said in reason
    with pytest.raises(UnreadableItem, match=r'torn\.json'):
        read(tmp_path, 0.0)


def test_a_byte_order_mark_is_no_fault() -> None:
    assert decode(b'\xef\xbb\xbf{"images": []}') == {'images': []}


def test_files_pair_by_stem(tmp_path: Path) -> None:
    add_item(tmp_path, 'upper', {}, suffix='.PNG')
    add_item(tmp_path, 'unusual', {}, suffix='.jfif')
    add_item(tmp_path, 'day/cam1/0001', {})
    add_item(tmp_path, 'night/cam1/0001', {}, suffix='.jpg')
    add_item(tmp_path, 'dots.in.name', {})
    add_item(tmp_path, unicodedata.normalize('NFD', 'café'), None)
    (tmp_path / 'json' / (unicodedata.normalize('NFC', 'café') + '.json')).write_text('{"images": [{}]}')
    add_item(tmp_path, 'twin', None)
    add_item(tmp_path, 'twin', None, suffix='.jpg')
    for name in ('twin.png.json', 'twin.jpg.json'):
        (tmp_path / 'json' / name).write_text('{"images": [{}]}')
    add_item(tmp_path, 'alone', None)
    (tmp_path / 'original_files' / '.DS_Store').write_bytes(b'')
    samples, report = read(tmp_path)
    assert [(sample.id, sample.image.name if sample.image else '') for sample in samples] == [
        ('café', unicodedata.normalize('NFD', 'café') + '.png'),
        ('day/cam1/0001', '0001.png'),
        ('dots.in.name', 'dots.in.name.png'),
        ('night/cam1/0001', '0001.jpg'),
        ('twin.jpg', 'twin.jpg'),
        ('twin.png', 'twin.png'),
        ('unusual', 'unusual.jfif'),
        ('upper', 'upper.PNG'),
    ]
    assert report.to_dict()['dropped'][0]['examples'] == [{'file': 'alone.png', 'id': ''}]


def test_nobody_guesses_which_of_two_images_is_meant(tmp_path: Path) -> None:
    add_item(tmp_path, 'a', {})
    add_item(tmp_path, 'a', {}, suffix='.jpg')
    samples, report = read(tmp_path)
    assert samples == []
    assert 'a.jpg or a.png' in report.to_dict()['unreadable']['examples'][0]['reason']


def test_a_file_of_another_kind_goes_with_its_image(tmp_path: Path) -> None:
    add_item(tmp_path, 'a', {})
    (tmp_path / 'original_files' / 'a.pcd').write_bytes(b'points')
    samples, report = read(tmp_path)
    assert samples[0].file_name == 'a.png'
    assert report.lossless
    write_dm(samples, tmp_path / 'out')
    assert tree(tmp_path / 'out').keys() == {'json/a.json', 'original_files/a.png', 'original_files/a.pcd'}


def test_a_missing_image_is_an_unreadable_item(tmp_path: Path) -> None:
    add_item(tmp_path, 'a', {'bounding_box': [box(0, 0, 1, 1)]})
    (tmp_path / 'original_files' / 'a.png').unlink()
    samples, report = read(tmp_path)
    assert samples == []
    assert 'original_files/a.* is missing' in report.to_dict()['unreadable']['examples'][0]['reason']


def test_other_media_need_no_image(tmp_path: Path, converter: Converter) -> None:
    (tmp_path / 'json').mkdir()
    (tmp_path / 'original_files').mkdir()
    (tmp_path / 'json' / 'cloud.json').write_bytes((SAMPLES / 'media' / '07_pointcloud_3d.json').read_bytes())
    (tmp_path / 'original_files' / 'cloud.pcd').write_bytes(b'points')
    samples, report = read(tmp_path)
    assert report.lossless
    assert (samples[0].medium, samples[0].image) == ('point_cloud', None)
    assert samples[0].file.endswith('cloud.pcd')
    assert [annotation.kind for annotation in samples[0].annotations] == [
        'pcds.3d_bounding_box',
        'pcds.3d_bounding_box',
        'pcds.3d_segmentation',
    ]
    write_dm(samples, tmp_path / 'out')
    assert (tmp_path / 'out' / 'original_files' / 'cloud.pcd').read_bytes() == b'points'
    with pytest.raises(DatasetInvalid, match='none of its annotations can be expressed'):
        converter(tmp_path, 'dm', 'coco')


def test_splits_and_a_written_dataset_reads_as_the_first(tmp_path: Path, sample_dm: Path) -> None:
    for split in ('train', 'valid'):
        for file, content in tree(sample_dm).items():
            target = tmp_path / 'split' / split / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    samples, _ = read(tmp_path / 'split')
    assert [sample.split for sample in samples] == ['train'] * 6 + ['valid'] * 6
    write_dm(samples, tmp_path / 'out')
    again, _ = read(tmp_path / 'out')
    assert [sample.annotations for sample in again] == [sample.annotations for sample in samples]
    source, written = tree(tmp_path / 'split'), tree(tmp_path / 'out')
    assert source.keys() == written.keys()
    for name, content in written.items():
        same = json.loads(content) == json.loads(source[name]) if name.endswith('.json') else content == source[name]
        assert same, name


def test_both_layouts_at_once_are_refused(tmp_path: Path) -> None:
    add_item(tmp_path, 'a', {})
    add_item(tmp_path / 'train', 'b', {})
    with pytest.raises(DatasetInvalid, match='splits beside it'):
        read(tmp_path)


@pytest.mark.parametrize('split', ['train', ''])
def test_a_folder_that_is_no_split_is_told(split: str, tmp_path: Path) -> None:
    add_item(tmp_path / split, 'a', {})
    for name in ('foo', 'Valid'):
        add_item(tmp_path / name, 'b', {})
    (tmp_path / 'notes').mkdir()
    (tmp_path / '.staging' / 'json').mkdir(parents=True)
    samples, report = read(tmp_path)
    assert [sample.id for sample in samples] == ['a']
    (loss,) = report.losses.values()
    assert (loss.fate, loss.kind, loss.count) == ('dropped', 'folder', 2)
    assert loss.reason == 'it is not a split (train, valid, test): name it to read it alone'
    assert [where['file'] for where in loss.examples] == ['Valid', 'foo']


def test_one_split_under_two_names_is_refused(tmp_path: Path) -> None:
    for name in ('train', 'val', 'valid'):
        add_item(tmp_path / name, 'a', {})
    with pytest.raises(DatasetInvalid, match='has valid and val, which are one split'):
        read(tmp_path)


def test_what_operating_systems_leave_is_nobodys_data(tmp_path: Path) -> None:
    add_item(tmp_path, 'a', {'bounding_box': [box(1, 1, 5, 5)]})
    for name in ('json/Thumbs.db', 'original_files/desktop.ini', 'original_files/.DS_Store'):
        (tmp_path / name).write_bytes(b'')
    samples, report = read(tmp_path)
    assert [sample.id for sample in samples] == ['a']
    assert report.lossless


def test_a_folder_that_is_no_dm_dataset(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match='is not a DM dataset'):
        read(tmp_path)
    assert not DM.recognise(tmp_path)


def test_what_dm_cannot_say_is_said_otherwise_and_counted() -> None:
    square, hole = [(0, 0), (9, 0), (9, 9), (0, 9)], [(3, 3), (6, 3), (6, 6)]
    sample = Sample('x', width=20, height=20)
    sample.annotations = [
        Polygon([[square], [[(10, 10), (12, 10), (12, 12)]]], id='two', label='lake'),
        Polygon([[square, hole]], id='ring', label='lake'),
        Keypoints([Joint(1, 2), Joint(3, 4, 0)], names=['nose', 'tail'], box=(0, 0, 5, 5), id='dog', label='dog'),
        Box(0, 0, 1, 1, id='not ok!'),
        Relation(source='not ok!', target='dog-box', id='r'),
    ]
    report = LossReport()
    entry = write_document(sample, report)['images'][0]
    assert [row['id'] for row in entry['polygon']] == ['two-1', 'two-2', 'ring']
    assert entry['group'][0]['data'] == ['two-1', 'two-2']
    assert [(row['classification'], row['visibility']) for row in entry['keypoint']] == [('nose', 2), ('tail', 0)]
    assert entry['relation'][0]['data'] == ['not_ok_', 'dog-box']
    assert {loss.reason for loss in report.losses.values()} == {
        'DM polygons have one part: one polygon each',
        'DM polygons have no holes: filled',
    }
