"""Every example of README.md and docs/ does what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.examples import CONTRIB_PAGES, PAGES, ROOT, Reader, blocks

BEGINS_WITH_DIGITS = '<!-- the examples begin with the dataset of the tutorial -->'
HEAVY = [page for page in PAGES if any('e2e' in block.notes for block in blocks(page))]


@pytest.fixture(scope='session')
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dataset of the tutorial, and a workspace that has it."""
    pytest.importorskip('sklearn')
    from synapse_hooks.backends import Workspace
    from synapse_hooks.demo import write_scenes

    folder = tmp_path_factory.mktemp('digits')
    write_scenes(folder / 'digits', count=40)
    Workspace(folder / 'workspace').add_dataset(folder / 'digits', name='digits')
    return folder


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Reader]:
    page: Path = request.param
    shims, folder = tmp_path / 'bin', tmp_path / 'reader'
    shims.mkdir()
    installed = tmp_path / 'installed'
    modules = {
        'synapse-hooks': 'synapse_hooks.cli "$@"',
        'pytest': 'pytest -p no:cacheprovider "$@"',
        # Not into the environment of these tests, and without a network: what a page builds needs nothing else.
        'pip': f'pip --isolated --quiet "$@" --no-index --no-deps --no-build-isolation --target "{installed}"',
    }
    for command, module in modules.items():
        (shims / command).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module}\n')
        (shims / command).chmod(0o755)
    if BEGINS_WITH_DIGITS in page.read_text(encoding='utf-8'):
        from shutil import copytree

        prepared = request.getfixturevalue('digits')
        copytree(prepared / 'digits', folder / 'digits')
        copytree(prepared / 'workspace', tmp_path / 'workspace')
    else:
        folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv('PATH', f'{shims}{os.pathsep}{os.environ["PATH"]}')
    monkeypatch.setenv('PYTHONPATH', f'{ROOT}{os.pathsep}{folder}{os.pathsep}{installed}')
    monkeypatch.setenv('COLUMNS', '200')
    monkeypatch.setenv('SYNAPSE_WORKSPACE', str(tmp_path / 'workspace'))
    # What stands in the working directory can be imported, as in a session of the reader's.
    monkeypatch.setattr(sys, 'path', [str(folder), *sys.path])
    before = set(sys.modules)
    reader = Reader(page, folder)
    monkeypatch.setitem(sys.modules, reader.module.__name__, reader.module)
    yield reader
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], '__file__', '')).startswith(str(folder)):
            del sys.modules[name]


@pytest.mark.parametrize('page', [*PAGES, *CONTRIB_PAGES], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_reader_sees_to_which_file_a_block_belongs(page: Path) -> None:
    text = page.read_text(encoding='utf-8')
    titles = re.findall(r'^\*\*`([^`\n]+)`\*\*$', text, re.MULTILINE)
    assert [block.file for block in blocks(page) if block.file is not None] == titles, 'a title without a block'
    assert not re.search(r'<!--[^\n]*\bfile:', text), 'a reader does not see comments'
    untitled = [block.place for block in blocks(page) if block.language in ('toml', 'csv') and block.file is None]
    assert untitled == [], 'begin it with the name of its file: **`pyproject.toml`**'


@pytest.mark.parametrize('page', [*PAGES, *CONTRIB_PAGES], ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_python_file_stands_on_its_own(page: Path, tmp_path: Path) -> None:
    """Whoever saves it under the name in its title gets no NameError."""
    saved = {}
    for number, block in enumerate(blocks(page)):
        if block.file is not None and block.language == 'python':
            saved[f'{number}.py'] = block.place
            (tmp_path / f'{number}.py').write_text(block.text, encoding='utf-8')
    if not saved:
        return
    ruff = [sys.executable, '-m', 'ruff', 'check', '--isolated', '--no-cache', '--select=F821,E9', tmp_path]
    done = subprocess.run([*ruff, '--output-format=concise'], capture_output=True, text=True)
    assert done.returncode == 0, f'{saved}\n{done.stdout}{done.stderr}'


@pytest.mark.parametrize('reader', PAGES, ids=lambda page: page.stem, indirect=True)
def test_page(reader: Reader) -> None:
    for block in reader.blocks:
        if 'e2e' not in block.notes:
            reader.check(block)


@pytest.mark.e2e
@pytest.mark.parametrize('reader', HEAVY, ids=lambda page: page.stem, indirect=True)
def test_heavy_page(reader: Reader) -> None:
    for block in reader.blocks:
        reader.check(block)
