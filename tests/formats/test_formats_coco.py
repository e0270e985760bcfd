"""COCO: ids never shift, RLE and crowds are not lost, hostile names stay inside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synapse_hooks.data import Box, Keypoints, Mask, Polygon, Sample
from synapse_hooks.data.masks import to_indices
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats import BUILTIN, FormatReader, guess_format
from tests.formats.coco_kit import COCO, SQUARE, content, entry, put, read, write
from tests.formats.format_kit import Converter, add_item, box, builtin, info_of, png, polygon, read_all, tree


def test_every_kind_of_entry(tmp_path: Path) -> None:
    put(
        tmp_path / 'annotations.json',
        content(
            [
                entry(11, attributes={'color': 'red'}, score=0.5),
                entry(12, 2, segmentation=[SQUARE, [40, 40, 50, 40, 50, 50]]),
                entry(13, segmentation={'counts': [80 * 10 + 5, 3, 80 * 90 - 8], 'size': [80, 100]}, iscrowd=1),
                entry(14, segmentation=[SQUARE], keypoints=[1, 2, 2, 0, 0, 0], num_keypoints=1),
            ]
        ),
    )
    (sample,), report = read(tmp_path)
    plain, parts, crowd, person, skeleton = sample.annotations
    assert report.lossless
    assert isinstance(plain, Box)
    assert (plain.id, plain.label, plain.attributes, plain.extra) == (
        '11',
        'car',
        {'color': 'red'},
        {'coco': {'score': 0.5}},
    )
    assert isinstance(parts, Polygon)
    assert (parts.label, [len(part[0]) for part in parts.parts]) == ('dog', [4, 3])
    assert isinstance(crowd, Mask)
    assert (crowd.runs, crowd.columns, crowd.attributes) == ([(805, 3)], True, {'iscrowd': True})
    assert isinstance(skeleton, Keypoints)
    assert (skeleton.group, person.group, skeleton.points[0]) == ('14', '14', (1, 2, 2))


def test_sparse_ids_and_category_zero(tmp_path: Path, converter: Converter) -> None:
    categories = [{'id': 90, 'name': 'toothbrush'}, {'id': 0, 'name': 'zebra'}, {'id': 13, 'name': 'ape'}]
    for split in ('train', 'valid'):
        rows = [entry(1, 0), entry(2, 13), entry(3, 90)]
        put(tmp_path / 'coco' / split / 'annotations.json', content(rows, categories=categories))
        categories = categories[::-1]
    made = converter(tmp_path / 'coco', 'coco', 'yolo')
    assert made['classes'] == ['zebra', 'ape', 'toothbrush']
    for split in ('train', 'val'):
        rows = (made['path'] / 'labels' / split / 'a.txt').read_text().splitlines()
        assert [row.split()[0] for row in rows] == ['0', '1', '2']


def test_what_is_wrong_with_an_annotation_is_counted_and_costs_nothing_else(tmp_path: Path) -> None:
    rows = [
        entry(1, 77),
        entry(2, image=99),
        entry(3, bbox=[1, 2, 3]),
        entry(4, segmentation=[[1, 2, 3, 4]]),
        entry(5, segmentation={'counts': [5], 'size': [5, 1]}),
        entry(6, bbox=None),
        entry(7),
    ]
    put(tmp_path / 'annotations.json', content(rows))
    (sample,), report = read(tmp_path)
    assert [annotation.id for annotation in sample.annotations] == ['7']
    reasons = {loss['reason']: loss['examples'][0]['id'] for loss in report.to_dict()['dropped']}
    assert sorted(reasons.values()) == ['1', '2', '3', '4', '5', '6']
    assert reasons["its category_id 77 is not in the file, which declares 1 ('car'), 2 ('dog')"] == '1'
    assert reasons['its image is not in the file'] == '2'


def test_crowds_are_dropped_aloud_from_yolo(tmp_path: Path, converter: Converter) -> None:
    mask = {'counts': [805, 3, 80 * 100 - 808], 'size': [80, 100]}
    for split in ('train', 'valid'):
        rows = [entry(1), entry(2, segmentation=mask, iscrowd=1), entry(3, segmentation=mask)]
        put(tmp_path / 'coco' / split / 'annotations.json', content(rows))
    made = converter(tmp_path / 'coco', 'coco', 'yolo', target_task='detect')
    assert len((made['path'] / 'labels' / 'train' / 'a.txt').read_text().splitlines()) == 2
    assert converter.reasons('dropped') == {('mask', 'yolo detect has no crowd regions'): 2}
    assert converter.reasons('converted') == {('mask', 'yolo detect holds boxes: its enclosing box'): 2}


@pytest.mark.parametrize(
    ('file', 'images', 'split'),
    [
        ('annotations/instances_train2017.json', 'train2017', 'train'),
        ('annotations/instances_val2017.json', 'images/val2017', 'valid'),
        ('annotations/instances_train.json', 'images/train', 'train'),
        ('annotations/instances_default.json', 'images', None),
        ('annotations/person_keypoints_val.json', 'images/val', 'valid'),
        ('valid/_annotations.coco.json', 'valid', 'valid'),
        ('val/annotations.json', 'val/images', 'valid'),
        ('annotations.json', 'images', None),
    ],
)
def test_layouts(tmp_path: Path, file: str, images: str, split: str | None) -> None:
    put(tmp_path / file, content([entry(1)], ['cam1/a.JPG']), tmp_path / images)
    for path in (tmp_path, tmp_path / file):
        assert COCO.recognise(path)
        (sample,), report = read(path)
        assert report.lossless
        assert sample.id == 'cam1/a'
        assert len(sample.annotations) == 1
    assert read(tmp_path)[0][0].split == split


def test_no_name_leads_outside(tmp_path: Path, converter: Converter) -> None:
    (tmp_path / 'secret.png').write_bytes(png(5, 5))
    names = ['../secret.png', str(tmp_path / 'secret.png'), 'a.png', '..\\secret.png', 'odd:name*.png']
    said = content([entry(1, image=3), entry(2, image=1)], names)
    put(tmp_path / 'coco' / 'annotations.json', {**said, 'images': said['images'][2:3] + said['images'][4:]})
    (tmp_path / 'coco' / 'annotations.json').write_text(json.dumps(said))
    made = converter(tmp_path / 'coco', 'coco', 'dm', unreadable='skip')
    assert converter.losses['unreadable']['count'] == 3
    assert tree(made['path']).keys() == {
        'json/a.json',
        'json/odd_name_.json',
        'original_files/a.png',
        'original_files/odd_name_.png',
    }


def test_stems_that_meet_stay_apart(tmp_path: Path, converter: Converter) -> None:
    put(tmp_path / 'coco' / 'annotations.json', content([entry(1)], ['a.png', 'a.jpg', 'b/a.png']))
    made = converter(tmp_path / 'coco', 'coco', 'dm')
    assert {name for name in tree(made['path']) if name.endswith('.json')} == {
        'json/a.json',
        'json/a~2.json',
        'json/b/a.json',
    }
    back = converter(made['path'], 'dm', 'coco')
    images = json.loads(back['config_path'].read_text())['images']
    assert [image['file_name'] for image in images] == ['a.png', 'a~2.jpg', 'b/a.png']


def test_missing_images_are_unreadable_items(tmp_path: Path) -> None:
    file = put(tmp_path / 'annotations.json', content([entry(1)], ['a.png', 'b.png']))
    (tmp_path / 'a.png').unlink()
    samples, report = read(file)
    assert [sample.id for sample in samples] == ['b']
    assert 'the image a.png is missing' in report.to_dict()['unreadable']['examples'][0]['reason']
    assert not report.to_dict()['dropped']


def test_a_size_that_is_only_in_the_header(tmp_path: Path) -> None:
    said = content([entry(1)])
    del said['images'][0]['width']
    put(tmp_path / 'annotations.json', said)
    (sample,), _ = read(tmp_path)
    assert (sample.width, sample.height) == (100, 80)


@pytest.mark.parametrize(
    'text', ['{"images": [', '[]', '{"annotations": []}', '{"images": [1]}', '{"images": [], "categories": {}}', '']
)
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / 'annotations.json').write_text(text)
    with pytest.raises(DatasetInvalid, match=r'annotations\.json'):
        read(tmp_path)


# -- writing -----------------------------------------------------------------------------------------------------


def test_one_file_for_each_split_with_the_same_categories(tmp_path: Path, converter: Converter) -> None:
    add_item(tmp_path / 'dm' / 'train', 'a', {'bounding_box': [box(310.2, 36.4, 18.6, 7.1, 'zebra')]}, size=(400, 90))
    add_item(tmp_path / 'dm' / 'valid', 'c/b', {'polygon': [polygon([[0, 0], [50, 0], [50, 40]], 'ape')]})
    add_item(tmp_path / 'dm' / 'valid', 'empty', {})
    made = converter(tmp_path / 'dm', 'dm', 'coco')
    assert made['config_path'] == made['path'] / 'train' / 'annotations.json'
    assert set(tree(made['path'])) == {
        'train/annotations.json',
        'train/a.png',
        'valid/annotations.json',
        'valid/c/b.png',
        'valid/empty.png',
    }
    train = json.loads((made['path'] / 'train' / 'annotations.json').read_text())
    valid = json.loads((made['path'] / 'valid' / 'annotations.json').read_text())
    assert train['categories'] == valid['categories']
    assert [category['name'] for category in train['categories']] == ['ape', 'zebra']
    assert train['annotations'] == [
        {
            'id': 1,
            'image_id': 1,
            'category_id': 2,
            'bbox': [310.2, 36.4, 18.6, 7.1],
            'area': 132.06,
            'segmentation': [],
            'iscrowd': 0,
        }
    ]
    assert [image['file_name'] for image in valid['images']] == ['c/b.png', 'empty.png']
    assert valid['annotations'][0]['segmentation'] == [[0, 0, 50, 0, 50, 40]]
    assert valid['annotations'][0]['area'] == 1000


def test_without_splits_there_is_one_file(tmp_path: Path, converter: Converter) -> None:
    add_item(tmp_path / 'dm', 'a', {'bounding_box': [box(1, 1, 2, 2)]})
    made = converter(tmp_path / 'dm', 'dm', 'coco')
    assert made['config_path'] == made['path'] / 'annotations.json'
    assert made.get('splits') == {}


def test_pycocotools_reads_what_we_write(sample_dm: Path, converter: Converter) -> None:
    coco_tools = pytest.importorskip('pycocotools.coco')
    made = converter(sample_dm, 'dm', 'coco')
    loaded = coco_tools.COCO(str(made['config_path']))
    assert len(loaded.getImgIds()) == 6
    samples = [sample for sample in read_all(builtin('dm'), sample_dm)[0] if sample.id.startswith('04')]
    masks = [annotation for annotation in samples[0].annotations if isinstance(annotation, Mask)]
    written = [found for found in loaded.dataset['annotations'] if isinstance(found['segmentation'], dict)]
    for mask, found in zip(masks, written, strict=True):
        pixels = loaded.annToMask(found)
        assert pixels.ravel().nonzero()[0].tolist() == to_indices(mask.runs)
        assert found['area'] == pixels.sum()
        left, top, width, height = found['bbox']
        assert pixels[top : top + height, left : left + width].sum() == pixels.sum()


def test_holes_stay_holes_for_pycocotools(tmp_path: Path) -> None:
    coco_tools = pytest.importorskip('pycocotools.coco')
    outer, hole = [(10, 10), (60, 10), (60, 60), (10, 60)], [(20, 20), (40, 20), (40, 40), (20, 40)]
    (tmp_path / 'a.png').write_bytes(png(100, 80))
    area = Polygon([[outer, hole], [[(70, 10), (90, 10), (90, 30), (70, 30)]]], label='lake')
    sample = Sample('a', image=tmp_path / 'a.png', width=100, height=80, annotations=[area])
    file, report = write([sample], tmp_path / 'out')
    loaded = coco_tools.COCO(str(file))
    found = loaded.dataset['annotations'][0]
    assert len(found['segmentation']) == 2
    assert found['area'] == 2500 - 400 + 400
    pixels = loaded.annToMask(found)
    assert (pixels[30, 30], pixels[15, 15], pixels[20, 80], pixels[70, 70]) == (0, 1, 1, 0)
    assert pixels.sum() == pytest.approx(2500, rel=0.05)
    assert next(iter(report.losses.values())).reason == 'coco holds simple rings: holes are joined by seams'


def test_a_damaged_image_is_noticed_although_its_size_is_told(tmp_path: Path) -> None:
    (tmp_path / 'a.png').write_bytes(b'garbage')
    (tmp_path / 'b.png').write_bytes(png(10, 10))
    document = {
        'images': [
            {'id': number, 'file_name': f'{name}.png', 'width': 10, 'height': 10} for number, name in enumerate('ab')
        ],
        'categories': [{'id': 1, 'name': 'car'}],
        'annotations': [
            {'id': number, 'image_id': number, 'category_id': 1, 'bbox': [1, 1, 2, 2]} for number in range(2)
        ],
    }
    (tmp_path / 'annotations.json').write_text(json.dumps(document))
    reader = FormatReader(builtin('coco'), {'path': tmp_path, 'format': 'coco'})
    reader.tolerance = 'skip'
    assert [sample.id for sample in reader] == ['b']
    assert reader.report.unreadable_items[0]['file'].endswith('a.png')


@pytest.mark.parametrize('content', [b'', '{"images": []}'.encode('utf-16'), b'<html>'])
@pytest.mark.parametrize('name', ['annotations.json', 'train/_annotations.coco.json', 'annotations/instances_val.json'])
def test_a_file_that_has_the_name_and_is_none_is_told(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    for path in (tmp_path, file):
        formats = [builtin(each) for each in BUILTIN]
        with pytest.raises(DatasetInvalid, match='looks like coco, but ') as caught:
            guess_format(path, formats)
        assert f'{file} is not JSON' in caught.value.problem


def test_no_file_of_an_official_name_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'annotations/instances_train.json').write_bytes(b'')
    (tmp_path / 'annotations/instances_val.json').write_text('{"images": [], "annotations": []}')
    assert COCO.recognise(tmp_path)
    with pytest.raises(DatasetInvalid, match=r'instances_train\.json is not JSON'):
        info_of(COCO, tmp_path)
