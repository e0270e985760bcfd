"""`inspect`: what it prints, what it writes, and how it ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.formats.format_kit import add_item, box, png
from tests.support.environments import Environment


@pytest.fixture
def faulty(data: Path) -> Path:
    """The dataset with a box outside of its image, and names that terminals and pages must not believe."""
    odd = 'car\x1b[2J<script>' + 'long' * 30
    add_item(data / 'train', 'bad', {'bounding_box': [box(500, 500, 9, 9, odd, 'id1'), box(5, 5, 9, 9, '승용차')]})
    return data


def test_a_dataset_is_reported_in_tables(bare: Environment, data: Path) -> None:
    ended = bare.hooks('inspect', data)
    assert "looks like 'dm'" in ended.err
    assert 'data: dm, 4 items, 4 annotations, 1 classes\n' in ended.out
    assert 'car         0      2      2    4      4  box' in ended.out
    assert 'looks like' not in bare.hooks('inspect', data, '--from', 'dm').err


def test_problems_are_no_failure_but_for_strict(bare: Environment, faulty: Path) -> None:
    ended = bare.hooks('inspect', faulty)
    assert 'error   shapes that lie wholly outside of their image: 1\n' in ended.out
    assert '        train/original_files/bad.png id1: box from 500, 500' in ended.out
    assert bare.hooks('inspect', faulty, '--strict', code=1).out == ended.out


def test_notes_do_not_count_for_strict(bare: Environment, tmp_path: Path) -> None:
    add_item(tmp_path / 'flat', 'a', {'bounding_box': [box(1, 1, 1, 9)]})
    assert 'note    shapes with a side below 2 px: 1' in bare.hooks('inspect', tmp_path / 'flat', '--strict').out


def test_no_line_moves_the_cursor(bare: Environment, faulty: Path) -> None:
    assert '\x1b' not in bare.hooks('inspect', faulty).out


def test_the_answer_as_json(bare: Environment, faulty: Path) -> None:
    answer = bare.hooks('inspect', faulty, '--json').json
    assert (answer['format'], answer['guessed'], answer['html']) == ('dm', True, None)
    assert answer['splits'] == {'train': 3, 'valid': 2}
    assert answer['kinds'] == {'box': {'count': 6, 'splits': {'train': 4, 'valid': 2}}}
    assert {problem['id'] for problem in answer['problems']} >= {'outside', 'missing-class'}


def test_a_page_appears_whole(bare: Environment, project: Path, faulty: Path) -> None:
    ended = bare.hooks('inspect', faulty, '--html', 'out/page.html')
    assert ended.out.endswith('\nout/page.html\n')
    text = (project / 'out' / 'page.html').read_text(encoding='utf-8')
    assert text.startswith('<!doctype html>')
    assert text.endswith('</html>\n')
    assert '<script' not in text
    assert [file.name for file in (project / 'out').iterdir()] == ['page.html']
    assert 'is a folder' in bare.hooks('inspect', faulty, '--html', 'out', code=2).err


def test_a_page_takes_the_place_of_no_device(bare: Environment, project: Path, data: Path) -> None:
    os.mkfifo(project / 'pipe')
    ended = bare.hooks('inspect', data, '--html', 'pipe', code=2)
    assert 'error: --html pipe is not a regular file\n  → name another file' in ended.err
    assert (project / 'pipe').is_fifo()
    assert (
        'file name too long\n  → choose a shorter name' in bare.hooks('inspect', data, '--html', 'x' * 300, code=1).err
    )


@pytest.mark.parametrize(
    ('words', 'code', 'problem'),
    [
        (['nowhere'], 1, 'there is nothing at nowhere'),
        (['.'], 1, 'has none of the known formats'),
        (['{data}', '--from', 'coko'], 2, "there is no format 'coko'"),
        (['{data}', '--from', 'coco'], 1, 'data'),
        (['empty', '--from', 'dm'], 1, 'empty'),
    ],
)
def test_what_cannot_be_read_is_a_failure(
    words: list[str], code: int, problem: str, bare: Environment, project: Path, data: Path
) -> None:
    (project / 'empty').mkdir()
    ended = bare.hooks('inspect', *[word.format(data=data) for word in words], '--html', 'page.html', code=code)
    assert problem in ended.err
    assert not (project / 'page.html').exists()


def test_a_dataset_of_which_nothing_can_be_read_says_why(bare: Environment, tmp_path: Path) -> None:
    add_item(tmp_path / 'torn', 'a', {'bounding_box': [box(1, 1, 9, 9)]})
    (tmp_path / 'torn' / 'json' / 'a.json').write_text('{')
    ended = bare.hooks('inspect', tmp_path / 'torn', code=1)
    assert 'has no items that can be read' in ended.err
    assert 'a.json' in ended.err
    assert '--from FORMAT' not in ended.err


def test_the_hint_is_about_the_cause(bare: Environment, tmp_path: Path) -> None:
    root = tmp_path / 'mixed'
    for folder in ('images', 'labels'):
        (root / folder).mkdir(parents=True)
    (root / 'images' / 'a.png').write_bytes(png(100, 80))
    (root / 'labels' / 'a.txt').write_text('0 .5 .5 .2 .2\n0 50 40 20 20\n')
    (root / 'data.yaml').write_text('train: images\nval: images\nnames: [car]\n')
    ended = bare.hooks('inspect', root, code=1)
    assert 'the numbers are pixels' in ended.err
    assert "divide x and width by the image's width" in ended.err


def test_a_name_or_id_is_looked_for_in_the_workspace(bare: Environment, project: Path, data: Path) -> None:
    bare.hooks('workspace', 'import', data, '--name', 'street')
    for words in (['street'], ['1'], ['street', '--workspace', os.environ['SYNAPSE_WORKSPACE']]):
        ended = bare.hooks('inspect', *words)
        assert ended.out.startswith(f'{words[0]}: dm, 4 items'), ended
        assert ended.err.startswith(f'{words[0]} is in the workspace: '), ended
    made = bare.hooks('convert', 'street', 'made', '--to', 'coco', '--json').json
    assert (made['from'], made['dataset']['classes']) == ('dm', ['car'])


def test_a_path_goes_before_a_name_of_the_workspace(bare: Environment, project: Path, data: Path) -> None:
    bare.hooks('workspace', 'import', data, '--name', 'street')
    add_item(project / 'street', 'a', {'bounding_box': [box(1, 1, 9, 9)]})
    assert bare.hooks('inspect', 'street').out.startswith('street: dm, 1 items')


@pytest.mark.parametrize('command', [['inspect'], ['convert', '--to', 'yolo']])
def test_what_is_neither_a_path_nor_a_name_is_an_error(command: list[str], bare: Environment, data: Path) -> None:
    bare.hooks('workspace', 'import', data, '--name', 'street')
    words = [command[0], 'stret', *(['out'] if command[0] == 'convert' else []), *command[1:]]
    error = bare.hooks(*words, code=1).err
    assert "error: there is nothing at stret, and no dataset 'stret' in the workspace " in error
    assert "  → check the path; did you mean 'street'?" in error
    words[1] = 'some/stret'
    assert 'error: there is nothing at some/stret\n  → check the path\n' in bare.hooks(*words, code=1).err
