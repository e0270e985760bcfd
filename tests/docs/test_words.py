"""Messages, comments and pages are in plain English: see the section on words in CONTRIBUTING.md."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.examples import ROOT

SOURCES = sorted([*(ROOT / 'synapse_hooks').rglob('*.py'), *(ROOT / 'contrib').glob('*/synapse_hooks_*/*.py')])
ODD = re.compile(
    r"""\b(?:mend(?:ed)?|(?<![&*])nobody|aloud|shall|whoever|in\ vain|is\ told|are\ told|was\ told|told\ to)\b
    | (?<!there\ )\bis\ no\ (?!longer\b|other\b|such\b)\w""",
    re.VERBOSE,
)

TEMPLATES = ROOT / 'synapse_hooks' / 'scaffold' / 'templates'
PAGES = sorted(
    [
        *(
            ROOT / name
            for name in ('README.md', 'CHANGELOG.md', 'Makefile', 'Dockerfile', 'mkdocs.yml', 'pyproject.toml')
        ),
        *(ROOT / 'docs').rglob('*.md'),
        *ROOT.glob('contrib/*/README.md'),
        *ROOT.glob('contrib/*/pyproject.toml'),
        # The Apache licence has words of its own.
        *(file for file in TEMPLATES.rglob('*.jinja') if file.stem != 'LICENSE'),
    ]
)
ODD_IN_PAGES = re.compile(r'\b(?:mend(?:ed)?|nobody|whoever|everybody|somebody|aloud|shall|in vain)\b', re.IGNORECASE)


def texts(source: Path) -> Iterator[tuple[int, str]]:
    """Every text of a module but docstrings, with its line: what people may get to see."""
    tree = ast.parse(source.read_text(encoding='utf-8'))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


@pytest.mark.parametrize('source', SOURCES, ids=lambda source: source.relative_to(ROOT).as_posix())
def test_messages_use_plain_words(source: Path) -> None:
    odd = [f'line {line}: {text!r}' for line, text in texts(source) if ODD.search(text)]
    assert odd == []


@pytest.mark.parametrize('page', PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_use_plain_words(page: Path) -> None:
    lines = page.read_text(encoding='utf-8').splitlines()
    odd = [f'line {number}: {line}' for number, line in enumerate(lines, 1) if ODD_IN_PAGES.search(line)]
    assert odd == []


def comments(source: Path) -> Iterator[tuple[int, str]]:
    """Every comment and docstring of a module, with its line."""
    code = source.read_text(encoding='utf-8')
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.lineno, node.value.value
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


@pytest.mark.parametrize('source', SOURCES, ids=lambda source: source.relative_to(ROOT).as_posix())
def test_comments_use_plain_words(source: Path) -> None:
    odd = [f'line {line}: {text!r}' for line, text in comments(source) if ODD_IN_PAGES.search(text)]
    assert odd == []


ROOMS = ('cli', 'conversion', 'data', 'demo', 'formats', 'geometry', 'insight', 'serve', 'testing')
SWEPT = [file for file in SOURCES if file.relative_to(ROOT).parts[1] in ROOMS]
ODD_IN_SWEPT = re.compile(
    r"""\b(?:tells?|telling|told|strangers?|anew|aside|twins?|whatever|wherever|whoever|in\ silence|for\ instance
    |says?\ so|as\ it\ was|all\ the\ same|at\ hand|lead(?:s|ing)?\ nowhere|by\ whoever|sound\ plugin
    |in\ the\ making|let\ be|put\ right)\b
    | \bwhere\ there\ (?:is|are)\b
    | \bnumbers\ are\ no\b""",
    re.VERBOSE | re.IGNORECASE,
)
ODD_NAMES = re.compile(
    r'(?:^|_)(?:told|tell|telling|said|say|voice|lively|twins?|met|outgoing|leaving|mend|strays?|tally)(?:_|$)'
)


@pytest.mark.parametrize('source', SWEPT, ids=lambda source: source.relative_to(ROOT).as_posix())
def test_messages_comments_and_names_use_the_terms_of_the_field(source: Path) -> None:
    odd = [f'line {line}: {text!r}' for line, text in (*texts(source), *comments(source)) if ODD_IN_SWEPT.search(text)]
    odd += [f'the name {name}' for name in (source.stem, *names(source)) if ODD_NAMES.search(name)]
    assert odd == []


def names(source: Path) -> Iterator[str]:
    """Every name that a module defines: functions, classes, arguments, variables, attributes."""
    for node in ast.walk(ast.parse(source.read_text(encoding='utf-8'))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.id if isinstance(node, ast.Name) else node.attr


SWEPT_TOO = [file for file in SOURCES if file not in SWEPT]
ODD_IN_SWEPT_TOO = re.compile(
    r"""\b(?:told|tell(?:s|ing)?|stands?|aside|anew|lest|lies|whom|way\ out|hand(?:s|ed)?\ (?:on|over)|at\ hand|gone\ on
    |ask(?:s|ed)?\ for|leads?\ nowhere|sound)\b
    | (?<!there\ )\b(?:is|are)\ no\ (?!longer\b|other\b|such\b|more\b)\w""",
    re.VERBOSE | re.IGNORECASE,
)


@pytest.mark.parametrize('source', SWEPT_TOO, ids=lambda source: source.relative_to(ROOT).as_posix())
def test_the_other_rooms_use_the_terms_of_the_field(source: Path) -> None:
    every = (*texts(source), *comments(source))
    odd = [f'line {line}: {text!r}' for line, text in every if ODD_IN_SWEPT_TOO.search(text)]
    # `tell` is a method of files.
    defined = {source.stem, *names(source)} - {'tell'}
    odd += [f'the name {name}' for name in sorted(defined) if ODD_NAMES.search(name)]
    assert odd == []


def test_an_odd_word_would_be_found() -> None:
    assert ODD_IN_SWEPT.search('the exit code tells how it ended')
    assert ODD_IN_SWEPT.search('3 numbers are no box')
    assert ODD_NAMES.search('_told')
    assert not ODD_NAMES.search('metrics')
    assert ODD.search('a.txt is no regular file')
    assert ODD.search('mend hooks.py')
    assert ODD_IN_PAGES.search('Whoever trains with it has it.')
    assert ODD_IN_SWEPT_TOO.search('it stands aside')
    assert not ODD_IN_SWEPT_TOO.search('there is no file; it is no longer there')
    assert not ODD.search("there is no format 'yool'; it is no longer there")
