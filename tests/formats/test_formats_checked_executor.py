"""What the executor of a plugin answers is checked, and the error names it."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest

from synapse_hooks.conversion.checked_executor import CheckedExecutor
from synapse_hooks.conversion.executors import BaseExecutor
from synapse_hooks.errors import BackendUnavailable, UnreadableItem, WrongAnswer
from synapse_hooks.portable import RemoteError


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
        _ = CheckedExecutor(Odd(list, workers), "executor 'odd'").workers


def test_results_are_those_of_the_tasks() -> None:
    assert CheckedExecutor(Odd(tuple), 'odd').map([lambda report: 1, lambda report: 2], lambda count: None) == [1, 2]


class Pool(BaseExecutor):
    """Processes that share nothing with this one. It notes the errors that it is blamed for."""

    workers = 1

    def __init__(self) -> None:
        self.blamed: list[BaseException] = []
        self.blame = self.blamed.append

    def map(self, tasks: Any, report: Any) -> list[Any]:
        with ProcessPoolExecutor(1, mp_context=get_context('spawn')) as pool:
            return [pool.submit(task, print).result() for task in tasks]


class Device(Exception):
    """It can be pickled, and not unpickled."""

    def __init__(self, *, name: str) -> None:
        super().__init__(f'{name} is lost')


def bad_json(report: object) -> None:
    try:
        json.loads('{')
    except ValueError as error:
        error.add_note('of a.json')
        raise


def bad_device(report: object) -> None:
    raise Device(name='gpu 0') from KeyError('gpu 0')


def invalid(report: object) -> None:
    raise UnreadableItem('a.json is broken', hint='fix it', path='a.json') from OSError(5, 'no disk')


@pytest.mark.parametrize(
    ('task', 'kind', 'cause', 'note'),
    [
        (bad_json, json.JSONDecodeError, type(None), 'of a.json'),
        (bad_device, RemoteError, KeyError, ''),
        (invalid, UnreadableItem, OSError, ''),
    ],
)
def test_what_a_task_raises_arrives_and_is_not_blamed_on_the_executor(
    task: Callable[..., None], kind: type[Exception], cause: type, note: str
) -> None:
    pool = Pool()
    with pytest.raises(kind) as caught:
        CheckedExecutor(pool, 'pool').map([task], lambda count: None)
    assert type(caught.value.__cause__) is cause
    assert caught.value.__notes__ == [*filter(None, [note]), 'while pool was running 1 tasks']
    assert not pool.blamed


def test_an_error_of_this_package_that_the_executor_raises_is_blamed_on_it() -> None:
    class Down(Pool):
        def map(self, tasks: Any, report: Any) -> list[Any]:
            raise BackendUnavailable('no cluster here')

    pool = Down()
    with pytest.raises(BackendUnavailable) as caught:
        CheckedExecutor(pool, 'down').map([invalid], lambda count: None)
    assert pool.blamed == [caught.value]
