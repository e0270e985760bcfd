"""The options of `convert`: how a dataset is divided, how images get there, how many processes work."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.formats.format_kit import add_item, box, tree
from tests.support.environments import Environment

VIDEOS = 8


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Forty items without splits, from eight videos; four of them have a class of their own."""
    for number in range(40):
        shape = box(10, 10, 20, 20, 'rare' if number % 10 == 0 else 'car')
        shape['attrs'] = [{'name': 'video', 'value': f'v{number % VIDEOS}'}]
        add_item(tmp_path / 'flat', f'{number}', {'bounding_box': [shape]})
    return tmp_path / 'flat'


def items_of(dataset: Path) -> dict[str, set[int]]:
    """The numbers of the items in each split."""
    found: dict[str, set[int]] = {}
    for file in sorted((dataset / 'labels').glob('*/*.txt')):
        found.setdefault(file.parent.name, set()).add(int(file.stem))
    return found


def test_groups_are_not_torn_apart(flat: Path, bare: Environment, project: Path) -> None:
    bare.hooks('convert', flat, 'out', '--to', 'yolo', '--split', '0.5,0.5', '--group-by', 'video')
    splits = items_of(project / 'out')
    videos = {name: {number % VIDEOS for number in numbers} for name, numbers in splits.items()}
    assert not videos['train'] & videos['val']
    assert videos['train'] | videos['val'] == set(range(VIDEOS))
    bare.hooks('convert', flat, 'torn', '--to', 'yolo', '--split', '0.5,0.5')
    torn = {name: {number % VIDEOS for number in numbers} for name, numbers in items_of(project / 'torn').items()}
    assert torn['train'] & torn['val']


def test_fractions_that_leave_a_split_empty_are_not_recommended_again(flat: Path, bare: Environment) -> None:
    ended = bare.hooks('convert', flat, 'out', '--to', 'yolo', '--split', '0.999999,0.000001', code=1)
    assert 'valid has none' in ended.err
    assert 'it got no image: give it a larger share' in ended.err


@pytest.mark.parametrize('more', [[], ['--workers', '2']])
def test_every_split_gets_its_share_of_each_class(
    more: list[str], flat: Path, bare: Environment, project: Path
) -> None:
    bare.hooks('convert', flat, 'out', '--to', 'yolo', '--split', '0.5,0.25,0.25', '--stratify', *more)
    rare = {name: len([n for n in numbers if n % 10 == 0]) for name, numbers in items_of(project / 'out').items()}
    assert rare == {'train': 2, 'val': 1, 'test': 1}


def test_groups_and_shares_go_together(flat: Path, bare: Environment, project: Path) -> None:
    words = ('--split', '0.5,0.5', '--stratify', '--group-by', 'video')
    bare.hooks('convert', flat, 'out', '--to', 'yolo', *words)
    splits = items_of(project / 'out')
    videos = {name: {number % VIDEOS for number in numbers} for name, numbers in splits.items()}
    assert not videos['train'] & videos['val']
    assert {name: len(numbers) for name, numbers in splits.items()} == {'train': 20, 'val': 20}


@pytest.mark.parametrize('words', [[], ['--no-trainer-cache']])
def test_a_cache_for_ultralytics_is_written_unless_it_is_not_wanted(
    words: list[str], flat: Path, bare: Environment, project: Path
) -> None:
    bare.hooks('convert', flat, 'out', '--to', 'yolo', '--split', '0.5,0.5', *words)
    names = sorted(file.name for file in (project / 'out' / 'labels').glob('*.cache'))
    assert names == ([] if words or find_spec('ultralytics') is None else ['train.cache', 'val.cache'])
    assert not list((project / 'out').rglob('.*'))


@pytest.mark.parametrize('mode', ['hardlink', 'symlink', 'copy'])
def test_images_get_there_as_asked(mode: str, data: Path, bare: Environment, project: Path) -> None:
    bare.hooks('convert', data, 'out', '--to', 'yolo', '--images', mode)
    source = data / 'train' / 'original_files' / 'train0.png'
    target = project / 'out' / 'images' / 'train' / 'train0.png'
    assert target.is_symlink() == (mode == 'symlink')
    assert target.samefile(source) == (mode != 'copy')
    assert target.read_bytes() == source.read_bytes()


def test_the_number_of_processes_changes_nothing(flat: Path, bare: Environment, project: Path) -> None:
    for number in range(300):
        add_item(flat, f'1{number:03}', {'bounding_box': [box(1, 1, 5, 5, f'class{number % 7}')]})
    made = []
    for workers in ('1', '2', '3'):
        words = ('--split', '0.5,0.5', '--workers', workers, '--json')
        made.append(bare.hooks('convert', flat, workers, '--to', 'yolo', *words).json['dataset']['digest'])
    assert len(set(made)) == 1
    assert tree(project / '1') == tree(project / '2') == tree(project / '3')


@pytest.mark.parametrize(
    ('words', 'problem'),
    [
        (['--workers', '0'], 'workers: must be a whole number from 1 on, got 0'),
        (['--workers', '-2'], 'workers: must be a whole number from 1 on, got -2'),
        (['--workers', 'many'], "argument --workers: invalid int value: 'many'"),
        (['--images', 'teleport'], "images: must be one of hardlink, symlink, copy, got 'teleport'"),
        (['--unreadable', 'maybe'], "unreadable: must be 'skip', 'fail' or"),
    ],
)
def test_what_cannot_be_is_refused(
    words: list[str], problem: str, data: Path, bare: Environment, project: Path
) -> None:
    ended = bare.hooks('convert', data, 'out', '--to', 'yolo', *words, '--json', code=2)
    assert f'error: {problem}' in ended.err
    assert '\n  → ' in ended.err
    assert not (project / 'out').exists()
    assert not list(project.glob('.out*'))


def test_a_projects_settings_are_for_one_format_and_flags_go_before_them(
    flat: Path, bare: Environment, project: Path
) -> None:
    settings = 'images = "copy"\ngroup_by = "video"\nsplits = { train = 0.5, valid = 0.5 }\n'
    (project / 'pyproject.toml').write_text(f'[tool.synapse_hooks.settings.yolo]\n{settings}', encoding='utf-8')
    bare.hooks('convert', flat, 'out', '--to', 'yolo', '--images', 'symlink')
    splits = items_of(project / 'out')
    assert not {n % VIDEOS for n in splits['train']} & {n % VIDEOS for n in splits['val']}
    assert all(file.is_symlink() for file in (project / 'out' / 'images' / 'train').iterdir())
