"""The stage `execute` of a search: its launcher tries parameters, and the best trial has its result."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, Final

from pydantic import BaseModel

from synapse_hooks.context import StepResult, TrainContext
from synapse_hooks.errors import BackendError, LaunchError, StorageError
from synapse_hooks.journal import RunDirectory, read_trainings
from synapse_hooks.launches import Resources, RunPlan
from synapse_hooks.launching.driver import in_background
from synapse_hooks.launching.launcher import checked_answer
from synapse_hooks.safe_text import summary, text_of
from synapse_hooks.searches import Search, SearchOutcome, Trial
from synapse_hooks.steps import ExecuteStep
from synapse_hooks.steps.state import plain
from synapse_hooks.steps.training import weights_of
from synapse_hooks.tuning.trials import MISSING, recorded_trials, shared_stages

BEST: Final = 'best_trial'
"""The key of `context.values` that has the best trial: `{id, params, run_dir}`."""


class SearchStep(ExecuteStep):
    """Searches, through the hook `tune`.

    Args:
        search: What is searched, and how.
        launcher: The name of the launcher.
        resources: What each trial gets, and where.
        plan_of: Makes the plan of the search, from its run directory.
        result_model: See `ExecuteStep`.
    """

    hooks = ('execute', 'tune')

    def __init__(
        self,
        search: Search,
        launcher: str,
        resources: Resources,
        plan_of: Callable[[Path], RunPlan],
        result_model: type[BaseModel] | None = None,
    ) -> None:
        super().__init__(result_model)
        self.search = search
        self.launcher = launcher
        self.resources = resources
        self.plan_of = plan_of
        # What goes into the stage, so that another search is another stage.
        self.form = json.dumps(search.to_dict(), sort_keys=True)

    def execute(self, context: TrainContext) -> StepResult:
        """Call the hook `tune`, and take over what the best trial has made."""
        plan, trials = self.plan_of(context.run_dir), _Trials(context, self.search)
        _, differing = shared_stages(RunDirectory.open(context.run_dir).read(), self.search)
        if differing is not None:
            stage, names = differing
            text = f'stage {stage} uses {", ".join(names)}, which is searched: it runs in each trial'
            context.log_message(text, level='warning', code='stage-not-shared')

        def search(cancelled: Event) -> Any:
            trials.cancelled = cancelled
            return context.hooks.tune(
                launcher=self.launcher,
                plan=plan,
                search=self.search,
                resources=self.resources,
                cancelled=cancelled,
                report=trials.report,
            )

        answer = in_background(search, partial(context.log_message, 'cancelling the trials, and waiting for their end'))
        outcome = checked_answer(self.launcher, answer, SearchOutcome, 'tune')
        for trial in outcome.trials:
            trials.report(trial)
        if trials.missing is not None:
            raise _error_of(trials.missing, 'the search was ended')
        if outcome.outcome == 'cancelled':
            raise KeyboardInterrupt
        if outcome.best is None:
            failed = next((trial for trial in outcome.trials if trial.error), None)
            if outcome.error is not None:
                raise LaunchError(text_of(outcome.error.get('message')), hint=text_of(outcome.error.get('hint') or ''))
            raise _error_of(failed, f'no trial of {len(outcome.trials)} has a result')
        return self._take(context, outcome.best, outcome.trials)

    def _take(self, context: TrainContext, best: Trial, trials: tuple[Trial, ...]) -> StepResult:
        """Put what the best trial has made into the context."""
        run_dir = Path(str(best.run_dir))
        context.values[BEST] = {'id': best.id, 'params': plain(best.params), 'run_dir': str(run_dir)}
        config = self.search.config
        context.log_message(f'the best trial is {best.id}: {described(best, self.search)}', code='best-trial')
        if config.metric in best.metrics:
            context.log_metrics({config.metric: best.metrics[config.metric]}, phase='final')
        result = RunDirectory.open(run_dir).read()['result']
        if result is not None:
            context.result = self.validated(result)
        if self.search.models == 'all' and best.model is not None:
            context.model = dict(best.model)  # type: ignore[assignment]
        elif self.search.models != 'none':
            weights = _weights(context, best, run_dir)
            context.model_path = None if weights is None else str(weights)
        _report_best(context, best)
        return StepResult(
            data={
                'weights_path': context.model_path,
                'best': best.to_dict(),
                'trials': [trial.to_dict() for trial in trials],
            }
        )


def described(trial: Trial, search: Search) -> str:
    """A trial in one line: what it has, and the metric of the search.

    Example:
        >>> from synapse_hooks.searches import SearchConfig
        >>> trial = Trial('0001', {'lr': 0.125}, metrics={'mAP50': 0.5})
        >>> described(trial, Search((), SearchConfig('mAP50', 'max')))
        'lr=0.125, mAP50 0.5'
    """
    values = [f'{name}={_short(value)}' for name, value in trial.params.items()]
    metric = search.config.metric
    reached = [f'{metric} {_short(trial.metrics[metric])}'] if metric in trial.metrics else []
    return ', '.join([' '.join(values), *reached])


def _short(value: Any) -> str:
    return f'{value:.4g}' if isinstance(value, float) else text_of(value, 60)


class _Trials:
    """What was reported of the trials of a search. A launcher reports from any thread."""

    def __init__(self, context: TrainContext, search: Search) -> None:
        self.cancelled: Event | None = None
        self.missing: Trial | None = None
        """A trial that has not logged the metric of the search: others will not, either."""
        self._context = context
        self._search = search
        self._lock = threading.Lock()
        self._trials: dict[str, Trial] = recorded_trials(context.run_dir)

    def report(self, trial: Trial) -> None:
        """Record a trial, and write a line about one that has ended."""
        with self._lock:
            before = self._trials.get(trial.id)
            if before == trial:
                return
            self._trials[trial.id] = trial
            self._context.recorder.record('trial', trial.to_dict())
            if trial.is_over and not (before is not None and before.is_over):
                self._ended(trial)

    def _ended(self, trial: Trial) -> None:
        how = f'stopped early {trial.stopped}' if trial.stopped and trial.status == 'cancelled' else trial.status
        text = f'trial {trial.id} {how}: {described(trial, self._search)}'
        error = trial.error if trial.status == 'failed' else None
        if error:
            text += f'; {text_of(error.get("cause") or error.get("message"), 300)}'
        self._context.log_message(text, level='warning' if error else 'info', code='trial')
        over = sum(each.is_over for each in self._trials.values())
        self._context.set_progress(over, max(over, self._search.total), 'trials')
        if error and error.get('code') == MISSING:
            self.missing = self.missing or trial
            if self.cancelled is not None:
                self.cancelled.set()


def _error_of(trial: Trial | None, what: str) -> LaunchError:
    if trial is None or trial.error is None:
        return LaunchError(f'{what}: no trial has logged the metric', hint='look at the trials: `synapse-hooks runs`')
    error = trial.error
    cause = text_of(error.get('cause') or error.get('message'), 1000)
    return LaunchError(
        f'{what}: trial {trial.id} failed: {cause}',
        hint=text_of(error.get('hint') or f'the trial is in {trial.run_dir}'),
        trial=trial.id,
    )


def _weights(context: TrainContext, best: Trial, run_dir: Path) -> Path | None:
    """The weights that the best trial has returned; the checkpoint of one that was stopped early."""
    weights = weights_of(context.result)
    if weights is not None and weights.exists():
        return weights
    if best.status == 'succeeded':
        return None
    trainings = read_trainings(run_dir)
    named = [state.weights or state.resume_from for state in reversed(list(trainings.values()))]
    for checkpoint in (*named, trainings.resume_from):
        if checkpoint is not None and checkpoint.exists():
            text = (
                f'the best trial {best.id} was stopped early {best.stopped}: its checkpoint {checkpoint} is the model'
            )
            context.log_message(text, level='warning', code='best-trial')
            return checkpoint
    text = f'the best trial {best.id} was stopped early {best.stopped}, and has no checkpoint: no model is uploaded'
    context.log_message(text, level='warning', code='best-trial')
    return None


def _report_best(context: TrainContext, best: Trial) -> None:
    """Report the best trial to the backend. It must not fail a search that is done."""
    job = context.runtime_ctx.job_id
    override = getattr(context.client, 'override_best_trial', None)
    if job is None or override is None:
        return
    try:
        override(job, best.id, plain(best.params))
    except (BackendError, StorageError) as error:
        text = f'the best trial {best.id} was not reported to job {job}: {summary(error)}'
        context.log_message(text, level='warning', code='best-trial')
