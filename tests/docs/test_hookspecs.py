"""The example of every hook is a sound plugin."""

from __future__ import annotations

import doctest
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from synapse_hooks.hookspecs import HookSpecs, arguments, hook_names, hookimpl
from synapse_hooks.plugins.validation import faults, hook_functions


def example_of(hook: str) -> ModuleType:
    """The example in a hook's docstring, as a module."""
    module = ModuleType(f'example_of_{hook}')
    namespace: dict[str, Any] = vars(module)
    namespace.update(hookimpl=hookimpl, Path=Path)
    for example in doctest.DocTestParser().get_examples(inspect.getdoc(getattr(HookSpecs, hook)) or ''):
        exec(compile(example.source, f'example of {hook}', 'exec'), namespace)
    return module


@pytest.mark.parametrize('hook', hook_names())
def test_the_example_is_a_sound_plugin(hook: str) -> None:
    module = example_of(hook)
    assert faults(module) == []
    assert [answer.hook for answer in hook_functions(module)] == [hook]


@pytest.mark.parametrize('hook', hook_names())
def test_every_argument_and_answer_is_typed(hook: str) -> None:
    function = getattr(HookSpecs, hook)
    assert set(function.__annotations__) == {*arguments(hook), 'return'}


def test_a_broken_example_would_be_found() -> None:
    module = ModuleType('broken')
    exec('@hookimpl\ndef convert(contxt): ...', vars(module) | {'hookimpl': hookimpl}, vars(module))
    assert faults(module) != []
