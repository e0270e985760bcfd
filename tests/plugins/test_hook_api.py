"""The hooks are those of the snapshot, and what is removed from them is declared first and warned about."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import deprecations, hookimpl
from synapse_hooks.deprecations import DEPRECATIONS, Deprecation
from synapse_hooks.errors import PluginBroken
from synapse_hooks.hookspecs import HOOK_API, arguments, hook_names
from synapse_hooks.plugins import PluginWarning, Settings, build
from synapse_hooks.plugins.records import Plugin
from synapse_hooks.version import __version__
from tests.plugins.hook_api import SNAPSHOT, current, incompatible

OLD: dict[str, Any] = json.loads(SNAPSHOT.read_text(encoding='utf-8'))


def test_the_hooks_are_those_of_the_snapshot() -> None:
    new = current()
    problems = list(incompatible(OLD, new))
    assert not problems or OLD['hook_api'] < HOOK_API, 'a plugin may have to change: raise HOOK_API, or undo it'
    assert new == OLD, 'type `python -m tests.plugins.hook_api`'


def changed(change: Callable[[dict[str, Any]], object]) -> list[str]:
    new = copy.deepcopy(OLD)
    change(new)
    return list(incompatible(OLD, new))


def test_an_argument_or_a_hook_may_be_added() -> None:
    assert changed(lambda api: api['hooks']['convert']['arguments'].update(folder='Path')) == []
    assert changed(lambda api: api['hooks'].update(new={'semantics': 'first', 'arguments': {}, 'answer': 'None'})) == []
    assert changed(lambda api: api['dictionaries']['Dataset'].update(new='int')) == []


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda api: api['hooks'].pop('export'), "the hook 'export' was removed, and is not in"),
        (lambda api: api['hooks']['convert']['arguments'].pop('dataset'), "the argument 'dataset' was removed"),
        (lambda api: api['hooks']['convert']['arguments'].update(dataset='str'), "type of 'dataset' was 'Dataset'"),
        (lambda api: api['hooks']['convert'].update(semantics='merged'), "semantics was 'first' and is 'merged'"),
        (lambda api: api['hooks']['convert'].update(answer='str'), "answer was 'Dataset' and is 'str'"),
        (
            lambda api: api['hooks']['convert'].update(
                arguments={'folder': 'Path', **OLD['hooks']['convert']['arguments']}
            ),
            'not the last one was added',
        ),
        (lambda api: api['dictionaries']['Dataset'].pop('path'), "Dataset: the key 'path' was removed"),
    ],
)
def test_what_a_plugin_may_stumble_upon_is_noticed(change: Callable[[dict[str, Any]], object], words: str) -> None:
    (problem,) = changed(change)
    assert words in problem


def test_what_is_declared_fits_the_hooks_and_the_version() -> None:
    def numbers(version: str) -> tuple[int, ...]:
        return tuple(int(part) for part in version.split('.')[:2])

    for entry in DEPRECATIONS:
        assert numbers(entry.since) < numbers(entry.until), 'it must work, with a warning, for a minor release'
        is_there = entry.hook in hook_names() and (entry.argument is None or entry.argument in arguments(entry.hook))
        assert is_there == (numbers(__version__) < numbers(entry.until)), entry


# -- what a plugin sees ----------------------------------------------------------------------------------------------


class Converts:
    @hookimpl
    def convert(self, dataset: Any, target_format: str) -> Any:
        return {'path': dataset['path'], 'format': target_format}


def declare(monkeypatch: pytest.MonkeyPatch, hook: str, argument: str | None) -> None:
    entry = Deprecation(hook, argument, 'use `context.dataset`', '0.1', '0.3')
    monkeypatch.setattr(deprecations, 'DEPRECATIONS', (entry,))


def test_a_deprecated_argument_works_with_a_warning_that_names_the_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, 'convert', 'dataset')
    words = (
        r"the project \(plugin 'Converts'\) must be changed: the argument 'dataset' of the hook 'convert' is "
        r'deprecated since synapse-hooks 0\.1 and is removed in 0\.3: use `context\.dataset`'
    )
    with pytest.warns(PluginWarning, match=words):
        plugins = build(Settings(), extra=[Converts()], installed=())
    answer = plugins.calls.convert(context=None, dataset={'path': Path('a')}, target_format='b')  # type: ignore[arg-type]
    assert answer == {'path': Path('a'), 'format': 'b'}
    assert [bool(plugin.deprecated) for plugin in plugins.records if plugin.name == 'Converts'] == [True]


def test_a_deprecated_hook_is_warned_about_too(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, 'convert', None)
    with pytest.warns(PluginWarning, match="the hook 'convert' is deprecated"):
        build(Settings(), extra=[Converts()], installed=())


def test_who_does_not_use_it_gets_no_warning(monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder) -> None:
    declare(monkeypatch, 'convert', 'context')
    build(Settings(), extra=[Converts()], installed=())
    assert not [warning for warning in recwarn if issubclass(warning.category, PluginWarning)]


def test_an_action_is_warned_as_plugins_are(monkeypatch: pytest.MonkeyPatch) -> None:
    from synapse_hooks.plugins import hook_functions

    declare(monkeypatch, 'convert', 'dataset')
    with pytest.warns(PluginWarning, match="the action 'mine:Action' must be changed: the argument 'dataset'"):
        build(Settings(), action=('mine:Action', hook_functions(Converts())), installed=())


def test_after_its_removal_the_error_says_what_to_use(monkeypatch: pytest.MonkeyPatch) -> None:
    class Late:
        @hookimpl
        def convert(self, context: Any, folder: Path) -> None: ...

    declare(monkeypatch, 'convert', 'folder')
    with pytest.raises(PluginBroken, match=r"no argument 'folder'; it was removed in synapse-hooks 0\.3: use"):
        build(Settings(), extra=[Late()], installed=())


def test_a_plugin_of_a_distribution_is_warned_about_when_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, 'convert', 'dataset')
    record = Plugin('b', 'format', 'installed', f'{__name__}:Converts', distribution='acme-b', version='0.4')
    plugins = build(Settings(), installed=[record])
    with pytest.warns(PluginWarning, match=r"acme-b 0\.4 \(plugin 'b'\) must be changed"):
        plugins.catalogues['format'].adapter(record)
