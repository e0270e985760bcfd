"""No home, no account, no working directory, an ASCII locale: every command says a sentence, or works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from synapse_hooks.cli import COMMANDS
from tests.formats.format_kit import add_item, box

WORDS = {
    'train': ['act.py:A'],
    'resume': ['run'],
    'convert': ['set', 'out', '--to', 'coco'],
    'inspect': ['set'],
    'workspace': ['list'],
    'completion': ['bash'],
}
# A program of a platform runs as an account that nobody made.
NO_ACCOUNT = (
    'import os, pwd, sys; pwd.getpwuid = pwd.getpwnam = lambda name: {}[name]; '
    'from synapse_hooks.cli import main; sys.exit(main(sys.argv[1:]))'
)
PLAIN = 'import sys; from synapse_hooks.cli import main; sys.exit(main())'
GONE = f'import os; os.mkdir("gone"); os.chdir("gone"); os.rmdir("../gone"); {PLAIN}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    add_item(tmp_path / 'set', 'a', {'bounding_box': [box(1, 1, 5, 5, label='자전거')]})
    return tmp_path


def run(code: str, words: list[str], folder: Path, **env: str) -> subprocess.CompletedProcess[bytes]:
    kept = {name: os.environ[name] for name in ('PATH', 'LD_LIBRARY_PATH') if name in os.environ}
    python_path = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get('PYTHONPATH')])])
    return subprocess.run(
        [sys.executable, '-c', code, *words],
        cwd=folder,
        env={**kept, 'PYTHONPATH': python_path, **env},
        capture_output=True,
        timeout=60,
        check=False,
    )


def commands() -> list[list[str]]:
    # The demo trains, and a server serves until it is ended.
    return [[name, *WORDS.get(name, [])] for name in COMMANDS if name not in ('demo', 'serve')]


@pytest.mark.parametrize('words', commands(), ids=lambda words: str(words[0]))
def test_every_command_without_a_home_an_account_or_a_working_directory(words: list[str], folder: Path) -> None:
    for code, env in (
        (NO_ACCOUNT, {}),
        (NO_ACCOUNT, {'SYNAPSE_WORKSPACE': '~nobody-here/x'}),
        (GONE, {'HOME': str(folder)}),
    ):
        ended = run(code, words, folder, **env)
        assert b'Traceback' not in ended.stderr
        assert ended.returncode in (0, 1, 2)
        told = (ended.stderr + ended.stdout).decode('utf-8')
        assert ended.returncode == 0 or '→' in told or '\\u2192' in told


@pytest.mark.parametrize('words', commands(), ids=lambda words: str(words[0]))
def test_every_command_in_an_ascii_locale(words: list[str], folder: Path) -> None:
    ascii_only = {
        'LANG': 'C',
        'LC_ALL': 'C',
        'PYTHONIOENCODING': 'ascii',
        'PYTHONUTF8': '0',
        'PYTHONCOERCECLOCALE': '0',
    }
    home = {'HOME': str(folder), 'SYNAPSE_WORKSPACE': str(folder / 'ws')}
    ended = run(PLAIN, words, folder, **ascii_only, **home)
    assert b'Traceback' not in ended.stderr
    assert ended.returncode in (0, 1, 2)
    assert (ended.stdout + ended.stderr).isascii()
    if words[0] in ('convert', 'inspect', 'workspace', 'formats', 'plugins', 'hooks'):
        assert ended.returncode == 0
