"""Every hook of the train pipeline: what a plugin author reads.

A plugin is a module, an object or a class with functions marked by `@hookimpl`. A function takes any subset of its
hook's arguments, by name. The nearest plugin is called first: action, project, installed plugins, built-in.

    from synapse_hooks import hookimpl

    @hookimpl
    def convert(context, dataset, target_format):
        if target_format != 'acme':
            return None                      # decline: the next plugin is called
        ...
        return {'path': out, 'format': 'acme'}

A wrapper encloses all answers, and must return the result that it got (or a better one):

    @hookimpl(wrapper=True)
    def run_step(context, step):
        started = time.perf_counter()
        try:
            return (yield)
        finally:
            print(step.name, time.perf_counter() - started)

`@hookimpl.convert` in place of `@hookimpl` names the hook that a function answers; its own name is free. Type checkers
then report arguments that the hook does not have, wrong types and a wrong answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import pluggy

from synapse_hooks.marker import Marker

if TYPE_CHECKING:
    from synapse_hooks.context import (
        ArtifactEvent,
        AutologSession,
        Changes,
        Checkpoint,
        Dataset,
        DatasetReader,
        Executor,
        MessageEvent,
        MetricsEvent,
        Model,
        Outcome,
        ParamsEvent,
        ProgressEvent,
        RunEndEvent,
        RunStartEvent,
        Step,
        StepResult,
        SystemEvent,
        TrainContext,
    )
    from synapse_hooks.launches import Resources, RunOutcome, RunPlan
    from synapse_hooks.searches import Search, SearchOutcome, Trial
    from synapse_hooks.signatures import HookImpl

PROJECT: Final = 'synapse_hooks'
HOOK_API: Final = 1
"""The version of the hooks: higher when a plugin that worked may have to change. See docs/compatibility.md."""
hookspec = pluggy.HookspecMarker(PROJECT)

Semantics = Literal['first', 'merged', 'isolated', 'sink', 'always']
"""How the answers to a hook are combined; `describe` explains it in words."""


class HookSpecs:
    """The hooks, in the order in which a run calls them. `context.hooks` has this type."""

    # -- where the run happens ------------------------------------------------------------------------------------

    @hookspec(firstresult=True)
    def launch(self, launcher: str, plan: RunPlan, resources: Resources, cancelled: Event) -> RunOutcome:
        """Run a plan somewhere, and return when it has ended: `--launcher` names who does it.

        Every launcher answers for its own name only. Most authors subclass `synapse_hooks.launching.BaseLauncher` and
        never see this hook. A worker runs `synapse-hooks run-plan` with the plan. The run directory has everything that
        the user sees: its journal while the run goes on, and at the end all that the run has made.

        Args:
            launcher: The name. Built in: `local`, this process.
            plan: What to run. Its run directory exists.
            resources: What the run gets, and where.
            cancelled: Set when the user cancels: end the run, wait until it has ended, and return.

        Returns:
            How the run ended, as `synapse_hooks.launching.read_outcome` reads it from the run directory.

        Example:
            >>> @hookimpl
            ... def launch(launcher, plan, resources, cancelled):
            ...     if launcher == 'slurm':
            ...         job = submit(plan.to_json(), gpus=resources.num_gpus)
            ...         while not job.wait(1.0):
            ...             if cancelled.is_set():
            ...                 job.cancel()
            ...         return read_outcome(plan.run_dir)
        """

    @hookspec(firstresult=True)
    def tune(
        self,
        launcher: str,
        plan: RunPlan,
        search: Search,
        resources: Resources,
        cancelled: Event,
        report: Callable[[Trial], None],
    ) -> SearchOutcome:
        """Search for the best parameters: run trials, each a run of its own, and return when all have ended.

        Launchers that can do so subclass `synapse_hooks.launching.SearchLauncher`. The
        run directory of the search has the finished stages before the training; `synapse_hooks.tuning.trial_plan` makes
        the plan of a trial that begins with them.

        Args:
            launcher: The name.
            plan: The plan of the search. Its run directory exists, and this process drives it.
            search: What is searched, how, and what is best.
            resources: What each trial gets, and where.
            cancelled: Set when the search is to end: end the trials, wait until they have ended, and return.
            report: Called, from any thread, with a trial whenever it begins, has new metrics or has ended.

        Returns:
            All trials, and the best one, as `synapse_hooks.searches.best_trial` finds it.

        Example:
            >>> @hookimpl
            ... def tune(launcher, plan, search, resources, cancelled, report):
            ...     if launcher == 'slurm':
            ...         plans = [trial_plan(plan, search, id, params) for id, params in drawn(search)]
        """

    # -- the run begins ------------------------------------------------------------------------------------------

    @hookspec
    def run_started(self, context: TrainContext) -> None:
        """A run begins (or is resumed: `context.resume_from`). Observe only: a failure here is a warning.

        Example:
            >>> @hookimpl
            ... def run_started(context):
            ...     context.log_message('the coffee machine was started')
        """

    @hookspec(firstresult=True)
    def resolve_checkpoint(self, context: TrainContext) -> Checkpoint | None:
        """Find the model to start from, before anything is exported.

        Built in: `ctx.checkpoint`, then `params.checkpoint` through the context's client. None from all plugins means
        that the training starts without one.

        Returns:
            A dict with `path` (a folder) and optionally `category`, `id`, `name`; or None to decline.

        Example:
            >>> @hookimpl
            ... def resolve_checkpoint(context):
            ...     if context.params.get('checkpoint') == 'company-base':
            ...         return {'path': Path('/models/base'), 'category': 'base', 'name': 'company-base'}
        """

    # -- around every step ---------------------------------------------------------------------------------------

    @hookspec
    def step_started(self, context: TrainContext, step: Step) -> None:
        """A step begins. Observe only.

        Example:
            >>> @hookimpl
            ... def step_started(context, step):
            ...     context.log_message(f'now: {step.name}')
        """

    @hookspec(firstresult=True)
    def run_step(self, context: TrainContext, step: Step) -> StepResult:
        """Run one step, built in or custom: the seam for timing, tracing and locks. Each attempt passes here.

        Built in: `step.execute(context)`. A wrapper is the usual way in.

        Example:
            >>> @hookimpl(wrapper=True)
            ... def run_step(context, step):
            ...     result = yield
            ...     return result
        """

    @hookspec(firstresult=True)
    def retry_step(self, context: TrainContext, step: Step, error: BaseException, attempt: int) -> float | None:
        """A step failed: should it be tried again?

        Args:
            context: The run.
            step: The step that failed.
            error: What it raised.
            attempt: How many attempts were made, from 1.

        Returns:
            Seconds to wait before another attempt (0 is at once), `math.inf` to forbid one, None for no opinion. A
            bool is an error. A step has at most `max_attempts` attempts, 10 unless a setting overrides it.

        Example:
            >>> @hookimpl
            ... def retry_step(step, error, attempt):
            ...     if step.name == 'upload' and isinstance(error, ConnectionError) and attempt < 4:
            ...         return 2.0**attempt
        """

    # -- the stages ----------------------------------------------------------------------------------------------

    @hookspec(firstresult=True)
    def export(self, context: TrainContext) -> Dataset:
        """Fetch the dataset that `context.params['dataset']` names, into `context.output_dir`.

        Built in: the context's client.

        Returns:
            `{'path': folder, 'format': 'dm', ...}`, see `synapse_hooks.context.Dataset`; or None to decline.

        Example:
            >>> @hookimpl
            ... def export(context):
            ...     if str(context.params['dataset']).startswith('share:'):
            ...         return {'path': Path('/share') / context.params['dataset'][6:], 'format': 'dm'}
        """

    @hookspec(firstresult=True)
    def convert(self, context: TrainContext, dataset: Dataset, target_format: str) -> Dataset:
        """Convert a dataset to the format that the trainer needs, in `context.output_dir`.

        Every format answers for its own name only. Most authors subclass `synapse_hooks.formats.Format` and never
        see this hook.

        Returns:
            The new dataset; `config_path` is what `execute` gets as `data_path`. None to decline.

        Example:
            >>> @hookimpl
            ... def convert(context, dataset, target_format):
            ...     if target_format == 'names':
            ...         out = context.output_dir / 'names.txt'
            ...         out.write_text('\\n'.join(dataset.get('classes', [])))
            ...         return {'path': context.output_dir, 'config_path': out, 'format': 'names'}
        """

    @hookspec(firstresult=True)
    def open_dataset(self, dataset: Dataset) -> DatasetReader:
        """Open a dataset for reading: answered by the format that `dataset['format']` names.

        Example:
            >>> @hookimpl
            ... def open_dataset(dataset):
            ...     if dataset['format'] == 'acme':
            ...         return AcmeReader(dataset['path'])
        """

    @hookspec(firstresult=True)
    def open_executor(self, context: TrainContext, executor: str, workers: int | None) -> Executor:
        """Give what runs the parts of a conversion: the option `--executor`, or the setting `executor`, names it.

        Every executor answers for its own name only. Most authors subclass `synapse_hooks.conversion.BaseExecutor` and
        never see this hook.

        Args:
            context: The run; outside of a run its settings, params, hooks and messages.
            executor: The name. Built in: `serial`, `fork`.
            workers: How many tasks run at once; None leaves it to the executor.

        Example:
            >>> @hookimpl
            ... def open_executor(executor, workers):
            ...     if executor == 'cluster':
            ...         return Cluster(workers or 8)
        """

    @hookspec
    def pre_execute(self, context: TrainContext) -> Changes | None:
        """Check, seed, make last edits. All plugins are called, and the answers are merged.

        Returns:
            None, or a dict with `data_path` and/or `checkpoint`: the values that `execute` gets instead. The same
            key from two plugins is an error that names both.

        Example:
            >>> @hookimpl
            ... def pre_execute(context):
            ...     if context.data_path is None:
            ...         raise ValueError('this cluster trains on data only')
        """

    @hookspec(firstresult=True)
    def execute(self, context: TrainContext, data_path: Path | None, checkpoint: Checkpoint | None) -> Any:
        """Train. The action's own `execute` is the usual answer.

        Args:
            context: The run.
            data_path: The dataset's config file, or its folder where there is none.
            checkpoint: The model to start from, or None.

        Returns:
            A dict or a result model. Its `weights_path` (a file or folder) is what `upload` publishes.

        Example:
            >>> @hookimpl
            ... def execute(context, data_path):
            ...     weights = context.output_dir / 'weights.json'
            ...     weights.write_text('{}')
            ...     return {'weights_path': str(weights)}
        """

    @hookspec(firstresult=True)
    def autolog(self, framework: str, session: AutologSession) -> AbstractContextManager[Any]:
        """Attach automatic logging for a training framework. Every autologger answers for its own framework.

        Returns:
            A context manager: logging is attached when it is entered and detached when it is left.

        Example:
            >>> @hookimpl
            ... def autolog(framework, session):
            ...     if framework == 'acme':
            ...         return attach_to_acme(session)
        """

    @hookspec(firstresult=True)
    def upload(self, context: TrainContext, result: Any) -> Model | None:
        """Publish the trained model, which is at `context.model_path`.

        Built in: the context's client.

        Returns:
            `{'id': ..., 'name': ...}`; or None to decline.

        Example:
            >>> @hookimpl
            ... def upload(context, result):
            ...     if 'registry' in context.settings.get('acme', {}):
            ...         return {'id': push(context.model_path), 'name': 'acme'}
        """

    @hookspec
    def uploaded(self, context: TrainContext, model: Model) -> None:
        """A model was uploaded: mirror it, send a message. A failure here is a warning.

        Example:
            >>> @hookimpl
            ... def uploaded(context, model):
            ...     context.log_message(f'model {model["id"]} is there')
        """

    @hookspec
    def step_finished(
        self, context: TrainContext, step: Step, result: StepResult | None, error: BaseException | None
    ) -> None:
        """A step ended: with a result, or with an error after the last attempt. Observe only.

        Example:
            >>> @hookimpl
            ... def step_finished(context, step, error):
            ...     context.log_message(f'{step.name}: {"failed" if error else "done"}')
        """

    # -- events of the run: called outside of the training thread ------------------------------------------------

    @hookspec
    def log_params(self, context: TrainContext, params: Sequence[ParamsEvent]) -> None:
        """Deliver parameters: a batch of `params` events of the journal, in order, each with `values`.

        A run may hold several trainings. An event that belongs to one has its name under `training`; one that belongs
        to none has no such key. That holds for the next four hooks too.

        This and the next six hooks are *sinks*. They run on a thread of their own and read the journal, so a slow or
        unreachable one delays nothing and loses nothing: raise `SinkUnavailable` (or ConnectionError, TimeoutError) and
        the batch comes again later. Any other exception skips the batch, with a warning and a count in the journal.

        Example:
            >>> @hookimpl
            ... def log_params(context, params):
            ...     for event in params:
            ...         print(event['values'])
        """

    @hookspec
    def log_metrics(self, context: TrainContext, points: Sequence[MetricsEvent]) -> None:
        """Deliver metrics: a batch of `metrics` events, each with `phase, axis, step, values`, and `training`. A sink.

        Example:
            >>> @hookimpl
            ... def log_metrics(context, points):
            ...     for point in points:
            ...         print(point.get('training'), point['phase'], point['step'], point['values'])
        """

    @hookspec
    def log_message(self, context: TrainContext, messages: Sequence[MessageEvent]) -> None:
        """Deliver messages: a batch of `message` events, each with `level, code, text`. A sink.

        Example:
            >>> @hookimpl
            ... def log_message(context, messages):
            ...     for message in messages:
            ...         print(message['level'], message['text'])
        """

    @hookspec
    def log_artifact(self, context: TrainContext, artifacts: Sequence[ArtifactEvent]) -> None:
        """Deliver files: a batch of `artifact` events, each with `kind, role, path, size`; `path` is absolute. A sink.

        A plugin that has other log hooks too gets artifacts on a second thread, so that uploading a large file does not
        delay its metrics: its functions may run at the same time. What was recorded before an artifact, except other
        artifacts, is always delivered before it; what comes later may be delivered before it too, the end of the
        run included. A plugin with the attribute `concurrent_artifacts = False` has one thread for all, in order.

        Example:
            >>> @hookimpl
            ... def log_artifact(context, artifacts):
            ...     for artifact in artifacts:
            ...         print(artifact['path'])
        """

    @hookspec
    def log_system(self, context: TrainContext, figures: Sequence[SystemEvent]) -> None:
        """Deliver what the run uses of its machine: a batch of `system` events, each with `seconds` since this attempt
        began and `values`: `cpu_percent`, `memory_used`, `gpu0_percent` and so on. A sink. The setting `system_seconds`
        says how often they are recorded, every 15 seconds by default.

        Example:
            >>> @hookimpl
            ... def log_system(context, figures):
            ...     for event in figures:
            ...         print(event['seconds'], event['values'].get('process_cpu_percent'))
        """

    @hookspec
    def progress_changed(self, context: TrainContext, progress: ProgressEvent) -> None:
        """Deliver progress: a `progress` event (`category, curr, total, step, overall`), the latest of its step,
        category and training; older ones are left out. The last one of every step always comes.

        Example:
            >>> @hookimpl
            ... def progress_changed(context, progress):
            ...     print(f'{progress["overall"]:.0%}')
        """

    @hookspec
    def log_status(self, context: TrainContext, statuses: Sequence[RunStartEvent | RunEndEvent]) -> None:
        """Deliver the state of the run: `run_start` events (with `action, target, params`) and `run_end` events (with
        `status`, which is `finished`, `failed` or `cancelled`, `error`, `model`). A sink: unlike `run_started` and
        `run_finished`, it arrives also when the receiver could not be reached at once. A `run_end` comes alone, after
        everything that was recorded before it.

        Example:
            >>> @hookimpl
            ... def log_status(context, statuses):
            ...     for status in statuses:
            ...         print(status['type'], status.get('status'))
        """

    @hookspec
    def sink_closed(self, context: TrainContext, undelivered: int) -> None:
        """This process delivers nothing more to the log hooks of this plugin: flush and close what they opened.

        Called once for each plugin that has a log hook, on the thread of its sink, at the end of a run and of
        `synapse-hooks sync`, also if nothing was delivered. `undelivered` counts the events that could not be
        delivered; they come when the run is resumed or synced. It should return within ten seconds, after which the
        process no longer waits. A failure is a warning.

        Example:
            >>> @hookimpl
            ... def sink_closed(context, undelivered):
            ...     print('closed,', undelivered, 'events are missing')
        """

    # -- the run ends --------------------------------------------------------------------------------------------

    @hookspec
    def cleanup(self, context: TrainContext, outcome: Outcome) -> None:
        """The run is over, however it ended: free what you took. All plugins are called; errors are grouped afterwards.

        Example:
            >>> @hookimpl
            ... def cleanup(context, outcome):
            ...     release_the_gpu()
        """

    @hookspec
    def run_finished(self, context: TrainContext, outcome: Outcome, error: BaseException | None) -> None:
        """A run ended: `succeeded`, `failed` or `cancelled`. Observe only.

        Example:
            >>> @hookimpl
            ... def run_finished(context, outcome):
            ...     print(outcome)
        """


SINK_HOOKS: Final = (
    'log_params',
    'log_metrics',
    'log_message',
    'log_artifact',
    'log_system',
    'progress_changed',
    'log_status',
    'sink_closed',
)
_ISOLATED: Final = ('run_started', 'step_started', 'step_finished', 'run_finished', 'uploaded')
_WORDS: Final[dict[Semantics, str]] = {
    'first': 'the nearest plugin that answers wins; None declines',
    'merged': 'all plugins are called; the answers are merged, and the same key twice is an error',
    'isolated': 'all plugins are called; a failure is a warning; no wrappers',
    'sink': 'all plugins are called, off the training thread; nothing is lost; no wrappers',
    'always': 'all plugins are called, always; errors are grouped after all ran; no wrappers',
}


def hook_names() -> tuple[str, ...]:
    """The names of all hooks, in the order of a run."""
    return _NAMES


def semantics(hook: str) -> Semantics:
    """How the answers to `hook` are put together.

    Example:
        >>> semantics('convert'), semantics('cleanup')
        ('first', 'always')
    """
    if hook in SINK_HOOKS:
        return 'sink'
    if hook in _ISOLATED:
        return 'isolated'
    if hook == 'pre_execute':
        return 'merged'
    return 'always' if hook == 'cleanup' else 'first'


def describe(hook: str) -> str:
    """The semantics of `hook` in words."""
    return _WORDS[semantics(hook)]


def arguments(hook: str) -> tuple[str, ...]:
    """The names of the arguments of `hook`, in order.

    Example:
        >>> arguments('convert')
        ('context', 'dataset', 'target_format')
    """
    code = getattr(HookSpecs, hook).__code__
    return tuple(code.co_varnames[1 : code.co_argcount])


_NAMES: Final = tuple(name for name, value in vars(HookSpecs).items() if hasattr(value, f'{PROJECT}_spec'))
hookimpl = cast('HookImpl', Marker(PROJECT, _NAMES))
"""Marks a function as an answer to the hook of the same name, and `hookimpl.HOOK` as one to that hook, checked by type
checkers. Options of both: `wrapper`, `tryfirst`, `trylast`.

Example:
    >>> @hookimpl.resolve_checkpoint(trylast=True)
    ... def company_base(context: TrainContext) -> Checkpoint | None:
    ...     return {'path': Path('/models/base')}
"""
