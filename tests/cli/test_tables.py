"""Tables fold to a terminal's width, and what is piped is neither folded nor cut."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import ItemsView
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synapse_hooks.cli.table import table
from synapse_hooks.cli.text_width import MAX_CHARACTERS, fold, truncated, width
from tests.formats.format_kit import add_item, box
from tests.support.environments import Environment
from tests.support.terminals import read_terminal

TEXTS = st.text(st.sampled_from('ab ,/-\n승é차'), max_size=60)
ROWS = [['coco', 'synapse-hooks 0.1.0', 'convert, open_dataset', 12], ['용차', 'the project', None, 3]]
LONG = 'a class whose name is long, and goes on, 승용차 ' * 8


def at_a_terminal(environment: Environment, columns: int, *words: str | Path) -> str:
    """What a command shows on a terminal of that width that stands for stdout."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [environment.root / 'bin' / 'synapse-hooks', *words],
        cwd=environment.cwd,
        env={**environment._env(), 'COLUMNS': str(columns)},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs)
    shown = read_terminal(ours)
    assert process.wait(60) == 0
    return shown.replace('\r\n', '\n')


@given(TEXTS, st.integers(1, 20))
def test_a_folded_text_fits_and_is_whole(text: str, columns: int) -> None:
    lines = fold(text, columns)
    assert max(map(width, lines)) <= max(columns, 2)
    assert ''.join(lines).replace(' ', '') == text.replace('\n', '').replace(' ', '')


@given(st.lists(st.tuples(TEXTS, TEXTS, st.integers(0, 999)), max_size=4), st.integers(1, 90))
def test_a_folded_table_fits_and_is_whole(rows: list[tuple[str, str, int]], columns: int) -> None:
    shown = table(['name', 'what', 'n'], rows, right=[2], columns=columns)
    # Narrower than any reading: a letter for each cell besides its heading.
    assert max(map(width, shown.splitlines()), default=0) <= max(columns, 8)
    for cell in (str(cell) for row in rows for cell in row):
        assert not set(cell) - set(shown) - {' ', '\n', '-'}


def test_only_the_widest_columns_give_way() -> None:
    shown = table(['name', 'from', 'hooks', 'n'], ROWS, right=[3], columns=45)
    assert shown.splitlines() == [
        'name  from              hooks              n',
        'coco  synapse-hooks     convert,          12',
        '      0.1.0             open_dataset',
        '용차  the project       -                  3',
    ]


def test_a_terminal_that_is_too_narrow_for_columns_gets_a_line_for_each_cell() -> None:
    shown = table(['name', 'from', 'hooks', 'n'], ROWS, right=[3], columns=30)
    assert shown.splitlines() == [
        'name   coco',
        'from   synapse-hooks 0.1.0',
        'hooks  convert, open_dataset',
        'n      12',
        '',
        'name   용차',
        'from   the project',
        'n      3',
    ]


def test_megabytes_in_a_cell_are_truncated_and_counted() -> None:
    shown = table(['name'], [['x' * 5_000_000]])
    assert len(shown) < MAX_CHARACTERS + 100
    assert shown.endswith('… (5,000,000 characters)')
    assert truncated('x' * MAX_CHARACTERS) == 'x' * MAX_CHARACTERS


@pytest.fixture
def wordy(project: Path, data: Path) -> Path:
    """A dataset with more and longer names than a terminal has room for."""
    shapes = [box(5, 5, 9, 9, f'class{number:03}') for number in range(60)]
    add_item(data / 'train', 'bad' * 30, {'bounding_box': [box(500, 500, 9, 9, LONG.strip(), 'id1' * 30), *shapes]})
    return data


def test_what_is_piped_is_whole(bare: Environment, wordy: Path) -> None:
    piped = bare.hooks('inspect', wordy).out
    assert LONG.strip() in piped
    assert 'class059' in piped
    assert '…' not in piped
    place = f'train/original_files/{"bad" * 30}.png {"id1" * 30}: box from 500, 500 to 509, 509'
    assert any(place in line for line in piped.splitlines())


@pytest.mark.parametrize('columns', [100, 60, 30])
def test_what_a_terminal_shows_is_folded(columns: int, bare: Environment, wordy: Path) -> None:
    shown = at_a_terminal(bare, columns, 'inspect', wordy)
    assert '22 more: --json has all' in shown
    body = shown.partition('\n\n')[2]
    cells = [line for line in body.splitlines() if line.startswith('        ')]
    assert cells
    assert max(map(width, cells)) <= columns
    assert 'id1id1' in body


@pytest.mark.parametrize('words', [['plugins'], ['formats'], ['hooks'], ['workspace', 'list'], ['autologgers']])
def test_listings_are_folded_on_terminals_alone(words: list[str], bare: Environment, data: Path) -> None:
    bare.hooks('workspace', 'import', data, '--name', 'a name that is long enough to be folded on any terminal')
    piped = bare.hooks(*words).out
    listing = piped.partition('\n\n')[0].splitlines()
    shown = at_a_terminal(bare, 40, *words).splitlines()
    tables = [line for line in shown if not line.startswith('More can be')]
    assert max(map(width, tables)) <= 40
    # Every row of the pipe is one line, with what its folded lines say.
    assert len({line.split()[0] for line in listing}) == len(listing)
    assert not set(piped.split()) - set(' '.join(shown).split()) or max(map(width, listing)) > 40


def test_a_long_table_looks_at_the_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    class Environment(dict[str, str]):
        def items(self) -> ItemsView[str, str]:  # type: ignore[override]
            looks.append(1)
            return super().items()

    monkeypatch.setattr('os.environ', Environment(os.environ, MY_API_KEY='canary-1234'))
    said = table(['name'], [[f'canary-1234 {number}'] for number in range(1000)])
    assert 'canary' not in said
    assert said.count('<redacted>') == 1000
    assert len(looks) == 1
