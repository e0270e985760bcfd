"""A run from start to end: plugins, directory, journal, checkpoint, steps, clean-up, record."""

from __future__ import annotations

import faulthandler
import os
import shutil
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, NoReturn

from synapse_hooks.backends import connect
from synapse_hooks.context import Outcome, TrainContext
from synapse_hooks.errors import CleanupFailed, JournalIncomplete, RunError, StepFailed, StorageError
from synapse_hooks.journal import (
    Journal,
    RunDirectory,
    SinkPump,
    environment,
    last_metrics,
    read_trainings,
    secrets_of,
)
from synapse_hooks.logged_images import LoggedImages
from synapse_hooks.plugins import (
    Plugins,
    PluginSink,
    PluginWarning,
)
from synapse_hooks.safe_text import add_note, notes_of, summary
from synapse_hooks.steps.checkpoint import resolve_checkpoint
from synapse_hooks.steps.delivery import end_dead_runs, marked_active, undelivered_text, warn_of_failures
from synapse_hooks.steps.failure import recorded_error
from synapse_hooks.steps.in_place import early_conversion, may_read_in_place
from synapse_hooks.steps.inputs import StageInputs
from synapse_hooks.steps.kept_conversions import KeptConversions
from synapse_hooks.steps.orchestrator import Orchestrator
from synapse_hooks.steps.preflight import decisions_of, is_done, prepare_plugins
from synapse_hooks.steps.progress import Progress
from synapse_hooks.steps.reuse import Decision
from synapse_hooks.steps.setup import RunSetup, former_paths, open_directory, recording_revision
from synapse_hooks.steps.signals import terminate_raises
from synapse_hooks.steps.state import plain, restore
from synapse_hooks.steps.system_figures import recorded_system_figures
from synapse_hooks.steps.tracked_params import TrackedParams
from synapse_hooks.steps.training import ExecuteStep

_SECONDS: Final = 10.0
"""How long the end of a run waits for its sinks before it is announced."""


def run_pipeline(setup: RunSetup) -> Any:
    """Run a pipeline in this process.

    Args:
        setup: Steps, parameters and context, as `BaseTrainAction.run` makes it.

    Returns:
        What `execute` returned.

    Raises:
        StepFailed: A step failed; its cause is the `__cause__`.
        CleanupFailed: The run succeeded, but a plugin's `cleanup` failed.
        JournalIncomplete: The run succeeded, but its journal could not be written.
        KeyboardInterrupt: The run was cancelled.
        ConfigError, SelectionError, NoAnswer, RunError: It could not begin.
    """
    ctx = setup.ctx
    plugins = prepare_plugins(setup)
    if ctx.client is None:
        ctx.client = connect()
    redact = secrets_of(os.environ)
    inputs = StageInputs(setup.registry, plugins)
    directory = open_directory(setup, redact)
    end_dead_runs(ctx)
    with directory.locked(), marked_active(ctx, directory), KeptConversions(ctx, inputs) as conversions:
        conversions.hold(directory.path / 'stages')
        decisions = decisions_of(setup, inputs, directory.read())
        return _Run(setup, plugins, inputs, directory, conversions, redact).run(decisions)


class _Run:
    """One attempt at a run, in a directory that this process has locked."""

    def __init__(
        self,
        setup: RunSetup,
        plugins: Plugins,
        inputs: StageInputs,
        directory: RunDirectory,
        conversions: KeptConversions,
        redact: Sequence[str],
    ) -> None:
        self.setup = setup
        self.plugins = plugins
        self.inputs = inputs
        self.directory = directory
        self.conversions = conversions
        self._unwritten: StorageError | None = None
        self._system_seconds = plugins.settings.system_seconds
        self._tracer = plugins.trail.tracer
        self._is_done = is_done(setup.ctx, directory.read())
        self.journal = Journal(directory.path, run=directory.name, redact=redact)
        self.progress = Progress(self.journal, setup.registry)
        self.context = TrainContext(
            params=TrackedParams(setup.params.model_dump()),
            runtime_ctx=setup.ctx,
            hooks=plugins.calls,
            recorder=self.progress,
            run_dir=directory.path,
            moved_from=former_paths(directory),
            may_read_in_place=may_read_in_place(inputs),
            early_conversion=early_conversion(
                inputs, directory.staging, {**plugins.settings.deadlines, **setup.ctx.deadlines}
            ),
            images=LoggedImages(*plugins.settings.images),
            trial=directory.read().get('trial'),
            settings=plugins.settings.settings,
            find_dataset=plugins.find_dataset,
        )

    def run(self, decisions: Sequence[Decision]) -> Any:
        context = self.context
        self.setup.attach(context)
        self._begin()
        if self._tracer is not None:
            self._tracer.open(self.directory.path, self.journal.attempt)
        pump = self.pump = SinkPump(
            self.journal, [PluginSink(adapter, context) for adapter in self.plugins.sink_adapters()]
        )
        pump.start()
        outcome: Outcome = 'failed'
        error: BaseException | None = None
        try:
            with terminate_raises():
                try:
                    with recorded_system_figures(self.journal, context.run_dir, self._system_seconds):
                        self._steps(decisions)
                    outcome = 'succeeded'
                except BaseException as caught:
                    error = caught
                    if isinstance(caught, KeyboardInterrupt):
                        outcome = 'cancelled'
                cleanup = self._clean_up(outcome)
            self._end(outcome, error, cleanup, pump)
        finally:
            undelivered = pump.close()
            self._end_trace()
            self.journal.close()
            self._report(undelivered, pump)
            incomplete = self._incomplete()
        if error is not None:
            for problem in (incomplete, self._unwritten):
                if problem is not None:
                    add_note(error, problem.problem)
            raise error
        if isinstance(cleanup, KeyboardInterrupt):
            raise cleanup
        if cleanup is not None:
            raise CleanupFailed(
                f'the run succeeded, but cleaning up did not: {_all(cleanup)}',
                hint=f'its result is in {self.directory.path}',
                run_dir=str(self.directory.path),
            ) from cleanup
        if self._unwritten is not None:
            raise self._unwritten
        if incomplete is not None:
            raise incomplete
        return context.result

    def _begin(self) -> None:
        record = self.directory.read()
        self.directory.update(
            status='running',
            attempts=record['attempts'] + 1,
            # They may have been changed for the resumed run.
            params=plain(self.setup.params),
            runtime={
                **record.get('runtime', {}),
                'allow_pickle': list(self.setup.ctx.allow_pickle),
                'deadlines': dict(self.setup.ctx.deadlines),
                'trace': self.setup.ctx.trace,
                'job_id': self.setup.ctx.job_id,
            },
            environment=environment(),
            plugins=self.plugins.versions(),
            left_out=self.plugins.left_out(),
            run_dir=str(self.directory.path),
            until=self.setup.ctx.until,
            error=None,
        )
        self.journal.record(
            'run_start',
            {
                'action': self.setup.action_name,
                'target': self.setup.action,
                'plugins': self.plugins.versions(),
                'env': environment(),
                'params': plain(self.setup.params),
            },
        )
        for sentence in self.plugins.warnings:
            self.context.log_message(sentence, level='warning', code='plugin-skipped')

    def _steps(self, decisions: Sequence[Decision]) -> None:
        context, setup = self.context, self.setup
        if self._is_done:
            # Resumed only to deliver events to sinks: nothing is run, and the result is the same.
            for stage in self.directory.read()['stages'][-1:]:
                restore(context, stage['context'], self._as_result)
            return
        trains = next((decision for decision in decisions if decision.step.name == 'execute'), None)
        # A stage that was requested again starts from scratch, and so does the training after it.
        if setup.ctx.resume and not (setup.ctx.from_stage and trains is not None and not trains.reuse):
            context.trainings = read_trainings(self.directory.path)
            context.resume_from = context.trainings.resume_from
        if context.params.get('data_path') is not None and context.params.get('dataset') is not None:
            context.log_message(
                f'data_path is given, so dataset {context.params["dataset"]} is not exported', code='dataset-unused'
            )
        if setup.ctx.resume:
            context.outlook = tuple(map(str, decisions))
        context.hooks.run_started(context=context)
        for line in context.outlook:
            context.log_message(line, code='stage')
        # First of all, so that a bad id fails in the first second.
        is_trained = trains is not None and trains.reuse
        resolve_checkpoint(context, self.plugins, self.directory, self.inputs, keep=is_trained)
        orchestrator = Orchestrator(
            context,
            self.inputs,
            self.plugins,
            self.directory,
            self.conversions,
            self.progress,
            self._as_result,
            self._give_up,
        )
        with recording_revision(self.directory):
            orchestrator.run(decisions)

    def _as_result(self, kept: Any) -> Any:
        """The action's result out of its JSON values."""
        execute = next((step for step in self.setup.registry if isinstance(step, ExecuteStep)), None)
        return kept if execute is None else execute.validated(kept)

    def _clean_up(self, outcome: Outcome) -> BaseException | None:
        try:
            self.setup.detach()
            self.context.hooks.cleanup(context=self.context, outcome=outcome)
        except BaseException as error:
            # Ctrl-C for a second time, too: how the run ended is still to be written down.
            self.context.log_message(f'cleaning up failed: {_all(error)}', level='error', code='cleanup-failed')
            return error
        finally:
            shutil.rmtree(self.directory.path / '.staging', ignore_errors=True)
        return None

    def _end(
        self, outcome: Outcome, error: BaseException | None, cleanup: BaseException | None, pump: SinkPump
    ) -> None:
        context = self.context
        if error is not None and cleanup is not None:
            add_note(error, f'cleaning up failed too: {_all(cleanup)}')
        recorded = None if error is None else recorded_error(error)
        self._update(
            status=outcome,
            dataset=plain(context.dataset),
            checkpoint=plain(context.checkpoint),
            result=plain(context.result),
            model=plain(context.model),
            metrics=self._last_metrics(),
            error=recorded,
            code=self.inputs.code.files(),
            **self.setup.closing(context.run_dir),
            durable=outcome == 'succeeded' and context.model is not None,
        )
        # The end is reported after everything before it: a job does not succeed at 92 %.
        pump.drain(_SECONDS)
        context.hooks.run_finished(context=context, outcome=outcome, error=error)
        words = {'succeeded': 'finished', 'failed': 'failed', 'cancelled': 'cancelled'}
        self.journal.record('run_end', {'status': words[outcome], 'error': recorded, 'model': plain(context.model)})

    def _end_trace(self) -> None:
        if self._tracer is None:
            return
        self._tracer.close()
        if self._tracer.failure:
            text = f'the trace is not complete: {self._tracer.failure}'
            self.context.log_message(text, level='warning', code='trace-incomplete')

    def _last_metrics(self) -> dict[str, float] | None:
        """For lists of runs, which do not read journals."""
        try:
            return last_metrics(self.directory.path)
        except (RunError, OSError):
            return None

    def _give_up(self, error: StepFailed) -> NoReturn:
        """End the process: its main thread is in a stage that does not end. It is recorded as every failure is."""
        recorded = recorded_error(error)
        self._update(status='failed', metrics=self._last_metrics(), error=recorded)
        self.journal.record('run_end', {'status': 'failed', 'error': recorded, 'model': None})
        self.pump.close(_SECONDS)
        self._end_trace()
        # Where every thread is. It is the operating system's stderr that gets it, if there is one.
        with suppress(Exception):
            faulthandler.dump_traceback()
        try:
            raise error
        except StepFailed:
            os._exit(1)

    def _update(self, **changes: Any) -> None:
        """Change the record when the steps are over: a full disk must not take the place of what went wrong before."""
        try:
            self.directory.update(**changes)
        except StorageError as error:
            self._unwritten = self._unwritten or error

    def _report(self, undelivered: dict[str, int], pump: SinkPump) -> None:
        late = {name: count for name, count in undelivered.items() if count}
        if late or self.directory.read().get('undelivered'):
            self._update(undelivered=late)
        for name, count in late.items():
            what = undelivered_text(name, count, pump.reasons.get(name))
            deliver = f'`synapse-hooks sync {self.directory.path}` delivers them'
            # Not even where warnings are made errors may a sink fail a run.
            with suppress(PluginWarning):
                warnings.warn(f'{what}; {deliver}', PluginWarning, stacklevel=2)
        warn_of_failures(pump)

    def _incomplete(self) -> JournalIncomplete | None:
        """The error for a journal that lacks events; run.json counts them, those of earlier attempts too."""
        lost = self.journal.lost
        if not lost:
            return None
        before = self.directory.read().get('journal') or {}
        self._update(journal={'lost': lost + before.get('lost', 0), 'reason': self.journal.loss})
        return JournalIncomplete(
            f'{self.journal.path} lacks {lost} events of this run, which could not be written: {self.journal.loss}',
            hint='make room, or make that file writable; what the run made is not affected',
            path=str(self.journal.path),
            lost=lost,
        )


def _all(error: BaseException) -> str:
    """Every error of a group in one line, with who raised it."""
    if isinstance(error, BaseExceptionGroup):
        return '; '.join(_all(inner) for inner in error.exceptions)
    notes = ', '.join(notes_of(error))
    return summary(error) + (f' ({notes})' if notes else '')
