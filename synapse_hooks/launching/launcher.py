"""What an author of a launcher subclasses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Event
from typing import ClassVar, Final, TypeVar

from synapse_hooks.errors import LaunchError, WrongAnswer
from synapse_hooks.hookspecs import hookimpl
from synapse_hooks.launches import Resources, RunOutcome, RunPlan
from synapse_hooks.safe_text import repr_of
from synapse_hooks.searches import Search, SearchOutcome, Trial

A = TypeVar('A')
RETURN_OUTCOME: Final = 'end its run_plan() with `return read_outcome(plan.run_dir)`'
"""What to do about a launcher with a wrong answer."""


class BaseLauncher:
    """A plugin that runs plans somewhere. Publish it as an entry point in the group `synapse_hooks.launchers`, under
    its name.

    Example:
        >>> class Dry(BaseLauncher):
        ...     name = 'dry'
        ...     def run_plan(self, plan, resources, cancelled):
        ...         return RunOutcome('succeeded', plan.run_dir)
        >>> plan = RunPlan(target='train:TrainAction', run_dir='/runs/a')
        >>> Dry().launch('dry', plan, Resources(), Event()).outcome
        'succeeded'
    """

    name: ClassVar[str] = ''
    """What `--launcher` calls it."""

    def run_plan(self, plan: RunPlan, resources: Resources, cancelled: Event) -> RunOutcome:
        """Run a plan, and return when it has ended.

        A worker runs `synapse-hooks run-plan`, which reads the plan from its standard input. While it runs, the
        terminal shows the journal of `plan.run_dir`; a launcher whose workers do not share that folder writes the
        events there.
        `plan.resume` says that the run was begun before: it may still be at work.

        Args:
            plan: What to run.
            resources: What it gets, and where.
            cancelled: Set when the user cancels: end the run, wait until it has ended, and return.

        Returns:
            What `read_outcome(plan.run_dir)` reads, when all that the run has made is there.

        Raises:
            LaunchError: It could not be launched. How a run failed is part of the outcome.
        """
        raise LaunchError(
            f'the launcher {self.name!r} cannot run a plan',
            hint=f'write `def run_plan(self, plan, resources, cancelled)` in {type(self).__name__}',
        )

    @hookimpl
    def launch(self, launcher: str, plan: RunPlan, resources: Resources, cancelled: Event) -> RunOutcome | None:
        """Answer for `launcher == self.name`; decline otherwise."""
        if launcher != self.name:
            return None
        # None would mean that it has declined.
        outcome = self.run_plan(plan, resources, cancelled)
        return checked_answer(launcher, outcome, RunOutcome, 'launch', RETURN_OUTCOME)


def checked_answer(launcher: str, answer: object, kind: type[A], hook: str, hint: str = '') -> A:
    """What a launcher has returned.

    Raises:
        WrongAnswer: It is not of the kind that the hook requires.
    """
    if not isinstance(answer, kind):
        raise WrongAnswer(
            f'launcher {launcher!r} must return a {kind.__name__}, got {repr_of(answer)}', hint=hint, hook=hook
        )
    return answer


class SearchLauncher(BaseLauncher):
    """A launcher that searches for hyperparameters, too: what `synapse-hooks tune` needs."""

    def run_search(
        self,
        plan: RunPlan,
        search: Search,
        resources: Resources,
        cancelled: Event,
        report: Callable[[Trial], None],
    ) -> SearchOutcome:
        """Run the trials of a search, and return when all have ended. See the hook `tune`.

        Args:
            plan: The plan of the search. If `plan.resume` is true, `synapse_hooks.tuning.recorded_trials` has the
                trials that were reported before.
            search: What is searched, how, and what is best.
            resources: What each trial gets, and where.
            cancelled: Set when the search is to end: end the trials, wait until they have ended, and return.
            report: Called, from any thread, with a trial whenever it begins, has new metrics or has ended.

        Raises:
            LaunchError: The search cannot begin, or go on. How a trial failed is part of the trial.
        """
        raise NotImplementedError

    def check_search(self, search: Search) -> Sequence[str]:
        """What of a search this launcher cannot do, a sentence each: its scheduler, for instance. It is called before
        anything is exported.

        Args:
            search: What is searched, and how.
        """
        return ()

    @hookimpl
    def tune(
        self,
        launcher: str,
        plan: RunPlan,
        search: Search,
        resources: Resources,
        cancelled: Event,
        report: Callable[[Trial], None],
    ) -> SearchOutcome | None:
        """Answer for `launcher == self.name`; decline otherwise."""
        if launcher != self.name:
            return None
        outcome = self.run_search(plan, search, resources, cancelled, report)
        return checked_answer(launcher, outcome, SearchOutcome, 'tune')
