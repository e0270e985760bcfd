"""Running steps in order: attempts, retry, rollback, publication of their output, and reuse on resume."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from synapse_hooks.context import StepResult, TrainContext
from synapse_hooks.errors import DeadlineExceeded, RecordNotFound, StepFailed, SynapseHooksError, WrongAnswer
from synapse_hooks.journal import RunDirectory
from synapse_hooks.plugins import Plugins, culprit
from synapse_hooks.safe_text import add_note, summary
from synapse_hooks.steps.base import BaseStep, has_rollback
from synapse_hooks.steps.deadline import Deadline, deadline
from synapse_hooks.steps.inputs import StageInputs, chosen, digest_of
from synapse_hooks.steps.kept_conversions import KeptConversions, remove_link
from synapse_hooks.steps.output import OutputPaths, is_in_place, output_entry, output_in_place
from synapse_hooks.steps.processes import parent_only
from synapse_hooks.steps.progress import Progress
from synapse_hooks.steps.retry import seconds_until_retry
from synapse_hooks.steps.reuse import Decision
from synapse_hooks.steps.state import follow_context, plain, restore, snapshot
from synapse_hooks.steps.tracked_params import TrackedParams
from synapse_hooks.storage import publish, relocate, safe_name, tree_stamp
from synapse_hooks.storage.folder_cache import CachedFolder


class Orchestrator:
    """Runs the steps of one run.

    Args:
        context: The run.
        plugins: The plugins of the run.
        inputs: What goes into the stages; it has the steps.
        directory: Where the state of every stage is kept.
        conversions: Those that are kept for other runs.
        progress: Called at every step's beginning and end.
        as_result: Makes the action's result out of its JSON values.
        give_up: Ends the process with an error, for a stage that cannot be ended otherwise.
    """

    def __init__(
        self,
        context: TrainContext,
        inputs: StageInputs,
        plugins: Plugins,
        directory: RunDirectory,
        conversions: KeptConversions,
        progress: Progress,
        as_result: Callable[[Any], Any],
        give_up: Callable[[StepFailed], None],
    ) -> None:
        self.context = context
        self.inputs = inputs
        self.steps = inputs.steps
        self.plugins = plugins
        self.directory = directory
        self.conversions = conversions
        self.progress = progress
        self.as_result = as_result
        self.give_up = give_up
        self.stages: dict[str, dict[str, Any]] = {stage['name']: stage for stage in directory.read()['stages']}
        self._previous = ''
        # As they were given: what a plugin changes in the context is its answer to them.
        self._given = dict(context.params)
        self._executed: list[tuple[BaseStep[TrainContext], StepResult]] = []

    def run(self, decisions: Iterable[Decision]) -> None:
        """Run every step, but those whose results are used again.

        Raises:
            StepFailed: From what went wrong, after the executed steps were rolled back.
        """
        try:
            for decision in decisions:
                if decision.reuse:
                    self._reuse(decision.step)
                else:
                    self._execute(decision.step)
        finally:
            self._forget_dataset()
            self.plugins.trail.begin_step('')

    def _reuse(self, step: BaseStep[TrainContext]) -> None:
        stage, resolved = self.stages[step.name], self.context.checkpoint
        restore(self.context, stage['context'], self.as_result)
        if not self.inputs.needs_checkpoint(step):
            # It may be another one than when the stage ran.
            self.context.checkpoint = resolved
        self._previous = stage.get('digest', '')
        # The next training is not called like one of these.
        self.context.trainings.begun += stage.get('trainings', ())
        self.progress.finish(step.name)
        self.context.recorder.record('step', {'name': step.name, 'status': 'reused'})

    def _forget_dataset(self) -> None:
        """Leave no dataset of the backend in the context, where a rollback or a clean-up could delete it."""
        if is_in_place(self.context.dataset):
            self.context.dataset = None

    # -- one step ----------------------------------------------------------------------------------------------------

    def _execute(self, step: BaseStep[TrainContext]) -> None:
        context, started = self.context, time.monotonic()
        self.plugins.trail.begin_step(step.name)
        stage = self._stage(step)
        entered = context.dataset
        params = self._tracked_params()
        self.progress.begin(step.name)
        result: StepResult | None = None
        try:
            params.forget()
            if step.can_skip(context):
                result = StepResult(skipped=True)
            else:
                # A stage that fails has it in its record, too.
                self.inputs.read_code(step, entered)
                self._save(stage, status='running')
                context.recorder.record('step', {'name': step.name, 'status': 'running'})
                looked_at = set(params.used)
                context.hooks.step_started(context=context, step=step)
                # Parameters that observers read do not count for the stage.
                params.used = looked_at
                source = self.conversions.source(step, context, self.stages.values())
                result = self._take(step, stage, params, source)
                if result is None:
                    with (
                        self._deadline(step, stage, started) as watch,
                        self.conversions.collecting_reports(step, context) as reports,
                    ):
                        result = self._attempts(step, stage, watch)
                    self._publish(step, stage, result, source, self._used(step, params), reports)
                self._executed.append((step, result))
        except BaseException as error:
            self._forget_dataset()
            self._ended(step, stage, started, error=error)
            if isinstance(error, KeyboardInterrupt):
                raise
            failed = self._failure(step, stage, error)
            self._roll_back(failed)
            raise failed from error
        used = self._used(step, params)
        stage['inputs'] = self.inputs.of(step, previous=self._previous, dataset=entered, params=used)
        self._previous = stage['digest'] = digest_of(stage['inputs'])
        self._ended(step, stage, started, result=result)
        self.progress.finish(step.name)

    def _used(self, step: BaseStep[TrainContext], params: TrackedParams) -> dict[str, Any]:
        """The parameters that a step has used, as they were given."""
        if self.inputs.uses_all(step) or self.context.params is not params:
            params.use_all()
        return chosen(sorted(params.used), self._given)

    def _take(
        self, step: BaseStep[TrainContext], stage: dict[str, Any], params: TrackedParams, source: Any
    ) -> StepResult | None:
        """Use what another run has kept of the same step, instead of running it; None where there is nothing to use."""
        place = self._place(step)
        kept = self.conversions.take(step, self.context, place, source=source, params=self._given)
        if kept is None:
            return None
        params.used.update(kept.record['used'])
        stage.update(_kept_fields(kept, place), answered_by=kept.record['answered_by'], trainings=[])
        return StepResult(data={'dataset': self.context.dataset})

    def _deadline(
        self, step: BaseStep[TrainContext], stage: dict[str, Any], started: float
    ) -> AbstractContextManager[Deadline]:
        def give_up(error: DeadlineExceeded) -> None:
            failed = self._failure(step, stage, error)
            failed.__cause__ = error
            stage.update(error=summary(error), finished=_now(), seconds=round(time.monotonic() - started, 3))
            self._save(stage, status='failed')
            self.give_up(failed)

        deadlines = {**self.plugins.settings.deadlines, **self.context.runtime_ctx.deadlines}
        return deadline(step.name, deadlines.get(step.name), give_up)

    def _attempts(self, step: BaseStep[TrainContext], stage: dict[str, Any], watch: Deadline) -> StepResult:
        context, model, begun = self.context, self.context.model, len(self.context.trainings.begun)
        while True:
            stage['attempts'] += 1
            # Neither model nor trainings of an attempt that failed are those of this one.
            context.model = model
            del context.trainings.begun[begun:]
            if context.trainings.is_spent(context.resume_from):
                context.resume_from = None
            try:
                result = self._attempt(step)
                stage['trainings'] = context.trainings.begun[begun:]
                return result
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # sys.exit() and asyncio.CancelledError too are failures
                if watch.has_passed:
                    raise
                wait = seconds_until_retry(self.context, self.plugins, step, error, stage['attempts'])
                if wait is None:
                    raise
                self.context.log_message(
                    f'step {step.name!r}: attempt {stage["attempts"]} failed ({summary(error)}); '
                    f'trying again in {wait:g} s',
                    level='warning',
                    code='retry',
                )
                time.sleep(wait)

    def _attempt(self, step: BaseStep[TrainContext]) -> StepResult:
        self.context.when_published = []
        self.context.output_dir = self._fresh(self.directory.staging(safe_name(step.name)))
        try:
            with parent_only():
                result: Any = self.context.hooks.run_step(context=self.context, step=step)
            if not isinstance(result, StepResult):
                raise WrongAnswer(
                    f'step {step.name!r} returned {type(result).__name__} {result!r}',
                    hint='end its execute() with `return StepResult(success=True)`',
                    hook='run_step',
                )
            if not result.success:
                raise SynapseHooksError(f'step {step.name!r} reported failure: {result.error or "no reason given"}')
        except WrongAnswer as error:
            self.plugins.blame_answerer(error)
            raise
        return result

    def _publish(
        self,
        step: BaseStep[TrainContext],
        stage: dict[str, Any],
        result: StepResult,
        source: Any,
        used: dict[str, Any],
        reports: list[Any],
    ) -> None:
        """Publish what the step wrote into its staging folder, if anything; the context's paths follow."""
        place = self._place(step)._replace(staged=self.context.output_dir)
        stage['published'] = None
        # A step may have moved the folder away.
        if not place.staged.is_dir() or not any(place.staged.iterdir()):
            shutil.rmtree(place.staged, ignore_errors=True)
            stage['published'] = output_in_place(result.data)
            return
        kept = None
        # What earlier attempts have reported is not to be repeated.
        if stage['attempts'] == 1:
            facts = {'reports': reports, 'answered_by': self._answerer(step)}
            kept = self.conversions.keep(step, self.context, place, source=source, params=used, facts=facts)
        if kept is not None:
            stage.update(_kept_fields(kept, place))
        else:
            place.final.parent.mkdir(exist_ok=True)
            remove_link(place.final)
            publish(place.staged, place.final, replace=True)
            now = time.time_ns()
            stage['published'] = output_entry(place.final, tree_stamp(place.final, until_ns=now), now)
        follow_context(self.context, place.staged, place.final)
        result.data = relocate(result.data, place.staged, place.final)
        self.context.call_when_published(place.final)

    def _place(self, step: BaseStep[TrainContext]) -> OutputPaths:
        name = safe_name(step.name)
        return OutputPaths(self.directory.staging(name), self.directory.path / 'stages' / name)

    def _answerer(self, step: BaseStep[TrainContext]) -> str | None:
        answerer = self.plugins.trail.last.get(step.name)
        return None if answerer is None else answerer.who

    # -- what is written down ----------------------------------------------------------------------------------------

    def _stage(self, step: BaseStep[TrainContext]) -> dict[str, Any]:
        stage: dict[str, Any] = {'name': step.name, 'attempts': 0, 'started': _now()}
        # What came after it belongs to what it made before.
        names = [other.name for other in self.steps]
        for name in names[names.index(step.name) :]:
            self.stages.pop(name, None)
        self.stages[step.name] = stage
        return stage

    def _ended(
        self,
        step: BaseStep[TrainContext],
        stage: dict[str, Any],
        started: float,
        *,
        result: StepResult | None = None,
        error: BaseException | None = None,
    ) -> None:
        if result is not None:
            status = 'skipped' if result.skipped else 'succeeded'
            stage.setdefault('answered_by', None if result.skipped else self._answerer(step))
            stage['data'] = plain(result.data)
            if self.progress.losses is not None:
                stage['losses'] = plain(self.progress.losses)
            stage['context'] = snapshot(self.context)
        else:
            assert error is not None
            status = 'cancelled' if isinstance(error, KeyboardInterrupt) else 'failed'
            stage['error'] = summary(error)
        stage['finished'], stage['seconds'] = _now(), round(time.monotonic() - started, 3)
        stage['hooks'] = [
            {'hook': hook, 'plugin': plugin.who, **asdict(took), 'seconds': round(took.seconds, 6)}
            for (hook, plugin), took in self.plugins.trail.times.items()
        ]
        self._save(stage, status=status)
        self.context.recorder.record(
            'step', {'name': step.name, 'status': status, 'seconds': stage['seconds'], 'error': stage.get('error')}
        )
        if not (result is not None and result.skipped):
            self.context.hooks.step_finished(context=self.context, step=step, result=result, error=error)

    def _save(self, stage: dict[str, Any], *, status: str) -> None:
        stage['status'] = status
        order = {step.name: place for place, step in enumerate(self.steps)}
        stages = sorted(self.stages.values(), key=lambda stage: order.get(stage['name'], len(order)))
        # After a stage that took a while, waiting for the disk pays off.
        self.directory.update(stages=stages, durable=stage.get('seconds', 0) > 1)

    # -- failure -----------------------------------------------------------------------------------------------------

    def _failure(self, step: BaseStep[TrainContext], stage: dict[str, Any], error: BaseException) -> StepFailed:
        plugin = culprit(error)
        return StepFailed(
            f'step {step.name!r} failed: {summary(error)}',
            # Its parameters and plugins are those of the run: to resume would fail again.
            hint='' if _is_usage_error(error) else f'synapse-hooks resume {self.directory.path}',
            step=step.name,
            attempt=max(1, stage['attempts']),
            plugin=plugin.name if plugin else None,
            distribution=plugin.distribution if plugin else None,
            run_dir=str(self.directory.path),
        )

    def _roll_back(self, failed: StepFailed) -> None:
        errors = []
        for step, result in reversed(self._executed):
            if not has_rollback(step):
                continue
            stage = self.stages[step.name]
            try:
                step.rollback(self.context, result)
            except Exception as error:
                add_note(error, f'raised by the rollback of step {step.name!r}')
                errors.append(error)
            self._save(stage, status='rolled back')
            self.context.recorder.record('step', {'name': step.name, 'status': 'rolled back'})
        if errors:
            failed.facts['rollback_errors'] = ExceptionGroup('rollback failed', errors)
            failed.add_note('rollback failed too: ' + '; '.join(map(summary, errors)))

    def _tracked_params(self) -> TrackedParams:
        """The parameters of the context, with tracking; a plugin may have replaced them."""
        if not isinstance(self.context.params, TrackedParams):
            self.context.params = TrackedParams(self.context.params)
        return self.context.params

    @staticmethod
    def _fresh(folder: Path) -> Path:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def _is_usage_error(error: BaseException) -> bool:
    return isinstance(error, RecordNotFound) or (isinstance(error, SynapseHooksError) and error.exit_code == 2)


def _kept_fields(kept: CachedFolder, place: OutputPaths) -> dict[str, Any]:
    """What run.json has of a stage whose output is a link to a kept conversion."""
    entry = {'path': str(kept.path), 'run': kept.record['run'], 'created': kept.record['created']}
    return {'published': output_entry(place.final, kept.record['stamp'], kept.record['at_ns']), 'kept': entry}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec='milliseconds')
