"""The pages of all public names say of each what it is, and of each argument what it means."""

from __future__ import annotations

import inspect
import re
import sys
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from tests.docs.examples import ROOT

PAGES = {path.stem: path.read_text(encoding='utf-8') for path in sorted((ROOT / 'docs' / 'api').glob('*.md'))}
PAGE = '\n'.join(PAGES.values())


def generator() -> ModuleType:
    """docs/api.py, which is in no package."""
    sys.path.insert(0, str(ROOT / 'docs'))
    try:
        return import_module('api')
    finally:
        sys.path.remove(str(ROOT / 'docs'))


ENTRIES = {
    name: getattr(import_module(section.module), name)
    for section in generator().SECTIONS
    for name in generator()._names(section)
}
DESCRIBED = {name: value for name, value in ENTRIES.items() if inspect.isclass(value) or inspect.isfunction(value)}


def test_every_name_is_there_once() -> None:
    assert sorted(re.findall(r'^### (\w+)$', PAGE, re.MULTILINE)) == sorted(ENTRIES)
    for page, text in PAGES.items():
        titles = re.findall(r'^##+ (.+)$', text, re.MULTILINE)
        assert len({title.lower() for title in titles}) == len(titles), f'two headings of {page}.md have one anchor'


def test_the_overview_names_each_once() -> None:
    overview = (ROOT / 'docs' / 'api.md').read_text(encoding='utf-8')
    assert sorted(re.findall(r'\[`(\w+)`\]', overview)) == sorted(ENTRIES)


def test_every_field_and_method_says_what_it_is() -> None:
    assert re.findall(r'^\| `(\w+)` \|.*\|  \|$', PAGE, re.MULTILINE) == [], 'a field without a string below it'
    assert re.findall(r'^- \*\*`(\w+).*`\*\*\n\n(?! )', PAGE, re.MULTILINE) == [], 'a method without a docstring'
    assert re.findall(r'^### (\w+)\n+```text\n[^`]*```\n+(?=#)', PAGE, re.MULTILINE) == []


def test_the_page_is_the_same_wherever_it_is_made() -> None:
    assert not re.search(r' at 0x|<function|<class|ForwardRef', PAGE)


@pytest.mark.parametrize('name', DESCRIBED)
def test_every_argument_is_explained(name: str) -> None:
    value: Any = DESCRIBED[name]
    told = inspect.getdoc(value) or ''
    fields = re.findall(r'^\| `(\w+)` \|', PAGE.partition(f'\n### {name}\n')[2].partition('\n### ')[0], re.MULTILINE)
    inherited = (
        {'id', 'label', 'attributes', 'group', 'entry', 'extra'} if hasattr(value, '__struct_fields__') else set()
    )
    try:
        # A protocol is not called.
        parameters = {} if getattr(value, '_is_protocol', False) else inspect.signature(value).parameters
    except ValueError:
        parameters = {}
    unexplained = [
        argument
        for argument in parameters
        if not argument.startswith('_') and argument not in {*fields, *inherited} and not said(argument, told)
    ]
    assert issubclass_of_exception(value) or unexplained == []


def said(argument: str, told: str) -> bool:
    """Whether a docstring speaks of an argument: in its list, or by its name."""
    return re.search(rf'^ *\*{{0,2}}{argument}: |`{argument}`', told, re.MULTILINE) is not None


def issubclass_of_exception(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, BaseException)
