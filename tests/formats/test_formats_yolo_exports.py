"""YOLO datasets as tools export them: without a dataset.yaml, or with paths of another computer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synapse_hooks.data import LossReport, Sample
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats import BUILTIN, guess_format
from tests.formats.format_kit import Converter, builtin, info_of, png, read_all

YOLO = builtin('yolo')
ROW = '0 0.5 0.5 0.2 0.2\n'


def put_all(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def put_item(root: Path, image: str, label: str) -> None:
    put_all(root, {image: png(100, 80), label: ROW})


def read(path: Path) -> tuple[list[Sample], LossReport]:
    return read_all(YOLO, path)


def told(path: Path) -> list[tuple[str | None, str, list[str]]]:
    """Split, id and labels of what is read without a word in the report; it is recognised as yolo."""
    assert guess_format(path, [builtin(name) for name in BUILTIN]) == 'yolo'
    samples, report = read(path)
    assert report.empty, report.summary()
    return [(sample.split, sample.id, [one.label for one in sample.annotations]) for sample in samples]


@pytest.fixture
def darknet(tmp_path: Path) -> Path:
    """YOLO 1.1 as CVAT exports it."""
    for split, name in (('train', 'a'), ('train', 'b'), ('valid', 'c')):
        put_item(tmp_path, f'obj_{split}_data/{name}.PNG', f'obj_{split}_data/{name}.txt')
    said = 'classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\nbackup = backup/\n'
    lists = {
        'train.txt': 'data/obj_train_data/a.PNG\ndata/obj_train_data/b.PNG\n',
        'valid.txt': 'data/obj_valid_data/c.PNG\n',
    }
    return put_all(tmp_path, {'obj.data': said, 'obj.names': 'car\nno\n', **lists})


def test_yolo_1_1_is_read_by_its_own_lists_and_names(darknet: Path) -> None:
    expected = [('train', 'a', ['car']), ('train', 'b', ['car']), ('valid', 'c', ['car'])]
    assert told(darknet) == told(darknet / 'obj.data') == expected
    assert info_of(YOLO, darknet).classes == ('car', 'no')


@pytest.mark.parametrize(
    ('file', 'content', 'problem'),
    [
        (
            'obj.data',
            'classes = 3\ntrain = data/train.txt\nnames = obj.names\n',
            '`classes` is 3, and there are 2 names',
        ),
        ('obj.data', 'names = obj.names\n', 'must name lists of images'),
        ('obj.data', 'train = gone.txt\nnames = obj.names\n', '`train = gone.txt` is not in'),
        ('obj.data', 'train = train.txt\nnames = ../../etc/passwd\n', '`names = ../../etc/passwd` is not in'),
        ('obj.names', '', 'is empty'),
        ('obj.names', 'car\n\ndog\n', 'line 2 is empty'),
        ('obj.names', b'\xff\xfe', 'is not UTF-8'),
        ('train.txt', 'obj_train_data/a\0.PNG\n', 'has a NUL'),
        ('train.txt', '/\n', "has the line '/'"),
        ('train.txt', 'obj_train_data/a.PNG\n..\n', "has the line '..'"),
    ],
)
def test_a_broken_yolo_1_1_export_is_a_sentence(darknet: Path, file: str, content: str | bytes, problem: str) -> None:
    put_all(darknet, {file: content})
    with pytest.raises(DatasetInvalid) as caught:
        read(darknet)
    assert problem in caught.value.problem
    assert caught.value.hint


def test_classes_txt_takes_the_place_of_a_yaml(tmp_path: Path, converter: Converter) -> None:
    put_item(tmp_path / 'set', 'images/a.png', 'labels/a.txt')
    notes = {'categories': [{'id': 1, 'name': 'dog'}, {'id': 0, 'name': 'car'}], 'info': {'year': 2024}}
    put_all(tmp_path / 'set', {'classes.txt': 'car\r\ndog\r\n', 'notes.json': json.dumps(notes)})
    assert told(tmp_path / 'set') == told(tmp_path / 'set/classes.txt') == [(None, 'a', ['car'])]
    (tmp_path / 'set/classes.txt').unlink()
    assert told(tmp_path / 'set') == [(None, 'a', ['car'])]
    assert converter(tmp_path / 'set', 'yolo', 'coco')['classes'] == ['car', 'dog']


@pytest.mark.parametrize('names', ['classes.txt', 'obj.names', '_darknet.labels'])
def test_labels_beside_their_images_are_found(tmp_path: Path, names: str) -> None:
    put_item(tmp_path, 'a.jpg.png', 'a.jpg.txt')
    put_all(tmp_path, {names: 'car'})
    assert told(tmp_path) == [(None, 'a.jpg', ['car'])]


@pytest.mark.parametrize(
    ('train', 'valid', 'names'),
    [
        ('train/a', 'valid/b', 'train/_darknet.labels'),
        ('train/images/a train/labels/a', 'val/images/b val/labels/b', 'classes.txt'),
        ('images/train/a labels/train/a', 'images/val/b labels/val/b', 'labels/classes.txt'),
    ],
)
def test_folders_of_splits_need_no_yaml(tmp_path: Path, train: str, valid: str, names: str) -> None:
    for place in (train, valid):
        image, *label = place.split()
        put_item(tmp_path, f'{image}.png', f'{[image, *label][-1]}.txt')
    put_all(tmp_path, {names: 'car\n'})
    assert told(tmp_path) == [('train', 'a', ['car']), ('valid', 'b', ['car'])]


def test_a_list_of_classes_alone_makes_no_dataset(tmp_path: Path) -> None:
    put_all(tmp_path, {'classes.txt': 'cat\ndog\n', 'a.png': png(10, 10), 'b.xml': '<annotation/>'})
    assert not YOLO.recognise(tmp_path)


def test_images_and_labels_without_names_say_what_to_write(tmp_path: Path) -> None:
    put_item(tmp_path, 'images/a.png', 'labels/a.txt')
    with pytest.raises(DatasetInvalid) as caught:
        info_of(YOLO, tmp_path)
    assert 'write classes.txt' in caught.value.hint


# -- paths of another computer -------------------------------------------------------------------------------------


def test_lists_with_the_prefix_of_cvat_need_no_repair(tmp_path: Path) -> None:
    put_item(tmp_path, 'images/train/a.png', 'labels/train/a.txt')
    put_all(tmp_path, {'data.yaml': 'train: train.txt\nnames: [car]\n', 'train.txt': 'data/images/train/a.png\n'})
    assert told(tmp_path) == [('train', 'a', ['car'])]


@pytest.mark.parametrize('line', ['/home/me/set/images/a.png', 'C:\\set\\images\\a.png', './gone/a.png'])
def test_lists_of_another_computer_are_read_and_reported(tmp_path: Path, line: str) -> None:
    put_item(tmp_path, 'images/a.png', 'labels/a.txt')
    put_all(tmp_path, {'data.yaml': 'train: train.txt\nnames: [car]\n', 'train.txt': f'{line}\n'})
    (sample,), report = read(tmp_path)
    assert len(sample.annotations) == 1
    (loss,) = report.losses.values()
    assert (loss.fate, loss.kind, loss.examples[0]['file']) == ('repaired', 'image', line)


def test_folders_of_another_computer_are_read_and_reported(tmp_path: Path) -> None:
    for split in ('train', 'valid'):
        put_item(tmp_path, f'{split}/images/{split}.png', f'{split}/labels/{split}.txt')
    said = 'path: /content/set\ntrain: /content/set/train/images\nval: C:\\\\set\\\\valid\\\\images\nnames: [car]\n'
    put_all(tmp_path, {'data.yaml': said.replace('\\\\', '\\')})
    samples, report = read(tmp_path)
    assert [(sample.split, sample.id) for sample in samples] == [('train', 'train'), ('valid', 'valid')]
    assert [(loss.fate, loss.kind, loss.count) for loss in report.losses.values()] == [('repaired', 'file', 2)]


def test_two_splits_are_never_taken_for_one_folder(tmp_path: Path) -> None:
    put_item(tmp_path, 'images/a.png', 'labels/a.txt')
    put_all(tmp_path, {'data.yaml': 'train: /x/train/images\nval: /x/valid/images\nnames: [car]\n'})
    with pytest.raises(DatasetInvalid, match='`val: /x/valid/images` is not there'):
        info_of(YOLO, tmp_path)


def test_files_that_macos_leaves_beside_others_are_not_read(tmp_path: Path) -> None:
    put_item(tmp_path, 'a.png', 'a.txt')
    put_all(tmp_path, {'classes.txt': 'car\n', '._a.txt': b'\0\5\x16\7', '._a.png': b'\0\5\x16\7'})
    assert told(tmp_path) == [(None, 'a', ['car'])]


def test_splits_that_number_their_classes_differently_are_refused(tmp_path: Path) -> None:
    for split, names in (('train', 'car\ndog\n'), ('valid', 'car\n')):
        put_item(tmp_path, f'{split}/{split}.png', f'{split}/{split}.txt')
        put_all(tmp_path, {f'{split}/_darknet.labels': names})
    assert info_of(YOLO, tmp_path).classes == ('car', 'dog')
    put_all(tmp_path, {'valid/_darknet.labels': 'dog\ncar\n'})
    with pytest.raises(DatasetInvalid, match='number the classes differently'):
        info_of(YOLO, tmp_path)
