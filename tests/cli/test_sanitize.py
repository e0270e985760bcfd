"""Other people's text on its way to a terminal: shown, never obeyed, and without secrets."""

from __future__ import annotations

import ast
import io
import json
import re
import warnings
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import Progress, TextColumn
from rich.text import Text

import synapse_hooks.cli
from synapse_hooks.cli import main
from synapse_hooks.cli.console import SanitizingConsole
from synapse_hooks.cli.display import Display
from synapse_hooks.terminal import sanitized, sanitized_json
from tests.formats.format_kit import add_item, box

EVIL = '\x1b]0;pwned\x07\x1b[2J\x9b2J\u202e'
OBEYED = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c]')
CANARY = 'canary-7f3e9b'


@given(st.text())
def test_no_text_is_obeyed_and_lines_stay(text: str) -> None:
    shown = sanitized(text)
    assert not OBEYED.search(shown)
    assert shown.count('\n') == text.count('\n')


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), values))
def test_json_says_the_same_and_no_letter_of_it_is_obeyed(data: dict[str, Any]) -> None:
    text = sanitized_json(data)
    assert '\n' not in text
    assert not OBEYED.search(text)
    assert json.loads(text) == data


@pytest.mark.parametrize('terminal', [True, False])
def test_a_run_that_is_displayed_shows_escapes_and_markup_as_they_are(terminal: bool) -> None:
    out = io.StringIO()
    display = Display(SanitizingConsole(file=out, force_terminal=terminal, highlight=False, width=200))
    context: Any = SimpleNamespace(run_dir=Path(f'runs/[/b]{EVIL}'), dataset=None, model=None, outlook=[EVIL])
    display.run_started(context)
    step = SimpleNamespace(name=f'[/red]{EVIL}')
    display.step_started(step)
    display.log_message([{'level': 'warning', 'text': f'hot {EVIL}'}])
    display.log_metrics([{'axis': 'epoch', 'phase': EVIL, 'step': 1, 'values': {f'loss{EVIL}': 0.5}}])
    display.step_finished(context, step, None, None)
    display.run_finished('succeeded')
    shown = out.getvalue()
    assert 'runs/[/b]' in shown
    assert '[/red]' in shown
    assert '\x1b]0' not in shown
    assert '\x9b' not in shown
    assert '\x1b[2J' not in shown
    assert ('\x1b[' in shown) == terminal


def test_a_bar_shows_escapes_as_they_are() -> None:
    out = io.StringIO()
    console = SanitizingConsole(file=out, force_terminal=True, width=200)
    with Progress(TextColumn('{task.description}', markup=False), console=console) as bar:
        bar.add_task(f'train {EVIL}')
        console.print(Text(EVIL))
    assert '\x1b]0' not in out.getvalue()
    assert '\x1b[2J' not in out.getvalue()


# -- commands ----------------------------------------------------------------------------------------------------


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project and a workspace in which every name is evil, and a secret in the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('SYNAPSE_WORKSPACE', str(tmp_path / 'ws'))
    monkeypatch.setenv('MY_API_KEY', CANARY)
    row = box(1, 1, 500, 5, label=f'cat{EVIL}', id=f'id{EVIL}')
    row['attrs'] = [{'name': f'at{EVIL}', 'value': EVIL}]
    joint = {'id': f'p{EVIL}', 'classification': EVIL, 'attrs': [], 'data': [[1, 1], [2, 2]]}
    for stem in ('a', f'b{EVIL.replace("/", "")}'):
        add_item(tmp_path / 'set', stem, {'bounding_box': [row], 'polyline': [joint]})
    (tmp_path / 'set' / 'json' / 'c.json').write_text('{' + EVIL)
    (tmp_path / 'pyproject.toml').write_text('[tool.synapse_hooks]\nplugins = ["hooks.py"]\n')
    (tmp_path / 'hooks.py').write_text(f'raise RuntimeError("401 for {CANARY} \\x1b]0;pwned\\x07")')
    (tmp_path / 'model.pt').write_bytes(b'x')
    return tmp_path


COMMANDS: list[list[str]] = [
    ['convert', 'set', 'out', '--to', 'coco', '--unreadable', 'skip'],
    ['convert', 'set', f'out{EVIL}', '--to', 'coco'],
    ['convert', f'set{EVIL}', 'out', '--to', 'coco'],
    ['convert', 'set', 'out', '--to', f'coco{EVIL}'],
    ['inspect', 'set'],
    ['inspect', 'set', '--from', EVIL],
    ['workspace', 'import', 'set', '--name', f'n{EVIL}'],
    ['workspace', 'add-model', 'model.pt', '--name', f'm{EVIL}', '--category', f'c{EVIL}'],
    ['workspace', 'add-model', f'model{EVIL}.pt', '--name', 'm'],
    ['workspace', 'list'],
    ['plugins'],
    ['hooks'],
    ['hooks', f'convert{EVIL}'],
    ['formats'],
    ['doctor'],
    ['train', f'none{EVIL}.py:A'],
    ['resume', f'none{EVIL}'],
    ['plugins', '--block', EVIL],
    [f'what{EVIL}'],
]


@pytest.mark.parametrize('words', COMMANDS, ids=lambda words: ' '.join(words).encode('unicode_escape').decode()[:40])
def test_no_command_prints_what_is_obeyed_or_a_secret(
    evil: Path, words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    for category in ('c', f'c{EVIL}'):
        run(['workspace', 'add-model', 'model.pt', '--name', f'old {category}', '--category', category])
    capfd.readouterr()
    for more in ([], ['--json']):
        run([*words, *more])
        told = capfd.readouterr()
        assert not OBEYED.search(told.out), told.out
        assert not OBEYED.search(told.err), told.err
        assert CANARY not in told.out + told.err
        assert 'Traceback' not in told.err
        if more and told.out:
            json.loads(told.out.splitlines()[-1])


def run(words: list[str]) -> None:
    with warnings.catch_warnings(), suppress(SystemExit):
        main(words)


def test_commands_print_in_three_places_only() -> None:
    """Every one of which lets text out through `sanitized`."""
    folder = Path(synapse_hooks.cli.__file__).parent
    found = {
        file.name
        for file in folder.glob('*.py')
        for node in ast.walk(ast.parse(file.read_text(encoding='utf-8')))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ('print', 'Console', 'sys.stderr.write')
    }
    assert found <= {'__init__.py', 'common.py', 'console.py', 'streams.py'}


def test_a_secret_that_is_a_number_is_redacted_and_json_stays_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MY_API_KEY', '135792468013')
    said = json.loads(
        sanitized_json({'key': 135792468013, 'text': 'key=135792468013', 'epochs': 3, '135792468013': 1.0})
    )
    assert said == {'key': '<redacted>', 'text': 'key=<redacted>', 'epochs': 3, '<redacted>': 1.0}


def test_a_secret_in_quotes_or_in_an_address_is_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = 'pa/ss"wo\\rd'
    monkeypatch.setenv('MY_PASSWORD', secret)
    shown = sanitized(f'{secret} {secret!r} {json.dumps(secret)} https://me:pa%2Fss%22wo%5Crd@host')
    assert 'wo' not in shown
