"""The base class of steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

from synapse_hooks.context import StepResult

C = TypeVar('C')
"""The kind of context a step works with: `TrainContext`."""


class BaseStep(ABC, Generic[C]):
    """One step of a run. Subclasses give a `name` and an `execute`.

    Example:
        >>> class Shout(BaseStep[Any]):
        ...     name = 'shout'
        ...     def execute(self, context):
        ...         return StepResult(data={'greeting': 'HELLO'})
        >>> Shout().execute(None).data
        {'greeting': 'HELLO'}
    """

    hooks: ClassVar[tuple[str, ...]] = ('open_dataset',)
    """The hooks that the step calls: on resume, a finished step runs again if a plugin that answers one of them
    changed. The hook that has the step's name, and `run_step`, need not be named."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Unique within a run: it names the step in progress, errors and run.json."""

    @property
    def progress_weight(self) -> float:
        """The step's share of the run's progress, in relation to the weights of the others."""
        return 1.0

    @abstractmethod
    def execute(self, context: C) -> StepResult:
        """Do the work. Raise, or return `StepResult(success=False)`, to fail."""

    def can_skip(self, context: C) -> bool:
        """Whether there is nothing to do in this run."""
        return False

    def rollback(self, context: C, result: StepResult) -> None:
        """Undo what `execute` did, because a later step failed.

        A step that is rolled back runs again on resume, unless the training after it is done: what led to that is not
        requested again.
        """
        return


def has_rollback(step: BaseStep[Any]) -> bool:
    """Whether the step has a `rollback` of its own."""
    return type(step).rollback is not BaseStep.rollback
