"""YOLO: right classes, one row shape a file, nothing outside the image, and every accepted layout read."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from synapse_hooks.data import Box, Keypoints, LossReport, Polygon, Sample
from synapse_hooks.errors import DatasetInvalid, LossRefused, ParamsError, UnreadableItem
from synapse_hooks.formats.yolo.layout import label_path
from tests.formats.format_kit import Converter, add_item, box, builtin, info_of, png, polygon, read_all, tree

YOLO = builtin('yolo')
HALVES = {'train': 0.5, 'valid': 0.5}


def labels(root: Path) -> dict[str, list[list[float]]]:
    return {
        name.removeprefix('labels/').removesuffix('.txt'): [
            [float(word) for word in line.split()] for line in content.decode().splitlines()
        ]
        for name, content in tree(root).items()
        if name.endswith('.txt')
    }


def read(root: Path) -> tuple[list[Sample], LossReport]:
    return read_all(YOLO, root)


@pytest.fixture
def dm(tmp_path: Path) -> Path:
    """Two splits; the classes appear in another order in each, and one only at the very end."""
    root = tmp_path / 'dm'
    add_item(root / 'train', 'a', {'bounding_box': [box(10, 20, 30, 40, 'zebra'), box(0, 0, 100, 80, 'car', 'b2')]})
    add_item(root / 'train', 'empty', {})
    add_item(root / 'valid', 'b', {'polygon': [polygon([[0, 0], [50, 0], [50, 40]], 'car')]})
    add_item(root / 'valid', 'z', {'bounding_box': [box(1, 1, 2, 2, 'ape')]})
    return root


def test_detect(dm: Path, converter: Converter) -> None:
    made = converter(dm, 'dm', 'yolo')
    assert made['classes'] == ['ape', 'car', 'zebra']
    assert made['splits'] == {'train': 2, 'valid': 2}
    assert made['config_path'] == made['path'] / 'dataset.yaml'
    config = yaml.safe_load(made['config_path'].read_text())
    assert config == {
        'path': '',
        'train': 'images/train',
        'val': 'images/val',
        'task': 'detect',
        'nc': 3,
        'names': {0: 'ape', 1: 'car', 2: 'zebra'},
    }
    assert labels(made['path']) == {
        'train/a': [[2, 0.25, 0.5, 0.3, 0.5], [1, 0.5, 0.5, 1, 1]],
        'train/empty': [],
        'val/b': [[1, 0.25, 0.25, 0.5, 0.5]],
        'val/z': [[0, 0.02, 0.025, 0.02, 0.025]],
    }
    assert converter.reasons('converted') == {('polygon', 'yolo detect holds boxes: its enclosing box'): 1}
    assert converter.losses['written'] == {'box': 3, 'polygon': 0}
    image = made['path'] / 'images' / 'train' / 'a.png'
    assert image.stat().st_ino == (dm / 'train' / 'original_files' / 'a.png').stat().st_ino


def test_the_task_may_be_told(dm: Path, converter: Converter) -> None:
    made = converter(dm, 'dm', 'yolo', target_task='segment')
    assert labels(made['path'])['val/b'] == [[1, 0, 0, 0.5, 0, 0.5, 0.5]]
    assert labels(made['path'])['train/a'][1] == [1, 0, 0, 1, 0, 1, 1, 0, 1]
    assert converter.reasons('converted') == {('box', 'yolo segment holds polygons: its four corners'): 3}
    again = converter(dm, 'dm', 'yolo', settings={'yolo': {'task': 'segment'}})
    assert tree(again['path']) == tree(made['path'])


def test_the_task_is_what_most_annotations_are(dm: Path, converter: Converter) -> None:
    rows = [polygon([[0, 0], [9, 0], [9, 9]], id=f'p{number}') for number in range(9)]
    add_item(dm / 'train', 'many', {'polygon': rows})
    made = converter(dm, 'dm', 'yolo')
    assert {len(row) for rows in labels(made['path']).values() for row in rows} == {7, 9}


def test_a_task_that_is_not_written_is_refused(dm: Path, converter: Converter) -> None:
    with pytest.raises(ParamsError, match="did you mean 'segment'"):
        converter(dm, 'dm', 'yolo', target_task='segmnt')


def test_the_datasets_own_order_of_classes_wins(dm: Path, converter: Converter) -> None:
    made = converter(dm, 'dm', 'yolo', dataset={'classes': ['zebra', 'gnu', 'car', 'ape']})
    assert made['classes'] == ['zebra', 'gnu', 'car', 'ape']
    assert labels(made['path'])['val/z'][0][0] == 3


def test_geometry_at_the_edge(tmp_path: Path, converter: Converter) -> None:
    boxes = {
        'noise': box(-0.4, 0, 20.4, 80.3),
        'over': box(90, 70, 40, 40),
        'outside': box(200, 0, 5, 5),
        'flat': box(10, 10, 0, 5),
        'backwards': box(30, 30, -10, -10),
    }
    rows = [{**row, 'id': name} for name, row in boxes.items()]
    add_item(tmp_path / 'dm' / 'train', 'a', {'bounding_box': rows})
    add_item(tmp_path / 'dm' / 'valid', 'b', {'bounding_box': rows})
    made = converter(tmp_path / 'dm', 'dm', 'yolo')
    assert labels(made['path'])['train/a'] == [
        [0, 0.1, 0.5, 0.2, 1],
        [0, 0.95, 0.9375, 0.1, 0.125],
        [0, 0.25, 0.3125, 0.1, 0.125],
    ]
    assert converter.reasons('converted') == {('box', "cut at the image's edge"): 2}
    assert converter.reasons('dropped') == {('box', 'it has no area'): 2, ('box', 'it lies outside the image'): 2}
    assert converter.losses['dropped'][0]['examples'][0] == {'file': 'a', 'id': 'flat'}
    assert converter.losses['written'] == {'box': 4}


def test_polygons_at_the_edge(tmp_path: Path, converter: Converter) -> None:
    rows = [
        polygon([[90, 0], [110, 0], [110, 20], [90, 20]], id='one_side_out'),
        polygon([[-50, 0], [-10, 0], [-10, 20]], id='outside'),
        polygon([[0, 0], [50, 50]], id='line'),
        polygon([[0, 0], [100.3, 0], [100.3, 80]], id='noise'),
    ]
    for split in ('train', 'valid'):
        add_item(tmp_path / 'dm' / split, 'a', {'polygon': rows})
    made = converter(tmp_path / 'dm', 'dm', 'yolo')
    first, second = labels(made['path'])['train/a']
    assert sorted(zip(first[1::2], first[2::2], strict=True)) == [(0.9, 0), (0.9, 0.25), (1, 0), (1, 0.25)]
    assert max(second[1:]) <= 1
    assert converter.reasons('converted') == {('polygon', "cut at the image's edge"): 2}
    assert converter.reasons('dropped') == {
        ('polygon', 'it has no area'): 2,
        ('polygon', 'it lies outside the image'): 2,
    }


def test_without_a_valid_split_the_error_says_how_to_make_one(tmp_path: Path, converter: Converter) -> None:
    add_item(tmp_path / 'dm', 'a', {'bounding_box': [box(1, 1, 2, 2)]})
    with pytest.raises(DatasetInvalid) as caught:
        converter(tmp_path / 'dm', 'dm', 'yolo')
    assert '--split' in str(caught.value)
    assert 'splits=' in str(caught.value)
    with pytest.raises(DatasetInvalid, match='valid has none'):
        converter(tmp_path / 'dm', 'dm', 'yolo', splits={'train': 1.0, 'valid': 0.0})


def test_a_flat_dataset_is_divided_by_fractions(tmp_path: Path, converter: Converter) -> None:
    for number in range(90):
        add_item(tmp_path / 'dm', f'{number:03}', {'bounding_box': [box(1, 1, 2, 2)]})
    first = converter(tmp_path / 'dm', 'dm', 'yolo', splits={'train': 0.7, 'valid': 0.2, 'test': 0.1})
    assert sum(first['splits'].values()) == 90
    assert set(first['splits']) == {'train', 'valid', 'test'}
    assert yaml.safe_load(first['config_path'].read_text())['test'] == 'images/test'
    before = tree(first['path']).keys()
    add_item(tmp_path / 'dm', 'new', {'bounding_box': [box(1, 1, 2, 2)]})
    after = tree(
        converter(tmp_path / 'dm', 'dm', 'yolo', splits=first and {'train': 0.7, 'val': 0.2, 'test': 0.1})['path']
    )
    assert before <= after.keys()


def test_a_dataset_with_splits_keeps_them(dm: Path, converter: Converter) -> None:
    made = converter(dm, 'dm', 'yolo', splits=HALVES)
    assert made['splits'] == {'train': 2, 'valid': 2}


def test_same_input_same_bytes(dm: Path, converter: Converter) -> None:
    first, second = converter(dm, 'dm', 'yolo'), converter(dm, 'dm', 'yolo')
    assert tree(first['path']) == tree(second['path'])
    assert first['digest'] == second['digest']
    assert converter(dm, 'dm', 'yolo', target_task='segment')['digest'] != first['digest']
    (dm / 'train' / 'original_files' / 'a.png').write_bytes(png(100, 80) + b'changed')
    assert converter(dm, 'dm', 'yolo')['digest'] != first['digest']


def test_names_that_are_hard_to_keep(tmp_path: Path, converter: Converter) -> None:
    entry = {'bounding_box': [box(0, 0, 100, 80, 'on')]}
    for split in ('train', 'valid'):
        add_item(tmp_path / 'dm' / split, 'images/cam1/0001', entry)
        add_item(tmp_path / 'dm' / split, 'images/cam2/0001', entry, suffix='.JPG')
        add_item(tmp_path / 'dm' / split, 'images_/cam1/0001', entry)
        add_item(tmp_path / 'dm' / split, 'a.b.c', entry, suffix='.jfif')
        add_item(tmp_path / 'dm' / split, '사람', entry)
    made = converter(tmp_path / 'dm', 'dm', 'yolo')
    names = set(tree(made['path']))
    assert {
        'images/train/images_/cam1/0001.png',
        'images/train/images_/cam2/0001.JPG',
        'images/train/images__/cam1/0001.png',
        'images/train/a.b.c.png',
        'images/train/사람.png',
    } <= names
    for name in names:
        if name.startswith('images/'):
            assert label_path(made['path'] / name).exists(), name
    samples, report = read(made['path'])
    assert report.lossless
    assert len(samples) == 10
    assert samples[0].annotations[0].label == 'on'


def test_an_image_that_ultralytics_cannot_read_is_dropped_aloud(tmp_path: Path, converter: Converter) -> None:
    for split in ('train', 'valid'):
        add_item(tmp_path / 'dm' / split, 'a', {'bounding_box': [box(1, 1, 2, 2)]})
    gif = tmp_path / 'dm' / 'train' / 'original_files' / 'g.gif'
    gif.write_bytes(b'GIF89a' + b'\x40\0\x30\0' + bytes(10))
    (tmp_path / 'dm' / 'train' / 'json' / 'g.json').write_text('{"images": [{"bounding_box": [' + DOCUMENT + ']}]}')
    converter(tmp_path / 'dm', 'dm', 'yolo')
    assert converter.reasons('dropped') == {
        ('image', 'ultralytics does not read .gif images'): 1,
        ('box', 'ultralytics does not read .gif images'): 1,
    }


DOCUMENT = '{"id": "x", "classification": "car", "attrs": [], "data": [1, 1, 2, 2]}'


def test_strict_refuses(dm: Path, converter: Converter) -> None:
    with pytest.raises(LossRefused, match='enclosing box'):
        converter(dm, 'dm', 'yolo', strict=True)
    assert converter.losses['converted']


def test_attributes_are_left_out_aloud_and_strict_does_not_mind(tmp_path: Path, converter: Converter) -> None:
    row = {**box(1, 1, 2, 2), 'attrs': [{'name': 'color', 'value': 'red'}, {'name': 'night', 'value': True}]}
    for split in ('train', 'valid'):
        add_item(tmp_path / 'dm' / split, 'a', {'bounding_box': [row]})
    converter(tmp_path / 'dm', 'dm', 'yolo', strict=True)
    assert converter.losses['attributes'] == {'color': 2, 'night': 2}
    (said,) = converter.recorder.of('message')
    assert said['level'] == 'info'
    assert 'attributes left out: color 2, night 2' in said['text']
    converter(tmp_path / 'dm', 'dm', 'coco')
    assert converter.losses['attributes'] == {}


# -- reading -----------------------------------------------------------------------------------------------------


def put(root: Path, name: str, rows: str | None = '0 0.5 0.5 0.2 0.4\n', *, size: tuple[int, int] = (100, 50)) -> None:
    image = root / f'{name}.png'
    image.parent.mkdir(parents=True, exist_ok=True)
    image.write_bytes(png(*size))
    if rows is not None:
        file = label_path(image)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(rows)


@pytest.mark.parametrize('names', [['car', 'dog'], {0: 'car', 1: 'dog'}, {'1': 'dog', '0': 'car'}])
def test_names_as_list_or_mapping(tmp_path: Path, names: object) -> None:
    put(tmp_path, 'images/train/a')
    (tmp_path / 'dataset.yaml').write_text(yaml.safe_dump({'train': 'images/train', 'names': names}))
    assert info_of(YOLO, tmp_path).classes == ('car', 'dog')
    samples, _ = read(tmp_path)
    shape = samples[0].annotations[0]
    assert isinstance(shape, Box)
    assert (shape.x, shape.y, shape.w, shape.h, shape.label) == (40, 15, 20, 20, 'car')


@pytest.mark.parametrize('names', ['car', {1: 'car', 2: 'dog'}, {0: 'car', 'x': 'dog'}, 5])
def test_names_that_number_nothing(tmp_path: Path, names: object) -> None:
    put(tmp_path, 'images/train/a')
    (tmp_path / 'dataset.yaml').write_text(yaml.safe_dump({'train': 'images/train', 'names': names}))
    with pytest.raises(DatasetInvalid, match='names'):
        read(tmp_path)


def test_other_layouts(tmp_path: Path) -> None:
    put(tmp_path, 'data/train/images/a')
    put(tmp_path, 'data/valid/images/deep/b')
    put(tmp_path, 'elsewhere/images/test/c', None)
    (tmp_path / 'data' / 'test.txt').write_text('./../elsewhere/images/test/c.png\n\n')
    said = {'path': '.', 'train': '../train/images', 'val': ['valid/images'], 'test': 'test.txt', 'nc': 1}
    (tmp_path / 'data' / 'data.yaml').write_text(yaml.safe_dump(said))
    for path in (tmp_path / 'data', tmp_path / 'data' / 'data.yaml'):
        samples, report = read(path)
        assert [(sample.split, sample.id) for sample in samples] == [('train', 'a'), ('valid', 'deep/b'), ('test', 'c')]
        assert [len(sample.annotations) for sample in samples] == [1, 1, 0]
        assert samples[0].annotations[0].label == 'class_0'
        assert report.lossless


def test_every_kind_of_row(tmp_path: Path) -> None:
    rows = '\ufeff0 0.5 0.5 0.2 0.4 0.9\n\n0 0 0 1 0 1 1\n0 0.5 0.5 0.2 0.4 0.1 0.2 2 0.3 0.4 0\n'
    put(tmp_path, 'images/train/a', rows)
    said = {'train': 'images/train', 'names': ['dog'], 'kpt_shape': [2, 3]}
    (tmp_path / 'dataset.yaml').write_text(yaml.safe_dump(said))
    (sample,), report = read(tmp_path)
    detected, area, pose = sample.annotations
    assert detected.attributes == {'confidence': 0.9}
    assert isinstance(area, Polygon)
    assert area.parts == [[[(0, 0), (100, 0), (100, 50)]]]
    assert isinstance(pose, Keypoints)
    assert pose.points == [(10, 10, 2), (30, 20, 0)]
    assert report.lossless


@pytest.mark.parametrize(
    ('row', 'said'),
    [
        ('7 0.5 0.5 0.1 0.1', 'there is no class 7, only 0 to 0'),
        ('-1 0.5 0.5 0.1 0.1', 'there is no class -1'),
        ('0 0.5 0.5', 'neither a box'),
        ('0 0.5 x 0.1 0.1', 'could not convert'),
        ('0 0.5 nan 0.1 0.1', 'not finite'),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(tmp_path: Path, row: str, said: str) -> None:
    put(tmp_path, 'images/train/a', f'0 0.5 0.5 0.1 0.1\n{row}\n')
    (tmp_path / 'dataset.yaml').write_text('train: images/train\nnames: [car]\n')
    with pytest.raises(UnreadableItem, match=r'a\.txt, line 2') as caught:
        read_all(YOLO, tmp_path, unreadable='fail')
    assert said in caught.value.problem


def test_labels_without_an_image_are_counted(tmp_path: Path) -> None:
    put(tmp_path, 'images/train/a')
    (tmp_path / 'labels' / 'train' / 'lost.txt').write_text('0 0.5 0.5 0.1 0.1\n')
    (tmp_path / 'dataset.yaml').write_text('train: images/train\nnames: [car]\n')
    _, report = read(tmp_path)
    assert report.to_dict()['dropped'][0]['examples'] == [{'file': 'lost.txt', 'id': ''}]


@pytest.mark.parametrize(
    ('content', 'said'),
    [
        ('train: [', 'is not YAML'),
        ('- 1', 'must hold'),
        ('names: [car]', 'names no images'),
        ('train: images/nowhere\nnames: [car]', 'is not there'),
    ],
)
def test_a_bad_dataset_yaml_is_named(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / 'dataset.yaml').write_text(content)
    with pytest.raises(DatasetInvalid, match=r'dataset\.yaml') as caught:
        read(tmp_path)
    assert said in caught.value.problem
    for path in (tmp_path, tmp_path / 'dataset.yaml'):
        with pytest.raises(DatasetInvalid, match=r'dataset\.yaml'):
            YOLO.recognise(path)


def test_a_folder_without_a_yaml(tmp_path: Path) -> None:
    with pytest.raises(DatasetInvalid, match='there are none') as caught:
        read(tmp_path)
    assert caught.value.hint.startswith('write dataset.yaml: ')
    assert not YOLO.recognise(tmp_path)
