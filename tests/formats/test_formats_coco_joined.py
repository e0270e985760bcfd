"""Several COCO files about the same images, and where files may be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.data import Keypoints, Other, Polygon
from synapse_hooks.errors import DatasetInvalid
from tests.formats.coco_kit import COCO, SQUARE, content, entry, put, read
from tests.formats.format_kit import Converter, info_of

PERSON = {'id': 1, 'name': 'person', 'keypoints': ['head', 'foot'], 'skeleton': [[1, 2]]}
JOINTS = [12, 12, 2, 20, 28, 1]


def official(root: Path, split: str = 'train2017') -> None:
    """The same two images in four files."""
    names = ['1.png', '2.png']
    people = [{'id': 1, 'name': 'person'}, {'id': 3, 'name': 'car'}]
    shapes = [entry(7, segmentation=[SQUARE]), entry(8, 3, 2), entry(9, segmentation=[SQUARE])]
    said = content(shapes, names, categories=people)
    put(root / f'annotations/instances_{split}.json', said, root / split)
    joints = [
        entry(7, segmentation=[SQUARE], keypoints=JOINTS, num_keypoints=2),
        entry(9, segmentation=[SQUARE], keypoints=[0] * 6, num_keypoints=0),
        entry(8, image=2, keypoints=JOINTS, num_keypoints=2),
    ]
    more = content(joints, names[::-1], categories=[PERSON])
    more['images'] = [{**image, 'id': 3 - image['id']} for image in more['images']]
    put(root / f'annotations/person_keypoints_{split}.json', more, root / split)
    captions = [{'id': 7, 'image_id': 1, 'caption': 'A square.'}, {'id': 8, 'image_id': 1, 'caption': 'Une forme.'}]
    put(root / f'annotations/captions_{split}.json', {**content(captions, names), 'categories': []}, root / split)


def test_joints_come_to_the_object_of_the_same_number(tmp_path: Path) -> None:
    official(tmp_path)
    (first, second), report = read(tmp_path)
    assert report.lossless
    assert first.split == second.split == 'train'
    shape, skeleton, other = first.annotations[:3]
    assert isinstance(shape, Polygon)
    assert isinstance(skeleton, Keypoints)
    assert (shape.id, shape.group, skeleton.group) == ('7', '7', '7')
    assert (skeleton.names, skeleton.box) == (['head', 'foot'], (10, 10, 20, 20))
    # No joint was marked, so nothing was said.
    assert (other.id, other.kind, other.group) == ('9', 'polygon', None)
    # The same number, but another category: another object.
    assert [(each.kind, each.label) for each in second.annotations] == [('box', 'car'), ('keypoints', 'person')]
    assert info_of(COCO, tmp_path).classes == ('person', 'car')
    assert info_of(COCO, tmp_path).extra == {
        'coco': {'skeletons': {'person': {'keypoints': ['head', 'foot'], 'skeleton': [[1, 2]]}}}
    }


def test_an_entry_that_is_no_text_is_counted_in_every_way(tmp_path: Path) -> None:
    official(tmp_path)
    for name in ('instances', 'person_keypoints'):
        file = tmp_path / f'annotations/{name}_train2017.json'
        file.write_bytes(file.read_bytes().replace(b'"id": 7', b'"x": "\xff", "id": 7'))
    (first, _), report = read(tmp_path)
    assert [annotation.id for annotation in first.annotations if annotation.kind == 'polygon'] == ['9']
    assert report.total('dropped') == 2


def test_captions_are_carried_to_dm_and_counted_elsewhere(tmp_path: Path, converter: Converter) -> None:
    for split in ('train2017', 'val2017'):
        official(tmp_path / 'coco', split)
    captions = [each for each in read(tmp_path / 'coco')[0][0].annotations if isinstance(each, Other)]
    assert [(each.kind, each.id) for each in captions] == [
        ('images.caption', 'caption-7'),
        ('images.caption', 'caption-8'),
    ]
    made = converter(tmp_path / 'coco', 'coco', 'dm')
    document = json.loads((made['path'] / 'train' / 'json' / '1.json').read_text())
    assert document['images'][0]['caption'] == [
        {'id': 'caption-7', 'classification': '', 'attrs': [], 'data': 'A square.'},
        {'id': 'caption-8', 'classification': '', 'attrs': [], 'data': 'Une forme.'},
    ]
    assert not any(kind == 'images.caption' for kind, _ in converter.reasons('dropped'))
    converter(tmp_path / 'coco', 'coco', 'yolo', target_task='detect')
    assert converter.reasons('dropped')['images.caption', 'yolo detect has no place for it'] == 4
    back = converter(made['path'], 'dm', 'coco')
    assert back['classes'] == ['car', 'person']
    assert converter.reasons('dropped')['images.caption', 'coco has no place for it'] == 4


def test_captions_alone_are_a_dataset(tmp_path: Path) -> None:
    captions = [{'id': 7, 'image_id': 1, 'caption': 'A square.'}, {'id': 8, 'image_id': 1, 'caption': None}]
    said = {**content(captions), 'categories': None}
    put(tmp_path / 'annotations/captions_val2017.json', said, tmp_path / 'val2017')
    (sample,), report = read(tmp_path)
    assert [each.kind for each in sample.annotations] == ['images.caption']
    assert report.to_dict()['dropped'][0]['reason'] == 'it is malformed: None is not a caption'


@pytest.mark.parametrize('names', [('instances_train', 'instances_val'), ('train', 'valid')])
@pytest.mark.parametrize('torn', ['', '{"images":[', 'version https://git-lfs.github.com/spec/v1', '[]', 'null'])
def test_a_split_whose_file_is_broken_is_not_passed_over(tmp_path: Path, names: tuple[str, str], torn: str) -> None:
    good, bad = (tmp_path / 'annotations' / f'{name}.json' for name in names)
    put(good, content([entry(1)]), tmp_path / 'images')
    bad.write_text(torn)
    assert COCO.recognise(tmp_path)
    with pytest.raises(DatasetInvalid, match=f'{bad.name} (is not JSON|must be an object)'):
        read(tmp_path)


def test_an_object_that_has_no_segments_is_no_panoptic_image(tmp_path: Path) -> None:
    # Exporters write every key, also where it is empty.
    put(tmp_path / 'annotations.json', content([entry(1, segmentation=[SQUARE], segments_info=[])]))
    (sample,), report = read(tmp_path)
    assert [annotation.kind for annotation in sample.annotations] == ['polygon']
    assert report.lossless


def test_panoptic_segments_are_counted_each(tmp_path: Path) -> None:
    official(tmp_path)
    segments = [{'id': 3226956, 'category_id': 1, 'bbox': [1, 1, 5, 5], 'iscrowd': 0}, {'id': 6979964}]
    said = content([{'image_id': 1, 'file_name': '1.png', 'segments_info': segments}], ['1.png', '2.png'])
    said['categories'] = [{'id': 1, 'name': 'person', 'isthing': 1}, {'id': 92, 'name': 'banner', 'isthing': 0}]
    put(tmp_path / 'annotations/panoptic_train2017.json', said, tmp_path / 'train2017')
    (first, _), report = read(tmp_path)
    assert len(first.annotations) == 5
    (loss,) = report.losses.values()
    assert (loss.kind, loss.reason, loss.count) == ('panoptic segment', 'panoptic images are not read', 2)
    assert loss.examples[0] == {'file': '1', 'id': '3226956'}
    assert info_of(COCO, tmp_path).classes == ('person', 'car')


def test_a_file_that_is_named_stands_alone(tmp_path: Path) -> None:
    official(tmp_path)
    (first, _), _ = read(tmp_path / 'annotations' / 'person_keypoints_train2017.json')
    assert first.split is None
    assert first.id == '2'
    (skeleton,) = first.annotations
    assert isinstance(skeleton, Keypoints)
    # What another file draws is not told here: the box is all that is known of the object.
    assert (skeleton.id, skeleton.group, skeleton.label) == ('8', None, 'person')


@pytest.mark.parametrize(
    ('files', 'splits'),
    [
        ({'annotations/train.json': 'train', 'annotations/val.json': 'val'}, ['train', 'valid']),
        ({'annotations/Train2020.json': 'Train2020'}, ['train']),
        ({'annotations/cars.json': 'images', 'annotations/dogs.json': 'images'}, [None]),
        ({'labels.json': 'data'}, [None]),
        ({'train/labels.json': 'train/data', 'validation/labels.json': 'validation/data'}, ['train', 'valid']),
        ({'annotations/instances_my-subset.json': 'images/my-subset'}, [None]),
        ({'annotations/instances_Validation.json': 'images/Validation'}, ['valid']),
        ({'annotations/instances_val.json': 'images/valid'}, ['valid']),
    ],
)
def test_more_layouts(tmp_path: Path, files: dict[str, str], splits: list[Any]) -> None:
    for number, (file, images) in enumerate(files.items()):
        put(tmp_path / file, content([entry(number)]), tmp_path / images)
    assert COCO.recognise(tmp_path)
    samples, report = read(tmp_path)
    assert report.lossless
    assert [sample.split for sample in samples] == splits
    assert sum(len(sample.annotations) for sample in samples) == len(files)


@pytest.mark.parametrize('known', ['instances_train2017', 'train'])
def test_files_of_unknown_names_beside_known_ones_are_told(tmp_path: Path, known: str) -> None:
    put(tmp_path / f'annotations/{known}.json', content([entry(1)]), tmp_path / 'images')
    put(tmp_path / 'annotations/stuff_pixels.json', content([entry(1)]), tmp_path / 'images')
    (tmp_path / 'annotations/notes.json').write_text('{"by": "us"}')
    samples, report = read(tmp_path)
    assert [sample.split for sample in samples] == ['train']
    (loss,) = report.losses.values()
    assert (loss.kind, loss.examples[0]['file']) == ('file', 'stuff_pixels.json')


def test_a_file_of_any_name_with_images_around_it(tmp_path: Path) -> None:
    for place in ('.', 'images', 'data', '../images/mine', '../mine'):
        root = tmp_path / place.replace('/', '_').replace('.', '_')
        file = put(root / 'here' / 'mine.json', content([entry(1)], ['sub/a.png']), (root / 'here' / place).resolve())
        assert COCO.recognise(file)
        (sample,), report = read(file)
        assert report.lossless
        assert sample.id == 'sub/a'


def test_joints_of_any_number_and_of_several_categories(tmp_path: Path) -> None:
    categories = [PERSON, {'id': 2, 'name': 'ant', 'keypoints': [f'j{n}' for n in range(5)]}, {'id': 3, 'name': 'car'}]
    rows = [
        entry(1, keypoints=JOINTS),
        entry(2, 2, keypoints=[5, 5.5, 2] * 5, attributes={'colour': 'red'}, odd=1),
        entry(3, 3, keypoints=[1, 1, 1] * 4, bbox=None),
    ]
    put(tmp_path / 'annotations.json', content(rows, categories=categories))
    (sample,), report = read(tmp_path)
    assert report.lossless
    person, ant, car = sample.annotations
    assert all(isinstance(each, Keypoints) for each in sample.annotations)
    assert [len(each.points) for each in (person, ant, car)] == [2, 5, 4]
    assert (ant.names, car.names) == (['j0', 'j1', 'j2', 'j3', 'j4'], [])
    assert (ant.attributes, ant.extra) == ({'colour': 'red'}, {'coco': {'odd': 1}})
    assert car.box is None


def test_a_folder_without_annotation_files_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / 'annotations').mkdir()
    assert not COCO.recognise(tmp_path)
    with pytest.raises(DatasetInvalid, match='is not a COCO dataset'):
        read(tmp_path)
