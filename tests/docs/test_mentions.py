"""What the code offers is in the documentation, what the documentation points at is there, and nothing is stale."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from synapse_hooks import errors
from synapse_hooks.cli import COMMANDS
from synapse_hooks.formats import BUILTIN
from synapse_hooks.hookspecs import hook_names
from synapse_hooks.journal.run_directory import _EMPTY as RECORD
from synapse_hooks.plugins.settings import _KEYS as KEYS
from tests.docs.examples import PAGES, ROOT

SOURCES = {path: path.read_text(encoding='utf-8') for path in sorted((ROOT / 'synapse_hooks').rglob('*.py'))}
API = sorted((ROOT / 'docs' / 'api').glob('*.md'))
TEXTS = {
    path: path.read_text(encoding='utf-8') for path in [*PAGES, *API, ROOT / 'CONTRIBUTING.md', ROOT / 'CHANGELOG.md']
}
ERRORS = [
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == errors.__name__
]
VARIABLES = {
    name for text in SOURCES.values() for name in re.findall(r'\b(?:SYNAPSE|YOLO|ULTRALYTICS)_[A-Z_]+\b', text)
}
CODES = {code for text in SOURCES.values() for code in re.findall(r"""\bcode(?:'\]?: |=)'([a-z-]+)'""", text)}


FOR_DEVELOPMENT = {'test', 'bench', 'check', 'docs', 'dist'}


def page(name: str) -> str:
    return (ROOT / 'docs' / name).read_text(encoding='utf-8')


def test_every_extra_of_users_is_in_the_table() -> None:
    extras = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))['project']['optional-dependencies']
    table = re.findall(r'^\| `(\w+)` \|', page('install.md'), re.MULTILINE)
    assert extras.keys() - FOR_DEVELOPMENT <= {*table}


def anchors(text: str) -> set[str]:
    """The names by which the headings of a page can be pointed at, as GitHub makes them."""
    headings = re.findall(r'^#+ (.+)$', re.sub(r'^```.*?^```$', '', text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-') for heading in headings}


@pytest.mark.parametrize('hook', hook_names())
def test_every_hook_has_its_place(hook: str) -> None:
    assert f'\n## {hook}\n' in page('hooks.md')


@pytest.mark.parametrize('name', ERRORS)
def test_every_error_is_in_the_tree(name: str) -> None:
    assert re.search(rf'[─ \n]{name} ', page('errors.md'))


@pytest.mark.parametrize('code', sorted(CODES))
def test_every_code_of_a_message_is_explained(code: str) -> None:
    assert f'`{code}`' in page('errors.md')


@pytest.mark.parametrize('command', COMMANDS)
def test_every_command_is_listed(command: str) -> None:
    assert f'`synapse-hooks {command}' in page('environment.md')


@pytest.mark.parametrize('name', sorted(VARIABLES))
def test_every_variable_is_explained(name: str) -> None:
    assert f'`{name}`' in page('environment.md')


@pytest.mark.parametrize('key', KEYS)
def test_every_setting_is_explained(key: str) -> None:
    assert re.search(rf'^\| `{key}[`.]', page('environment.md'), re.MULTILINE)


@pytest.mark.parametrize('key', RECORD)
def test_every_key_of_the_record_is_explained(key: str) -> None:
    assert re.search(rf'^\| .*`{key}`.* \|', page('runs.md'), re.MULTILINE)


@pytest.mark.parametrize('name', BUILTIN)
def test_every_format_is_explained(name: str) -> None:
    assert f'\n## {name}\n' in page('formats.md')


@pytest.mark.parametrize('path', TEXTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r'\]\(([^)]+)\)', TEXTS[path]):
        if re.match(r'https?:', target):
            continue
        file, _, anchor = target.partition('#')
        there = (path.parent / file).resolve() if file else path
        assert there.exists(), f'{path.name} points at {target}'
        if anchor:
            assert anchor in anchors(there.read_text(encoding='utf-8')), f'{path.name} points at {target}'


def test_every_page_can_be_reached_from_the_readme() -> None:
    listed = re.findall(r'^- \[[^]]+\]\(docs/([^)#]+)\)', TEXTS[ROOT / 'README.md'], re.MULTILINE)
    missing = 'give it a line `- [Title](docs/page.md): ...` below "Read on", which is the navigation of the site, too'
    assert sorted(listed) == sorted(path.name for path in PAGES[1:]), missing


def test_no_sentence_occurs_twice() -> None:
    seen: dict[str, str] = {}
    for path, text in TEXTS.items():
        if path in API:
            # Made of docstrings, in which like things are said alike.
            continue
        prose = re.sub(r'^(?:```.*?^```|\|.*?)$|<!--.*?-->', '', text, flags=re.DOTALL | re.MULTILINE)
        for sentence in re.split(r'(?<=[.:])\s+|\n\n', prose):
            words = ' '.join(sentence.split())
            if len(words.split()) >= 8:
                assert words not in seen, f'{path.name} and {seen[words]}: {words}'
                seen[words] = path.name


def test_the_generated_pages_are_current() -> None:
    done = subprocess.run(
        [sys.executable, ROOT / 'docs' / 'generate.py', '--check'],
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
