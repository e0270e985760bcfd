"""`convert`: guessed or named, whole or absent, and never over something that is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.formats.format_kit import add_item, box, tree
from tests.support.environments import Environment


@pytest.mark.parametrize('named', [[], ['--from', 'dm']])
def test_a_dataset_is_converted_and_its_config_printed(
    named: list[str], bare: Environment, project: Path, data: Path
) -> None:
    ended = bare.hooks('convert', data, 'out/yolo', '--to', 'yolo', *named)
    assert ended.out == 'out/yolo/dataset.yaml (train 2, valid 2)\n'
    assert ("looks like 'dm'" in ended.err) == (not named)
    assert (project / 'out' / 'yolo' / 'dataset.yaml').is_file()
    assert [file.name for file in (project / 'out').iterdir()] == ['yolo']


def test_the_answer_holds_the_dataset_and_what_was_lost(bare: Environment, project: Path, data: Path) -> None:
    polygon = {'id': 'p', 'classification': 'road', 'attrs': [], 'data': [[1, 1], [9, 1], [9, 9]]}
    add_item(data / 'train', 'mixed', {'bounding_box': [box(1, 1, 5, 5)], 'keypoint': [{**polygon, 'data': [3, 3]}]})
    words = ('convert', data, 'out', '--to', 'yolo', '--json')
    answer = bare.hooks(*words).json
    assert answer['from'] == 'dm'
    assert answer['dataset']['splits'] == {'train': 3, 'valid': 2}
    assert answer['losses']['dropped'][0]['kind'] == 'keypoint'

    ended = bare.hooks('convert', data, 'strict', '--to', 'yolo', '--strict', '--json', code=1)
    assert ended.json['error']['type'] == 'LossRefused'
    assert not (project / 'strict').exists()


def test_what_has_no_splits_can_be_divided(bare: Environment, tmp_path: Path) -> None:
    for number in range(20):
        add_item(tmp_path / 'flat', f'item{number}', {'bounding_box': [box(10, 10, 20, 20)]})
    flat = tmp_path / 'flat'
    ended = bare.hooks('convert', flat, 'out', '--to', 'yolo', code=1)
    assert '--split' in ended.err
    made = bare.hooks('convert', flat, 'out', '--to', 'yolo', '--split', '0.5,0.5', '--json').json
    assert sum(made['dataset']['splits'].values()) == 20
    for wrong in ('half', '1', '0.5,0.2,0.2,0.1', '0.9,0.9', 'nan,1', '1,nan', 'inf,0'):
        ended = bare.hooks('convert', flat, 'other', '--to', 'yolo', '--split', wrong, code=2)
        assert 'split' in ended.err
        assert '→' in ended.err


def test_what_is_there_already_is_left_alone(bare: Environment, project: Path, data: Path) -> None:
    (project / 'out').mkdir()
    (project / 'out' / 'precious').write_text('mine')
    ended = bare.hooks('convert', data, 'out', '--to', 'yolo', '--json', code=1)
    assert 'error: out already exists and is not empty\n  → remove it, or choose another folder' in ended.err
    assert tree(project / 'out') == {'precious': b'mine'}
    before = tree(data)
    ended = bare.hooks('convert', data, data, '--to', 'yolo', code=1)
    assert 'already exists' in ended.err
    assert tree(data) == before


@pytest.mark.parametrize(
    ('words', 'code', 'problem', 'way_out'),
    [
        (['nowhere', 'out', '--to', 'yolo'], 1, 'there is nothing at nowhere', 'check the path'),
        (['{data}', 'out', '--to', 'dm'], 2, "is in the format 'dm' already", 'another format'),
        (['{data}', 'out', '--to', 'yollo'], 2, "there is no format 'yollo'; there are: ", "did you mean 'yolo'?"),
        (['{data}', 'out', '--to', 'yolo', '--from', 'coko'], 2, "there is no format 'coko'", "did you mean 'coco'?"),
        (['.', 'out', '--to', 'yolo'], 1, 'has none of the known formats', '--from'),
        (['empty', 'out', '--to', 'yolo', '--from', 'dm'], 1, 'empty', ''),
        (['{data}', 'out', '--to', 'yolo', '--from', 'coco'], 1, 'data', ''),
    ],
)
def test_a_conversion_that_cannot_be_is_explained(
    words: list[str], code: int, problem: str, way_out: str, bare: Environment, project: Path, data: Path
) -> None:
    (project / 'empty').mkdir()
    ended = bare.hooks('convert', *[word.format(data=data) for word in words], '--json', code=code)
    told, arrow, hint = ended.err.partition('\n  → ')
    assert problem in told
    assert arrow
    assert way_out in hint
    assert ended.json['error']['message'] in told
    assert not (project / 'out').exists()


def test_a_dataset_in_the_wanted_format_can_be_divided_by_way_of_the_workspace(bare: Environment, data: Path) -> None:
    bare.hooks('convert', data, 'converted', '--to', 'coco')
    ended = bare.hooks('convert', 'converted', 'out', '--to', 'coco', code=2)
    assert "is in the format 'coco' already" in ended.err
    assert '`synapse-hooks workspace import converted --name NAME`' in ended.err


def test_data_without_images_labels_or_sense_are_named(bare: Environment, project: Path, tmp_path: Path) -> None:
    add_item(tmp_path / 'unlabelled' / 'train', 'a', {})
    add_item(tmp_path / 'unlabelled' / 'valid', 'b', {})
    assert 'has no labels' in bare.hooks('convert', tmp_path / 'unlabelled', 'out', '--to', 'yolo', code=1).err
    (tmp_path / 'void' / 'json').mkdir(parents=True)
    assert 'has no images' in bare.hooks('convert', tmp_path / 'void', 'out', '--to', 'yolo', code=1).err
    for split in ('train', 'valid'):
        add_item(tmp_path / 'torn' / split, f'good-{split}', {'bounding_box': [box(10, 10, 20, 20)]})
    (tmp_path / 'torn' / 'train' / 'json' / 'good-train.json').write_text('{"torn":')
    ended = bare.hooks('convert', tmp_path / 'torn', 'out', '--to', 'yolo', code=1)
    assert 'good-train.json' in ended.err
    assert not (project / 'out').exists()


def test_a_full_disk_leaves_no_partial_output(bare: Environment, project: Path, data: Path) -> None:
    # A limit on the size of files stands for the full disk: writing fails in the middle of a file.
    for number in range(200):
        add_item(data / 'train', f'more{number}', {'bounding_box': [box(1, 1, 5, 5, id=str(n)) for n in range(20)]})
    limit = f'ulimit -f 8; exec {bare.root}/bin/synapse-hooks convert {data} out --to coco --json'
    # Python keeps half of a module's bytecode where the disk is full, and fails on it ever after.
    ended = bare.run('/bin/bash', '-c', limit, PYTHONDONTWRITEBYTECODE='1')
    assert ended.code == 1, ended
    assert ended.json['error']['type'] == 'DiskFull'
    assert '→ ' in ended.err
    assert not (project / 'out').exists()
    assert {file.name for file in project.iterdir()} <= {'pyproject.toml', 'actions.py'}


def test_a_target_that_cannot_be_created_is_an_error_of_the_package(
    bare: Environment, project: Path, data: Path
) -> None:
    (project / 'file').write_text('')
    ended = bare.hooks('convert', data, 'file/out', '--to', 'coco', code=1)
    assert 'error: cannot make the folder file' in ended.err
    assert 'Traceback' not in ended.err
    before = tree(data)
    ended = bare.hooks('convert', data, data / 'out', '--to', 'coco', code=2)
    assert 'choose a folder outside of the dataset' in ended.err
    assert tree(data) == before


def test_names_that_are_too_long_or_do_not_exist_are_errors_of_the_package(bare: Environment, data: Path) -> None:
    long = 'x' * 300
    for words in ((data, long), (data, f'{long}/out'), (long, 'out')):
        ended = bare.hooks('convert', *words, '--to', 'coco', code=1)
        assert long in ended.err
        assert ': file name too long\n  → ' in ended.err
        assert 'Traceback' not in ended.err
    ended = bare.hooks(
        'convert', data / 'train/json/train0.json', 'out', '--to', 'coco', '--from', 'imagefolder', code=1
    )
    assert 'train0.json is not an image folder' in ended.err


def test_a_broken_dataset_is_reported_with_its_cause(bare: Environment, tmp_path: Path) -> None:
    (tmp_path / 'broken').mkdir()
    (tmp_path / 'broken/data.yaml').write_text('train: images\nnames: {0: a, 5: b}\n')
    (tmp_path / 'broken/images').mkdir()
    ended = bare.hooks('convert', tmp_path / 'broken', 'out', '--to', 'dm', code=1)
    assert f'{tmp_path}/broken looks like yolo, but {tmp_path}/broken/data.yaml: `names` must be' in ended.err
    assert '\n  → number the classes from 0 without gaps' in ended.err
