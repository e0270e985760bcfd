"""A file or folder that may not be read or written is named, with what to do; it is never taken for an empty one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.formats.format_kit import Converter, add_item, tree
from tests.support.environments import Ended, Environment
from tests.support.privileges import without_privileges

Run = Callable[..., Ended]


@contextmanager
def closed(path: Path, mode: int = 0) -> Iterator[None]:
    """While the block runs, nobody may read it; afterwards it can be removed again."""
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


@pytest.fixture
def run(bare: Environment) -> Run:
    """Run a command for whom permissions count."""
    before = without_privileges()
    return lambda *words: bare.run(*before, bare.root / 'bin' / 'synapse-hooks', *words)


@pytest.fixture
def datasets(data: Path, tmp_path: Path) -> dict[str, Path]:
    """The dataset in every built-in format."""
    said = {'classification': [{'id': 'c', 'classification': 'cat', 'attrs': [], 'data': {}}]}
    for split in ('train', 'valid'):
        add_item(tmp_path / 'classes' / split, split, said)
    converter = Converter(tmp_path)
    made = {name: converter(data, 'dm', name)['path'] for name in ('yolo', 'coco')}
    made['imagefolder'] = converter(tmp_path / 'classes', 'dm', 'imagefolder')['path']
    return {'dm': data, **made}


@pytest.mark.parametrize(
    ('name', 'inner'),
    [
        ('coco', 'train/annotations.json'),
        ('coco', 'train'),
        ('dm', 'train/json'),
        ('dm', 'train/original_files'),
        ('dm', 'train'),
        ('yolo', 'dataset.yaml'),
        ('yolo', 'labels/train'),
        ('yolo', 'images/train'),
        ('imagefolder', 'train/cat'),
        ('imagefolder', 'train'),
    ],
)
@pytest.mark.parametrize('guess', [True, False])
def test_what_is_closed_is_named(name: str, inner: str, guess: bool, run: Run, datasets: dict[str, Path]) -> None:
    root = datasets[name]
    words = [root, *([] if guess else ['--from', name])]
    target = 'dm' if name != 'dm' else 'coco'
    with closed(root / inner):
        for ended in (run('inspect', *words), run('convert', *words, 'out', '--to', target)):
            assert ended.code == 1, ended
            assert f'{root / inner}' in ended.err
            assert ' cannot be read: permission denied\n  → give yourself the permission to read it' in ended.err
            assert 'Traceback' not in ended.err


@pytest.mark.parametrize('words', [(), *[('--from', name) for name in ('coco', 'dm', 'imagefolder', 'yolo')]])
@pytest.mark.parametrize('mode', [0o000, 0o111, 0o444])
def test_a_dataset_that_is_closed_is_no_empty_one(words: tuple[str, ...], mode: int, run: Run, data: Path) -> None:
    above = data.parent / 'above'
    above.mkdir()
    data = data.rename(above / 'data')
    sentence = f'error: {data} cannot be read: permission denied\n'
    with closed(data, mode):
        assert run('inspect', data, *words).err.startswith(sentence)
        if not words:
            assert run('workspace', 'import', data, '--name', 'x').err.startswith(sentence)
    with closed(above):
        ended = run('convert', data, '/nowhere/out', '--to', 'coco', *words)
        assert ended.err.startswith(sentence), ended


def test_a_closed_file_of_one_item_is_that_items_trouble(run: Run, datasets: dict[str, Path]) -> None:
    image = next(datasets['coco'].glob('train/*.png'))
    document, label = datasets['dm'] / 'train/json/train1.json', datasets['yolo'] / 'labels/train/train1.txt'
    for name, file in (('coco', image), ('dm', document), ('yolo', label)):
        with closed(file):
            ended = run('convert', datasets[name], 'out', '--to', 'coco' if name == 'dm' else 'dm')
            assert f'error: {file} cannot be read: permission denied, 1 of 4 items\n' in ended.err


def test_a_folder_that_may_not_be_written_is_named_and_nothing_aside(run: Run, project: Path, data: Path) -> None:
    place = project / 'place'
    place.mkdir()
    for mode, told in ((0o555, 'place'), (0o000, 'place/out')):
        with closed(place, mode):
            ended = run('convert', data, 'place/out', '--to', 'coco')
            assert f'error: cannot use {told}: permission denied\n  → change its owner' in ended.err
            ended = run('inspect', data, '--html', 'place/out')
            assert f'error: cannot use {told}: permission denied\n  → change its owner' in ended.err
    assert tree(place) == {}
