"""`hookimpl`, and its attribute for each hook."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from synapse_hooks import hookimpl
from synapse_hooks.hookspecs import hook_names
from synapse_hooks.plugins.validation import hook_functions
from synapse_hooks.testing import check_plugin


def test_there_is_an_attribute_for_each_hook() -> None:
    assert set(hook_names()) <= set(vars(hookimpl))


def test_the_attribute_says_which_hook_a_function_of_any_name_answers() -> None:
    @hookimpl.convert
    def to_acme(dataset):
        return {**dataset, 'format': 'acme'}

    plugin = SimpleNamespace(to_acme=to_acme)
    (answer,) = hook_functions(plugin)
    assert (answer.hook, answer.function) == ('convert', to_acme)
    assert to_acme({'path': 'a'}) == {'path': 'a', 'format': 'acme'}
    check_plugin(plugin)


def test_options_go_in_parentheses() -> None:
    class Plugin:
        @hookimpl.run_step(wrapper=True, trylast=True)
        def timed(self, step):
            return (yield)

    (answer,) = hook_functions(Plugin())
    assert answer.hook == 'run_step'
    assert answer.options['wrapper']
    assert answer.options['trylast']
    check_plugin(Plugin())


def test_the_hook_of_an_attribute_is_validated() -> None:
    @hookimpl.convert
    def to_acme(datasett):
        return None

    with pytest.raises(AssertionError, match="convert: the hook has no argument 'datasett'; did you mean 'dataset'"):
        check_plugin(SimpleNamespace(to_acme=to_acme))


def test_a_misspelt_hook_is_an_error_at_once() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'convrt'"):
        _ = hookimpl.convrt
