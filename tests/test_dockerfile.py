"""The Dockerfile, as far as it can be checked without an engine."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINES = re.sub(r'\\\n', ' ', re.sub(r'^#.*\n', '', (ROOT / 'Dockerfile').read_text(), flags=re.MULTILINE)).splitlines()
INSTRUCTIONS = [(line.split()[0], line.partition(' ')[2].strip()) for line in LINES if line.strip()]
PATTERNS = [line for line in (ROOT / '.dockerignore').read_text().splitlines() if line and not line.startswith('#')]


def sent(path: str) -> bool:
    """Whether a file of the repository is sent to the engine: the last pattern that fits it, or its folder, decides."""
    ignored = False
    for pattern in PATTERNS:
        plain = pattern.removeprefix('!').removeprefix('**/')
        if fnmatch(path, plain) or fnmatch(path.split('/')[0], plain) or fnmatch(Path(path).name, plain):
            ignored = not pattern.startswith('!')
    return not ignored


def test_it_copies_what_is_there_and_is_sent() -> None:
    copied = [words.split() for name, words in INSTRUCTIONS if name == 'COPY' and '--from' not in words]
    sources = [source for words in copied for source in words[:-1]]
    assert sources == ['pyproject.toml', 'README.md', 'LICENSE', 'synapse_hooks']
    for source in sources:
        assert (ROOT / source).exists()
        assert sent(source)


@pytest.mark.parametrize('path', ['.git/config', 'tests/conftest.py', '.venv/bin/python', 'docs/hooks.md', 'x.pyc'])
def test_it_is_sent_nothing_else(path: str) -> None:
    assert not sent(path)


def test_it_runs_the_command_as_a_user_without_rights() -> None:
    last = dict(INSTRUCTIONS)
    assert last['USER'] == 'trainer'
    assert last['ENTRYPOINT'] == '["synapse-hooks"]'
    assert last['VOLUME'] == '/workspace'
    assert 'SYNAPSE_WORKSPACE=/workspace' in last['ENV']
    names = [name for name, _ in INSTRUCTIONS]
    assert names.index('USER') > max(place for place, name in enumerate(names) if name == 'RUN')
