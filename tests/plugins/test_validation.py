"""Every fault of a plugin is found at registration, and all are reported at once."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from synapse_hooks.errors import PluginBroken
from synapse_hooks.hookspecs import hookimpl
from synapse_hooks.plugins import Settings, build
from synapse_hooks.plugins.validation import faults


def module(**functions: Any) -> ModuleType:
    made = ModuleType('made')
    vars(made).update(functions)
    return made


@hookimpl
def convrt(context: Any) -> None:
    """Misspelt."""


@hookimpl(specname='convert')
def wrong_argument(context: Any, data_set: Any) -> None:
    """Has an argument that the hook does not offer."""


@hookimpl(specname='convert')
def keyword_only(context: Any, *, dataset: Any) -> None:
    """pluggy would fail at the call."""


@hookimpl(specname='convert')
def star(**kwargs: Any) -> None:
    """pluggy would hand over nothing."""


@hookimpl(wrapper=True, specname='convert')
def no_yield(context: Any) -> None:
    """A wrapper that is not a generator."""


@hookimpl(specname='convert')
def stray_yield(context: Any) -> Any:
    yield


@hookimpl(specname='convert')
async def asynchronous(context: Any) -> None:
    """Hooks are not async."""


@hookimpl(hookwrapper=True, specname='convert')
def old_style(context: Any) -> Any:
    yield


@hookimpl(wrapper=True)
def run_started(context: Any) -> Any:
    return (yield)


@pytest.mark.parametrize(
    ('functions', 'message'),
    [
        ({'convrt': convrt}, "there is no hook 'convrt'; did you mean 'convert'?"),
        ({'f': wrong_argument}, "no argument 'data_set'; did you mean 'dataset'?"),
        ({'f': keyword_only}, "'dataset' is keyword-only"),
        ({'f': star}, r'\*\*kwargs receives nothing'),
        ({'f': no_yield}, 'a wrapper must yield once'),
        ({'f': stray_yield}, 'it yields but is not a wrapper'),
        ({'f': asynchronous}, 'hooks are not async'),
        ({'f': old_style}, 'the old style'),
        ({'run_started': run_started}, 'run_started takes no wrappers'),
        ({}, 'it answers no hook; mark its functions with @hookimpl'),
        ({'convert': lambda context: None}, r'it answers no hook; convert\(\) is not marked'),
    ],
)
def test_each_fault_is_a_sentence(functions: dict[str, Any], message: str) -> None:
    found = faults(module(**functions))
    assert len(found) == 1
    with pytest.raises(PluginBroken, match=message):
        build(Settings(), extra=[module(**functions)], installed=[])


def test_all_faults_come_at_once() -> None:
    with pytest.raises(PluginBroken) as caught:
        build(Settings(), extra=[module(convrt=convrt, a=keyword_only, b=stray_yield)], installed=[])
    # The fourth: two functions answer `convert`.
    assert len(caught.value.faults) == 4


def test_an_override_of_a_marked_method_must_be_marked_again() -> None:
    class Base:
        @hookimpl
        def convert(self, context: Any) -> None:
            """Marked."""

    class Derived(Base):
        def convert(self, context: Any) -> None:
            """Not marked: pluggy would drop it in silence."""

    assert faults(Base()) == []
    assert faults(Derived()) == ['convert() overrides a hook and is not marked: put @hookimpl on it']


def test_properties_are_not_run() -> None:
    class Lazy:
        @property
        def expensive(self) -> None:
            raise AssertionError('a property was run')

        @hookimpl
        def cleanup(self) -> None:
            """Sound."""

    assert faults(Lazy()) == []


def test_a_lazy_plugin_answers_its_own_hooks_only() -> None:
    found = faults(module(export=hookimpl(lambda context: None)), 'format')
    assert found
    assert 'answers convert and open_dataset only' in found[0]


def test_a_format_without_a_name_is_told_so() -> None:
    from synapse_hooks.formats import Format

    class Nameless(Format):
        pass

    assert faults(Nameless()) == ['a format needs a `name`: what `target_format` and `--to` call it']
