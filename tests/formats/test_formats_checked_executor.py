"""What the executor of a plugin answers is checked, and the error names it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from synapse_hooks.conversion.checked_executor import CheckedExecutor
from synapse_hooks.errors import WrongAnswer


class Odd:
    """Answers something else than the results of its tasks."""

    def __init__(self, answer: Callable[[list[Any]], Any], workers: Any = 2) -> None:
        self.answer = answer
        self.workers = workers

    def map(self, tasks: Any, report: Any) -> Any:
        return self.answer([task(report) for task in tasks])


@pytest.mark.parametrize(
    ('answer', 'expected'),
    [
        (lambda results: None, '`map` must return a list of results, got None'),
        (iter, '`map` must return a list of results, got <list_iterator'),
        (lambda results: results[:1], '`map` must return a result for each of 2 tasks, got 1'),
        (lambda results: results * 2, '`map` must return a result for each of 2 tasks, got 4'),
        (lambda results: results[::-1], '`map` must return results in the order of the tasks, got that of task 2'),
        (lambda results: [results[0]] * 2, '`map` must return results in the order of the tasks, got that of task 1'),
        (lambda results: [None, None], 'result 1 of `map` must be what the task returned, got None'),
    ],
)
def test_a_wrong_answer_is_named(answer: Callable[[list[Any]], Any], expected: str) -> None:
    with pytest.raises(WrongAnswer) as caught:
        CheckedExecutor(Odd(answer), "executor 'odd'").map([lambda report: 1, lambda report: 2], lambda count: None)
    assert str(caught.value).startswith(f"executor 'odd': {expected}")


@pytest.mark.parametrize('workers', [0, -1, '2', None, True, 2.5])
def test_the_number_of_workers_is_checked(workers: Any) -> None:
    with pytest.raises(WrongAnswer, match='`workers` must be a whole number from 1 on'):
        CheckedExecutor(Odd(list, workers), "executor 'odd'")


def test_results_are_those_of_the_tasks() -> None:
    assert CheckedExecutor(Odd(tuple), 'odd').map([lambda report: 1, lambda report: 2], lambda count: None) == [1, 2]
