"""The site that `make docs` builds: strict about links and anchors, complete, and readable without a network."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.docs.examples import CONTRIB_PAGES, PAGES, ROOT, blocks

pytest.importorskip('mkdocs', reason='the site needs the extra `docs`, which `make install` installs')
pytest.importorskip('material', reason='the site needs the extra `docs`, which `make install` installs')
BESIDE = {'README.md': 'index', 'CONTRIBUTING.md': 'contributing', 'CHANGELOG.md': 'changelog'}
COUNTED = {'li', 'ul', 'ol', 'table', 'tr', 'td', 'pre', 'h1', 'h2', 'h3', 'h4', 'blockquote', 'img', 'em'}


def build(root: Path, target: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-m', 'mkdocs', 'build', '--config-file', root / 'mkdocs.yml', '--site-dir', target],
        env={**os.environ, 'NO_MKDOCS_2_WARNING': '1'},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope='module')
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp('site')
    done = build(ROOT, target)
    assert done.returncode == 0, done.stdout
    assert 'WARNING' not in done.stdout
    return target


def page_of(site: Path, source: Path) -> Path:
    """The page that is made of a file."""
    if source.name in BESIDE and source.parent == ROOT:
        return site / f'{BESIDE[source.name]}.html'
    if source.name == 'README.md':
        return site / 'plugins' / f'{source.parent.name}.html'
    return site / source.relative_to(ROOT / 'docs').with_suffix('.html')


SOURCES = [
    *(ROOT / name for name in BESIDE),
    *sorted((ROOT / 'docs').rglob('*.md')),
    *CONTRIB_PAGES,
]


class Elements(HTMLParser):
    """Counts the elements of a text, or of the article of a page."""

    def __init__(self, inside: bool) -> None:
        super().__init__()
        self.inside = inside
        self.count: Counter[str] = Counter()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside |= tag == 'article'
        if self.inside and tag in COUNTED:
            self.count[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == 'article':
            self.inside = False


@pytest.mark.parametrize('source', SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_is_what_a_code_host_shows(site: Path, source: Path) -> None:
    from markdown_it import MarkdownIt

    shown, built = Elements(inside=True), Elements(inside=False)
    shown.feed(MarkdownIt('commonmark').enable('table').render(source.read_text(encoding='utf-8')))
    built.feed(page_of(site, source).read_text(encoding='utf-8'))
    assert built.count == shown.count


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    loads = re.compile(r'<(?:script|img|iframe|source)\b[^>]*\bsrc="?([^"\s>]+)|<link\b[^>]*\bhref="?([^"\s>]+)[^>]*>')
    for page in site.rglob('*.html'):
        for found in loads.finditer(page.read_text(encoding='utf-8')):
            url = found[1] or found[2]
            assert not re.match(r'\w+:|//', url) or url.startswith('data:'), f'{page.name} loads {url}'
            # Links of the page 404 start at the root of a server.
            assert page.name == '404.html' or (page.parent / url.partition('?')[0]).exists(), f'{page.name}: {url}'
    styles = '\n'.join(style.read_text(encoding='utf-8') for style in site.rglob('*.css'))
    assert re.findall(r'url\(["\']?(?:https?:)?//[^)]*', styles) == []


def test_examples_have_the_names_of_their_files(site: Path) -> None:
    for page in [*PAGES, *CONTRIB_PAGES]:
        named = [block.file for block in blocks(page) if block.file is not None]
        html = page_of(site, page).read_text(encoding='utf-8')
        assert re.findall(r'<span class="filename">([^<]+)</span>', html) == named, page.name


def test_comments_are_not_in_pages(site: Path) -> None:
    for source in SOURCES:
        assert 'not run:' not in page_of(site, source).read_text(encoding='utf-8'), source


@pytest.mark.parametrize(
    ('word', 'place'),
    [
        ('retry_step', 'hooks.html#retry_step'),
        ('Fitter', 'api/formats.html#fitter'),
        ('Tab key', 'environment.html#the-tab-key'),
        ('SYNAPSE_WORKSPACE', 'environment.html#environment-variables'),
    ],
)
def test_the_search_knows_what_readers_look_for(site: Path, word: str, place: str) -> None:
    text = (site / 'search' / 'search_index.js').read_text(encoding='utf-8')
    index = json.loads(text.removeprefix('var __index = '))
    assert place in [entry['location'] for entry in index['docs'] if word in entry['title'] + entry['text']]


def test_a_page_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    root = tmp_path / 'repository'
    unneeded = shutil.ignore_patterns('.*', '__pycache__', 'site', 'synapse_hooks*', 'benchmarks', 'node_modules')
    shutil.copytree(ROOT, root, ignore=unneeded, symlinks=True)
    (root / 'docs' / 'unlisted.md').write_text('# Unlisted\n')
    with (root / 'docs' / 'why.md').open('a', encoding='utf-8') as page:
        page.write('\n[a](nothing.md) [b](tutorial.md#nothing) [c](#nothing) [d](../nothing.py)\n')
    with (root / 'README.md').open('a', encoding='utf-8') as page:
        page.write('\n[e](docs/nothing.md)\n')
    done = build(root, tmp_path / 'site')
    assert done.returncode == 1
    for fault in ("'nothing.md'", "'tutorial.md#nothing'", "'#nothing'", 'nothing.py', 'unlisted.md'):
        assert fault in done.stdout, done.stdout
    assert done.stdout.count("'nothing.md'") >= 2, done.stdout
