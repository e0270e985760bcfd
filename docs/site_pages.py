"""What mkdocs is told about this repository beyond mkdocs.yml: its pages, their links and their order.

The pages are written to be read on a code host. Here, README.md is the home page and its section "Read on" the
navigation; other files that pages link to become pages or downloads; and what stands above a block as the name of its
file becomes the block's title.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pymdownx.slugs import slugify

ROOT = Path(__file__).parents[1]
PAGES = {'README.md': 'index.md', 'CONTRIBUTING.md': 'contributing.md', 'CHANGELOG.md': 'changelog.md'}
"""Pages beside docs/, with their places in the site."""
_LINK = re.compile(r'(?<=\]\()(?!\w+:|#)(?P<path>[^)#\s]+)(?P<anchor>#[^)\s]*)?(?=\))')
_FENCES = re.compile(r'^(?P<fence>`{3,}).*?^(?P=fence)$', re.DOTALL | re.MULTILINE)
_TITLE = re.compile(
    r'^\*\*`(?P<file>[^`\n]+)`\*\*\n\n(?:<!-- [^\n]+ -->\n)?(?P<fence>`{3,})(?P<language>\w*)$', re.MULTILINE
)


class NestedByTwo(Extension):
    """Lists are nested by two blanks, as on code hosts."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Called by Markdown."""
        md.tab_length = 2
        # What splits text into blocks copies the number when it is made.
        md.build_parser()


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Anchors as on code hosts, and the navigation."""
    config.mdx_configs['toc']['slugify'] = slugify(case='lower')
    # The first: others add to what it makes.
    config.markdown_extensions.insert(0, NestedByTwo())  # type: ignore[arg-type]
    config.nav = [{'Home': 'index.md'}, *navigation((ROOT / 'README.md').read_text(encoding='utf-8'))]
    return config


def navigation(readme: str) -> Iterator[dict[str, Any]]:
    """The sections below "Read on" of the README, each with its pages and those in the folders of these."""
    for section in readme.partition('\n## Read on\n')[2].split('\n### ')[1:]:
        title, _, text = section.partition('\n')
        pages: list[dict[str, Any]] = []
        for name, path in re.findall(r'^- \[([^]]+)\]\(([^)]+)\)', text, re.MULTILINE):
            place = site_path(path)
            below = sorted(below_page(place))
            pages.append({name: [{'Overview': place}, *below] if below else place})
        yield {title: pages}


def below_page(place: str) -> Iterator[str]:
    """The pages in the folder of a page: those of api/ for api.md, the READMEs of contrib/ for plugins.md."""
    if place == 'plugins.md':
        yield from (site_path(path) for path in contributed())
    for path in (ROOT / 'docs' / place.removesuffix('.md')).glob('*.md'):
        yield path.relative_to(ROOT / 'docs').as_posix()


def contributed() -> list[str]:
    """The READMEs of the distributions in contrib/."""
    return [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / 'contrib').glob('*/README.md'))]


def site_path(path: str) -> str:
    """Where a file of the repository is in the site; pages of docs/ are at its top."""
    if path.startswith('docs/'):
        return path.removeprefix('docs/')
    if found := re.fullmatch(r'contrib/([\w-]+)/README\.md', path):
        return f'plugins/{found[1]}.md'
    return PAGES.get(path, f'files/{path}.txt')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages beside docs/, and the files that any page links to."""
    for path in [*PAGES, *contributed()]:
        files.append(File.generated(config, site_path(path), abs_src_path=str(ROOT / path)))
    for file in files.documentation_pages():
        source = repository_path(file)
        for found in _LINK.finditer(_FENCES.sub('', (ROOT / source).read_text(encoding='utf-8'))):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(source), found['path']))
            if files.get_file_from_path(site_path(target)) is None and (ROOT / target).is_file():
                files.append(File.generated(config, site_path(target), abs_src_path=str(ROOT / target)))
    return files


def repository_path(file: File) -> str:
    """Where a page of the site is in the repository."""
    return Path(os.path.relpath(str(file.abs_src_path), ROOT)).as_posix()


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links and titles for the site."""
    source = repository_path(page.file)
    if source.startswith('contrib/') or source in ('CHANGELOG.md', 'docs/api.md'):
        # They mention everything, and the search takes `a` for the beginning of a word: what explains one comes
        # before them.
        page.meta['search'] = {'boost': 0.5}

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), found['path']))
        here = posixpath.dirname(page.file.src_uri) or '.'
        return posixpath.relpath(site_path(target), here) + (found['anchor'] or '')

    titled = _TITLE.sub(r'\g<fence>\g<language> title="\g<file>"', markdown)
    pieces, end = [], 0
    for fence in _FENCES.finditer(titled):
        pieces += [_LINK.sub(link, _plain(titled[end : fence.start()])), fence[0]]
        end = fence.end()
    return ''.join([*pieces, _LINK.sub(link, _plain(titled[end:]))])


def _plain(text: str) -> str:
    """Without comments, which are for tests and for authors."""
    return re.sub(r'^<!-- .*? -->\n', '', text, flags=re.MULTILINE | re.DOTALL)
