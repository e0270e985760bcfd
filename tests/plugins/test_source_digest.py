"""What of somebody's own source counts for an answer, and what may be edited without any consequence for it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from synapse_hooks.plugins.source_digest import SourceDigests, places

ACTION = """
from sub import thing as other_thing
import far.away

LIMIT = 3


def helper():
    return LIMIT


def other():
    return 4


def by_name():
    return 5


class Action:
    rate = 1

    def convert(self):
        import late
        return helper(), getattr(self, 'by_name'), other_thing()

    def execute(self):
        return other()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / 'action_of_a_test.py').write_text(ACTION)
    (tmp_path / 'sub.py').write_text('def thing(): return 1\ndef unused(): return 2\n')
    (tmp_path / 'late.py').write_text('A = 1\n')
    (tmp_path / 'far').mkdir()
    (tmp_path / 'far' / '__init__.py').write_text('from . import near\n')
    (tmp_path / 'far' / 'away.py').write_text('import json\n')
    (tmp_path / 'far' / 'near.py').write_text('B = 1\n')
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def module() -> ModuleType:
    for name in ('action_of_a_test', 'sub', 'late', 'far', 'far.away', 'far.near'):
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    return importlib.import_module('action_of_a_test')


def convert(folder: Path) -> dict[str, str]:
    action = module().Action
    return SourceDigests(folder).digests([action.convert], places(action.execute))


def test_every_own_module_that_is_imported_counts(folder: Path) -> None:
    files = ['action_of_a_test.py', 'far/__init__.py', 'far/away.py', 'far/near.py', 'late.py', 'sub.py']
    assert sorted(convert(folder)) == files


@pytest.mark.parametrize(
    ('file', 'old', 'new', 'changed'),
    [
        ('action_of_a_test.py', 'LIMIT = 3', 'LIMIT = 4', True),
        ('action_of_a_test.py', 'rate = 1', 'rate = 2', True),
        ('action_of_a_test.py', 'return LIMIT', 'return -LIMIT', True),
        ('action_of_a_test.py', 'return 5', 'return 6', True),
        ('action_of_a_test.py', 'import late', 'import late as later', True),
        ('action_of_a_test.py', 'return 4', 'return 7', False),
        ('action_of_a_test.py', 'return other()', 'return other(), 1', False),
        ('action_of_a_test.py', 'LIMIT = 3', '# three\n\nLIMIT = (3)', False),
        ('sub.py', 'return 1', 'return 3', True),
        ('sub.py', 'return 2', 'return 3', False),
        ('late.py', 'A = 1', 'A = 2', True),
        ('far/near.py', 'B = 1', 'B = 2', True),
    ],
)
def test_an_edit_counts_where_it_may_have_a_part(file: str, old: str, new: str, changed: bool, folder: Path) -> None:
    before = convert(folder)
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    after = convert(folder)
    assert [name for name in before if before[name] != after.get(name)] == ([file] if changed else [])


@pytest.mark.parametrize(
    ('line', 'counts'),
    [
        ("importlib.import_module('named')", True),
        ("import_module('named.deep')", True),
        ("__import__('named')", True),
        ("import_module('.named', __package__)", True),
        ("print('named')", False),
        ('import_module(name)', False),
    ],
)
def test_a_module_that_is_imported_by_its_name_counts(line: str, counts: bool, folder: Path) -> None:
    (folder / 'named.py').write_text('C = 1\n')
    (folder / 'late.py').write_text(f'def load(name):\n    return {line}\nload(1)\n')
    assert ('named.py' in convert(folder)) == counts


def test_a_method_that_the_counted_one_calls_counts_too(folder: Path) -> None:
    text = (folder / 'action_of_a_test.py').read_text()
    (folder / 'action_of_a_test.py').write_text(text.replace('import late', 'self.execute()'))
    before = convert(folder)
    text = (folder / 'action_of_a_test.py').read_text()
    (folder / 'action_of_a_test.py').write_text(text.replace('return other()', 'return other(), 1'))
    assert convert(folder) != before


def test_a_function_without_a_file_counts_by_its_code() -> None:
    spaces: list[dict[str, object]] = [{}, {}, {}]
    for space, text in zip(spaces, ('1', '1', '2'), strict=True):
        exec(f'def convert(): return {text} in {{"a", "b"}}', space)
    one, same, other = (SourceDigests(None).digests([space['convert']]) for space in spaces)  # type: ignore[list-item]
    assert one == same != other


def test_a_file_that_cannot_be_parsed_counts_as_it_is(folder: Path) -> None:
    (folder / 'late.py').write_text('1 +\n')
    before = convert(folder)
    (folder / 'late.py').write_text('1 -\n')
    assert convert(folder)['late.py'] != before['late.py']


def test_libraries_and_this_package_do_not_count(folder: Path) -> None:
    (folder / 'late.py').write_text('import msgspec, json, synapse_hooks.context\nfrom numpy import array\n')
    assert len(convert(folder)) == 6
