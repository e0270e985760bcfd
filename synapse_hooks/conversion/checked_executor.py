"""Checks what the executor of a plugin answers: one result for each task, in their order."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from synapse_hooks.conversion.executors import R, Report
from synapse_hooks.conversion.validation import described
from synapse_hooks.errors import SynapseHooksError, WrongAnswer
from synapse_hooks.portable import Carrier, PortableException
from synapse_hooks.safe_text import add_note, summary


class TaskFailed(PortableException):
    """What an executor sees of an error that a task has raised: any other is the executor's own."""

    def __init__(self, number: int, error: Exception) -> None:
        super().__init__(f'task {number + 1}: {summary(error)}')
        # Executors of the standard library put something else in the place of the cause.
        self._carrier = Carrier(error)

    @property
    def error(self) -> BaseException:
        """What the task has raised."""
        return self._carrier.carried


class CheckedExecutor:
    """An executor of a plugin.

    Args:
        executor: What `open_executor` answered.
        name: Its name and its distribution, for messages.

    Raises:
        WrongAnswer: It does not have what an executor must have.
    """

    def __init__(self, executor: Any, name: str) -> None:
        self._executor = executor
        self._name = name
        if not callable(getattr(type(executor), 'map', None)):
            raise self._error(
                f'must have a method `map`, got {described(executor)}',
                'derive from `BaseExecutor` of synapse_hooks.conversion',
            )
        self.repeats = bool(getattr(executor, 'repeats', False))
        """See `BaseExecutor.repeats`."""

    @property
    def workers(self) -> int:
        """See `Executor.workers`. It may be a property that looks what there is, so it is read only where it counts.

        Raises:
            WrongAnswer: It is not a number from 1 on.
        """
        workers = getattr(self._executor, 'workers', None)
        if type(workers) is not int or workers < 1:
            raise self._error(
                f'`workers` must be a whole number from 1 on, got {described(workers)}',
                'it is called with None where `--workers` was not given: choose a number then',
            )
        return workers

    def close(self) -> None:
        """See `BaseExecutor.close`; an executor need not have it."""
        close = getattr(self._executor, 'close', None)
        if callable(close):
            close()

    def map(self, tasks: Sequence[Callable[[Report], R]], report: Report) -> list[R]:
        """See `Executor.map`.

        Raises:
            WrongAnswer: There is not one result for each task, in their order.
        """
        numbered = [_Task(number, task) for number, task in enumerate(tasks)]

        def checked(count: int) -> None:
            if type(count) is not int or count < 0:
                raise self._error(
                    f'`report` must be called with a whole number, 0 or more, got {described(count)}',
                    'pass on what a task reports',
                )
            report(count)

        of_task: BaseException | None = None
        try:
            results = self._executor.map(numbered, checked)
        except TaskFailed as failed:
            of_task = failed.error
        except Exception as error:
            error.add_note(self._while(tasks))
            if not isinstance(error, SynapseHooksError):
                self._require_picklable(numbered, error)
            self._blame(error)
            raise
        if of_task is not None:
            # Outside of the block above it keeps its context.
            add_note(of_task, self._while(tasks))
            raise of_task
        if not isinstance(results, list | tuple):
            raise self._error(f'`map` must return a list of results, got {described(results)}', 'return `list(...)`')
        if len(results) != len(tasks):
            raise self._error(
                f'`map` must return a result for each of {len(tasks)} tasks, got {len(results)}',
                'return what each task returned, and raise what a task raised',
            )
        for number, result in enumerate(results):
            if not isinstance(result, _Result):
                raise self._error(
                    f'result {number + 1} of `map` must be what the task returned, got {described(result)}',
                    'return what each task returned, and raise what a task raised',
                )
            if result.number != number:
                raise self._error(
                    f'`map` must return results in the order of the tasks, got that of task {result.number + 1} '
                    f'in place {number + 1}',
                    'sort them by the order of the tasks',
                )
        return [result.value for result in results]

    def _while(self, tasks: Sequence[object]) -> str:
        return f'while {self._name} was running {len(tasks)} tasks'

    def _require_picklable(self, tasks: Sequence[Callable[..., Any]], error: Exception) -> None:
        """Raise an error about tasks that cannot be pickled: the executor is not to blame for them."""
        try:
            for task in tasks:
                pickle.dumps(task)
        except Exception as why:
            raise WrongAnswer(
                f'what an executor runs must be picklable: {summary(why)}',
                hint='of a format: the object itself, `shards()` of its source, what `initialize_write` returns',
                hook='convert',
            ) from error

    def _error(self, problem: str, hint: str) -> WrongAnswer:
        error = WrongAnswer(f'{self._name}: {problem}', hint=hint, hook='open_executor')
        self._blame(error)
        return error

    def _blame(self, error: Exception) -> None:
        blame = getattr(self._executor, 'blame', None)
        if callable(blame):
            blame(error)


@dataclass(frozen=True)
class _Result(Generic[R]):
    number: int
    value: R


@dataclass(frozen=True)
class _Task(Generic[R]):
    """A task that says with its result which one it is."""

    number: int
    task: Callable[[Report], R]

    def __call__(self, report: Report) -> _Result[R]:
        try:
            return _Result(self.number, self.task(report))
        except Exception as error:
            raise TaskFailed(self.number, error) from error
