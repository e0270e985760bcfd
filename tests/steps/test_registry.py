"""The registry keeps steps in order and refuses what would be confusing."""

from __future__ import annotations

from typing import Any

import pytest

from synapse_hooks.errors import ConfigError
from synapse_hooks.steps import BaseStep, StepRegistry, StepResult


class Named(BaseStep[Any]):
    def __init__(self, name: str, weight: float = 1.0) -> None:
        self._name = name
        self._weight = weight

    @property
    def name(self) -> str:
        return self._name

    @property
    def progress_weight(self) -> float:
        return self._weight

    def execute(self, context: Any) -> StepResult:
        return StepResult()


def registry(*names: str) -> StepRegistry[Any]:
    made: StepRegistry[Any] = StepRegistry()
    for name in names:
        made.register(Named(name))
    return made


def test_steps_run_in_the_order_of_registration_and_insertion() -> None:
    steps = registry('a', 'c')
    steps.insert_before('c', Named('b'))
    steps.insert_after('c', Named('d'))
    assert steps.names == ['a', 'b', 'c', 'd']
    assert [step.name for step in steps] == steps.names
    assert len(steps) == 4
    assert 'b' in steps
    assert steps.unregister('b').name == 'b'
    assert steps.replace('c', Named('x')).name == 'c'
    assert steps.names == ['a', 'x', 'd']
    assert steps['x'].name == 'x'


def test_a_name_that_is_taken_is_refused_and_nothing_changes() -> None:
    steps = registry('a', 'b')
    with pytest.raises(ConfigError, match="there is a step 'a' already"):
        steps.register(Named('a'))
    with pytest.raises(ConfigError, match="there is a step 'a' already"):
        steps.replace('b', Named('a'))
    assert steps.names == ['a', 'b']


def test_a_missing_step_is_named_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="there is no step 'exprt'") as caught:
        registry('export', 'convert').insert_after('exprt', Named('x'))
    assert "did you mean 'export'?" in str(caught.value)


@pytest.mark.parametrize('thing', [object(), Named, lambda: None])
def test_only_instances_of_steps_are_taken(thing: Any) -> None:
    with pytest.raises(ConfigError, match='is not a step'):
        registry().register(thing)


@pytest.mark.parametrize('weight', [-1.0, float('nan')])
def test_a_weight_is_not_negative(weight: float) -> None:
    with pytest.raises(ConfigError, match='progress_weight'):
        registry().register(Named('a', weight))
