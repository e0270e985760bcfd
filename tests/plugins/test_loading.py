"""A plugin's file is one module, and each of its functions is called once, whoever imports it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from synapse_hooks.errors import PluginBroken
from synapse_hooks.hookspecs import hookimpl
from synapse_hooks.plugins import Plugins, Settings, build, load_settings

HOOKS = """
from synapse_hooks import hookimpl

loaded = []

@hookimpl
def uploaded(context, model):
    loaded.append(model)

class Watcher:
    @hookimpl
    def cleanup(self):
        pass

watcher, other = Watcher(), Watcher()
"""


def plugins_of(root: Path, *listed: str, **files: str) -> Plugins:
    for name, text in files.items():
        file = root / f'{name.replace("__", "/")}.py'
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    table = ', '.join(f'"{entry}"' for entry in listed)
    (root / 'pyproject.toml').write_text(f'[tool.synapse_hooks]\nplugins = [{table}]\n')
    return build(load_settings(root, env={}), installed=[])


def callers(plugins: Plugins, hook: str) -> list[str]:
    return [plugin.name for plugin, _ in plugins.order(hook)]


@pytest.mark.parametrize('listed', [('hooks.py', 'more.py'), ('more.py', 'hooks.py'), ('more', 'hooks.py')])
def test_a_function_that_another_plugin_imports_is_called_once_for_the_file_it_is_in(
    listed: tuple[str, ...], tmp_path: Path
) -> None:
    plugins = plugins_of(tmp_path, *listed, hooks=HOOKS, more='from hooks import uploaded')
    assert callers(plugins, 'uploaded') == ['hooks.py']
    plugins.calls.uploaded(context=None, model={'id': 1})  # type: ignore[arg-type]
    assert sys.modules['hooks'].loaded == [{'id': 1}]
    (more,) = [plugin for plugin in plugins.records if plugin.name.startswith('more')]
    assert more.state == 'active'
    assert "uploaded() is also in the project (plugin 'hooks.py'), and is called once, there" in more.reason


def test_a_class_that_is_listed_twice_is_called_once_and_two_objects_of_it_twice(tmp_path: Path) -> None:
    once = plugins_of(tmp_path, 'hooks:Watcher', 'again:Watcher', hooks=HOOKS, again='from hooks import Watcher')
    assert callers(once, 'cleanup') == ['hooks:Watcher']
    assert callers(plugins_of(tmp_path, 'hooks:watcher', 'hooks:other'), 'cleanup') == ['hooks:watcher', 'hooks:other']
    assert callers(
        plugins_of(tmp_path, 'hooks:watcher', 'third:watcher', third='from hooks import watcher'), 'cleanup'
    ) == ['hooks:watcher']


FORMATS = """
from synapse_hooks.formats import Format


class One(Format):
    name = 'one'

    def read(self, context):
        return iter(())


class Two(One):
    name = 'two'
"""


def test_two_formats_that_inherit_the_same_functions_both_answer(tmp_path: Path) -> None:
    plugins = plugins_of(tmp_path, 'mine:One', 'mine:Two', 'other:One', mine=FORMATS, other=FORMATS)
    listed = [name for name in callers(plugins, 'open_dataset') if ':' in name]
    assert listed == ['mine:One', 'mine:Two', 'other:One']


def test_the_same_file_under_two_names_is_called_once(tmp_path: Path) -> None:
    plugins = plugins_of(tmp_path, 'sub/hooks.py', 'sub.hooks', sub__hooks=HOOKS)
    assert callers(plugins, 'uploaded') == ['sub/hooks.py']


def test_objects_that_share_a_function_are_called_once() -> None:
    @hookimpl
    def cleanup() -> None:
        """Imported by two modules."""

    one, two = ModuleType('one'), ModuleType('two')
    one.cleanup = two.cleanup = cleanup  # type: ignore[attr-defined]
    assert callers(build(Settings(), extra=[one, two], installed=[]), 'cleanup') == ['one']


def made(text: str) -> Any:
    @hookimpl
    def cleanup() -> None:
        print(text)

    return cleanup


def test_two_functions_of_one_factory_are_two() -> None:
    one, two = ModuleType('one'), ModuleType('two')
    one.cleanup, two.cleanup = made('a'), made('b')  # type: ignore[attr-defined]
    assert callers(build(Settings(), extra=[one, two], installed=[]), 'cleanup') == ['one', 'two']


@pytest.mark.parametrize('when', ['import helper', 'pass'])
def test_a_file_imports_its_neighbours_now_or_later(when: str, tmp_path: Path) -> None:
    hooks = f"""
from synapse_hooks import hookimpl
{when}

@hookimpl
def export(context):
    import helper
    return helper.answer()
"""
    helper = "def answer():\n    return {'path': 'here', 'format': 'dm'}\n"
    plugins = plugins_of(tmp_path, 'plug/hooks.py', plug__hooks=hooks, plug__helper=helper)
    assert plugins.calls.export(context=None)['path'] == 'here'  # type: ignore[arg-type,comparison-overlap]


def test_a_relative_import_in_a_file_says_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(PluginBroken, match=r'`import helper`, not `from \. import helper`'):
        plugins_of(tmp_path, 'plug/rel.py', plug__rel='from . import helper', plug__helper='')
    hooks = 'from . import helper\nfrom synapse_hooks import hookimpl\n@hookimpl\ndef cleanup(): pass\n'
    assert callers(plugins_of(tmp_path, 'plug.rel', plug__rel=hooks), 'cleanup') == ['plug.rel']


def test_files_of_one_name_in_two_projects_are_two_modules(tmp_path: Path) -> None:
    (tmp_path / 'a').mkdir()
    (tmp_path / 'b').mkdir()
    one = plugins_of(tmp_path / 'a', 'hooks.py', hooks=HOOKS)
    two = plugins_of(tmp_path / 'b', 'hooks', hooks=HOOKS)
    assert [plugins.records[0].path for plugins in (one, two)] == [
        str(tmp_path / 'a' / 'hooks.py'),
        str(tmp_path / 'b' / 'hooks.py'),
    ]
    assert one.records[0].loaded is not two.records[0].loaded


@pytest.mark.parametrize(
    ('call', 'error', 'message'),
    [
        (
            lambda hooks: hooks.open_dataset({}),
            TypeError,
            r"the hook 'open_dataset' must be called .* hooks.open_dataset\(dataset=...\); 1 given by position",
        ),
        (lambda hooks: hooks.open_dataset(data={}), TypeError, "no argument 'data', did you mean 'dataset'"),
        (lambda hooks: hooks.convert(dataset={}, target_format='x'), TypeError, 'missing: context'),
        (lambda hooks: hooks.convrt(context=None), AttributeError, "no hook 'convrt'; did you mean 'convert'"),
        (lambda hooks: hooks.zzz, AttributeError, "no hook 'zzz'; the hooks are launch, tune, run_started, "),
    ],
)
def test_a_hook_that_is_called_wrongly_says_how_to_call_it(call: Any, error: type, message: str) -> None:
    hooks = build(Settings(), installed=[]).calls
    with pytest.raises(error, match=message):
        call(hooks)
    assert not hasattr(hooks, 'convrt')


@pytest.mark.parametrize(
    'body',
    [
        "@property\n    def name(self):\n        raise KeyError('NAME')",
        "def __getattr__(self, name):\n        raise KeyError('NAME')",
    ],
    ids=['property', '__getattr__'],
)
def test_a_plugin_that_cannot_be_looked_at_is_broken_and_named(tmp_path: Path, body: str) -> None:
    text = f"""
class Odd:
    {body}

    def recognise(self, path):
        return False
"""
    with pytest.raises(PluginBroken, match=r"plugin 'odd:Odd'\) is broken: KeyError: 'NAME'"):
        plugins_of(tmp_path, 'odd:Odd', odd=text)
