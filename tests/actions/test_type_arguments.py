"""The classes in the brackets of an action: of its parameters and of its result."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Generic

import pytest
from pydantic import BaseModel
from typing_extensions import TypeVar

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext

P = TypeVar('P', bound=BaseTrainParams)
R = TypeVar('R')


class Params(BaseTrainParams):
    epochs: int = 3


class Result(BaseModel):
    epochs: int


class BetterResult(Result):
    loss: float = 0.0


class Swapped(BaseTrainAction[P, R], Generic[R, P]):
    """A class between, with its own order."""


class OfParams(BaseTrainAction[P]):
    """A class between that leaves out the result."""


class Counting(BaseTrainAction[Params, Result]):
    def execute(self, data_path, checkpoint):
        return {'epochs': self.params.epochs}


@pytest.mark.parametrize(
    ('action', 'params', 'result'),
    [
        (BaseTrainAction[Params], Params, None),
        (BaseTrainAction[Params, Any], Params, None),
        (BaseTrainAction[Params, dict[str, float]], Params, None),
        (BaseTrainAction[Params, Result], Params, Result),
        (Swapped[Result, Params], Params, Result),
        (OfParams[Params], Params, None),
        (Counting, Params, Result),
        (BaseTrainAction, BaseTrainParams, None),
    ],
)
def test_they_are_found_through_the_classes_between(action: Any, params: type, result: type | None) -> None:
    class Action(action):
        pass

    class Derived(Action):
        pass

    assert (Action.params_model, Action.result_model) == (params, result)
    assert (Derived.params_model, Derived.result_model) == (params, result)


def test_a_run_returns_the_class_of_the_result(tmp_path: Path) -> None:
    result = Counting({'data_path': tmp_path}, RuntimeContext(run_dir=tmp_path / 'run')).run()
    assert result == Result(epochs=3)


def test_a_result_model_may_be_a_subclass_of_the_class_in_the_brackets() -> None:
    class Better(Counting):
        result_model = BetterResult

    class Best(Better):
        pass

    assert Best.result_model is BetterResult


def test_two_classes_for_one_result_are_refused() -> None:
    class Other(BaseModel):
        pass

    with pytest.raises(TypeError, match='Two: the result is Result in the brackets, but result_model is Other'):

        class Two(BaseTrainAction[Params, Result]):
            result_model = Other
