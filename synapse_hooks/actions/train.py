"""The base class of train actions: set `target_format`, write `execute`, and the rest is handled.

    class TrainAction(BaseTrainAction[TrainParams]):
        target_format = 'yolo'

        def execute(self, data_path, checkpoint):
            ...
            return {'weights_path': './weights'}

The action is a thin facade over the hooks. A method named like a stage hook, when a subclass overrides it, is that
hook's nearest answer, and `super()` in it reaches the next one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, cast

from pydantic import BaseModel
from typing_extensions import TypeVar

from synapse_hooks.actions.overrides import overridden_hooks
from synapse_hooks.actions.params import BaseTrainParams, validated
from synapse_hooks.actions.type_arguments import type_arguments
from synapse_hooks.context import (
    AutologSession,
    Changes,
    Checkpoint,
    Dataset,
    DatasetReader,
    Executor,
    Model,
    RuntimeContext,
    StepResult,
    TrainContext,
    TrainingLog,
)
from synapse_hooks.errors import ConfigError, RunError
from synapse_hooks.hookspecs import HookSpecs
from synapse_hooks.plugins import HookCalls, bind
from synapse_hooks.steps import (
    ConvertDatasetStep,
    ExecuteStep,
    ExportDatasetStep,
    PreExecuteStep,
    RunSetup,
    StepRegistry,
    UploadStep,
    preview,
    publish_model,
    run_pipeline,
)

if TYPE_CHECKING:
    from synapse_hooks.launches import Resources, RunOutcome
    from synapse_hooks.runs.run import Run

__all__ = ['BaseTrainAction', 'BaseTrainParams', 'TrainContext']

T = TypeVar('T')
P = TypeVar('P', bound=BaseTrainParams)
"""The class of the parameters."""
R = TypeVar('R', default=Any)
"""What `run` returns: the class of the result, or anything."""


class _NoRunYet(ConfigError, AttributeError):
    """There is no context outside of a run. It is an AttributeError, so that `hasattr` and `getattr` work."""


class BaseTrainAction(Generic[P, R]):
    """A train action. Subclass it, with the class of its parameters in brackets, and that of its result if it has one:
    `BaseTrainAction[TrainParams]`, `BaseTrainAction[TrainParams, TrainResult]`.

    Args:
        params: An instance of the action's parameters, or a mapping that is validated here.
        ctx: What the platform gives; None is a laptop without any server.

    Raises:
        ParamsError: The parameters do not fit.

    Example:
        >>> class Count(BaseTrainAction[BaseTrainParams]):
        ...     def execute(self, data_path, checkpoint):
        ...         return {'files': sum(1 for file in data_path.iterdir())}
        >>> folder = getfixture('tmp_path')
        >>> Count({'data_path': folder}, RuntimeContext(run_dir=folder / 'run')).run()
        {'files': 1}
    """

    action_name: ClassVar[str] = 'train'
    """Names the action in run directories and jobs."""
    target_format: ClassVar[str | None] = None
    """The format that the training needs: `yolo`, `coco`, or that of a plugin; None passes the exported folder."""
    result_model: ClassVar[type[BaseModel] | None] = None
    """The pydantic model that `execute`'s result must fit; None takes any. A model in the brackets is it already."""
    params_model: ClassVar[type[BaseTrainParams]] = BaseTrainParams
    """The class of the parameters in the brackets."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        params, result = type_arguments(cls, BaseTrainAction)
        if isinstance(params, type) and issubclass(params, BaseTrainParams):
            cls.params_model = params
        if isinstance(result, type) and issubclass(result, BaseModel):
            if cls.result_model is not None and not issubclass(cls.result_model, result):
                raise TypeError(
                    f'{cls.__name__}: the result is {result.__name__} in the brackets, but result_model is '
                    f'{cls.result_model.__name__}; state one of them'
                )
            cls.result_model = cls.result_model or result

    def __init__(self, params: P | Mapping[str, Any], ctx: RuntimeContext | None = None) -> None:
        self.params: P = params if isinstance(params, BaseModel) else cast(P, validated(self.params_model, params))
        self.ctx: RuntimeContext = ctx if ctx is not None else RuntimeContext()
        self._context: TrainContext | None = None
        self._run_dir: Path | None = None
        self._is_running = False
        self._autologs = ExitStack()

    # -- what an author writes ---------------------------------------------------------------------------------------

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> R | Mapping[str, Any]:
        """Train.

        Args:
            data_path: The dataset's config file (`dataset.yaml` for yolo), or its folder where there is none.
            checkpoint: A dict with `path` (a folder), `category`, `id`, `name`; None where there is nothing to start
                from.

        Returns:
            A dict or an instance of `result_model`. Its `weights_path`, a file or folder, is uploaded.
        """
        result: R = self._next(HookSpecs.execute, (), {'data_path': data_path, 'checkpoint': checkpoint})
        return result

    def setup_steps(self, registry: StepRegistry[TrainContext]) -> None:
        """Register the steps of the run: by default export, convert, pre_execute, execute and upload.

        An override controls the whole pipeline; `super().setup_steps(registry)` registers the default steps,
        to be changed with `insert_before`, `insert_after`, `replace` and `unregister`.
        """
        registry.register(ExportDatasetStep())
        registry.register(ConvertDatasetStep(self.target_format))
        registry.register(PreExecuteStep())
        registry.register(ExecuteStep(self.result_model))
        registry.register(UploadStep())

    # -- stage hooks: an override is the nearest answer, and super() reaches the next ---------------------------------

    def resolve_checkpoint(self, *args: Any, **kwargs: Any) -> Checkpoint | None:
        """`(context) -> dict or None`: find the model to start from. See `HookSpecs.resolve_checkpoint`."""
        return self._next(HookSpecs.resolve_checkpoint, args, kwargs)

    def export(self, *args: Any, **kwargs: Any) -> Dataset:
        """`(context) -> dataset`: fetch the dataset. See `HookSpecs.export`."""
        return self._next(HookSpecs.export, args, kwargs)

    def convert(self, *args: Any, **kwargs: Any) -> Dataset:
        """`(context, dataset, target_format) -> dataset`: convert it. See `HookSpecs.convert`."""
        return self._next(HookSpecs.convert, args, kwargs)

    def open_dataset(self, *args: Any, **kwargs: Any) -> DatasetReader:
        """`(dataset) -> reader`: open a dataset for reading. See `HookSpecs.open_dataset`."""
        return self._next(HookSpecs.open_dataset, args, kwargs)

    def open_executor(self, *args: Any, **kwargs: Any) -> Executor:
        """`(context, executor, workers) -> executor`: run the parts of a conversion. See `HookSpecs.open_executor`."""
        return self._next(HookSpecs.open_executor, args, kwargs)

    def pre_execute(self, *args: Any, **kwargs: Any) -> Changes | None:
        """`(context) -> dict or None`: check, seed, change data_path or checkpoint. See `HookSpecs.pre_execute`."""
        return self._next(HookSpecs.pre_execute, args, kwargs)

    def upload(self, *args: Any, **kwargs: Any) -> Model | None:
        """`(context, result) -> model`: publish the trained model. See `HookSpecs.upload`."""
        return self._next(HookSpecs.upload, args, kwargs)

    def uploaded(self, *args: Any, **kwargs: Any) -> None:
        """`(context, model)`: a model was uploaded. See `HookSpecs.uploaded`."""

    def run_step(self, *args: Any, **kwargs: Any) -> StepResult:
        """`(context, step) -> StepResult`: run one step. See `HookSpecs.run_step`."""
        return self._next(HookSpecs.run_step, args, kwargs)

    def retry_step(self, *args: Any, **kwargs: Any) -> float | None:
        """`(context, step, error, attempt) -> seconds or None`: try again? See `HookSpecs.retry_step`."""
        return self._next(HookSpecs.retry_step, args, kwargs)

    def run_started(self, *args: Any, **kwargs: Any) -> None:
        """`(context)`: the run begins. See `HookSpecs.run_started`."""

    def step_started(self, *args: Any, **kwargs: Any) -> None:
        """`(context, step)`: a step begins. See `HookSpecs.step_started`."""

    def step_finished(self, *args: Any, **kwargs: Any) -> None:
        """`(context, step, result, error)`: a step ended. See `HookSpecs.step_finished`."""

    def run_finished(self, *args: Any, **kwargs: Any) -> None:
        """`(context, outcome, error)`: the run ended. See `HookSpecs.run_finished`."""

    def cleanup(self, *args: Any, **kwargs: Any) -> None:
        """`(context, outcome)`: free what was taken. See `HookSpecs.cleanup`."""

    # -- helpers -----------------------------------------------------------------------------------------------------

    @property
    def context(self) -> TrainContext:
        """The context of the run; there is one only while `run()` runs.

        Raises:
            ConfigError: There is no run. (It is an AttributeError too: `hasattr(action, 'context')` is False then.)
        """
        if self._context is None:
            raise _NoRunYet(f'{type(self).__name__}: there is no run yet', hint='call this from within execute()')
        return self._context

    @property
    def last_run(self) -> Run | None:
        """The run that `run()` drives or drove last, however it ended: its `path`, `status`, `metrics()`, `error` and
        more. None before the first one, if the run could not begin, and if its directory was removed.

        Example:
            >>> class Fail(BaseTrainAction[BaseTrainParams]):
            ...     def execute(self, data_path, checkpoint):
            ...         raise OSError('the power went')
            >>> folder = getfixture('tmp_path')
            >>> action = Fail({'data_path': folder}, RuntimeContext(run_dir=folder / 'run'))
            >>> try:
            ...     action.run()
            ... except Exception:
            ...     print(action.last_run.path.name, action.last_run.status)
            run failed
        """
        from synapse_hooks.runs.run import Run

        with suppress(RunError):
            return None if self._run_dir is None else Run(self._run_dir)
        return None

    def autolog(self, framework: str) -> AbstractContextManager[object]:
        """Log metrics of a training framework automatically, from now to the end of the run.

        Args:
            framework: For instance `ultralytics`; `synapse-hooks autologgers` lists them.

        Returns:
            A context manager, to end it earlier: `with self.autolog('ultralytics'): ...`.

        Raises:
            SelectionError: There is no such autologger, or it cannot be used.
        """
        context = self.context
        session = AutologSession(
            framework,
            context.recorder,
            context.run_dir,
            context.resume_from,
            trainings=context.trainings,
            moved_from=context.moved_from,
            images=context.images,
        )
        manager = context.hooks.autolog(framework=framework, session=session)
        ending = ExitStack()
        ending.enter_context(manager)
        # Closing it twice is harmless: an ExitStack is empty after the first time.
        self._autologs.callback(ending.close)
        return ending

    def get_checkpoint(self) -> Checkpoint | None:
        """The checkpoint of the run: the one that `execute` gets."""
        return self.context.checkpoint

    def create_model(self, path: str | Path, **kwargs: Any) -> Model:
        """Upload a trained model now. The run uploads no second one at its end.

        Args:
            path: A file or folder.
            **kwargs: `name`, and any other field that the backend must store with it.

        Returns:
            The model, with its `id`.
        """
        context = self.context
        model = context.client.create_model(Path(path), **{'run': context.run_dir.name, **kwargs})
        publish_model(context, model)
        return model

    def set_progress(
        self, current: float, total: float, category: str = 'train', *, transferred: int | None = None
    ) -> None:
        """Report that `current` of `total` is done in `category`. See `TrainContext.set_progress`."""
        self.context.set_progress(current, total, category, transferred=transferred)

    def start_training(self, name: str = 'train') -> TrainingLog:
        """Begin one of several trainings of the run, where no autologger does. See `TrainContext.start_training`."""
        return self.context.start_training(name)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Record parameters. See `TrainContext.log_params`."""
        self.context.log_params(params)

    def log_metrics(
        self, values: Mapping[str, float], *, phase: str = 'custom', step: int | None = None, axis: str = 'epoch'
    ) -> None:
        """Record numbers. See `TrainContext.log_metrics`."""
        self.context.log_metrics(values, phase=phase, step=step, axis=axis)

    def log_message(self, text: str, *, level: str = 'info', code: str | None = None) -> None:
        """Record a sentence for people. See `TrainContext.log_message`."""
        self.context.log_message(text, level=level, code=code)

    def log_artifact(self, path: str | Path, *, kind: str = 'file', role: str | None = None) -> None:
        """Record a file that the run made. See `TrainContext.log_artifact`."""
        self.context.log_artifact(path, kind=kind, role=role)

    def log_image(self, name: str, image: Any, *, step: float | None = None, caption: str | None = None) -> Path | None:
        """Save and record an image. See `TrainContext.log_image`."""
        return self.context.log_image(name, image, step=step, caption=caption)

    # -- running -----------------------------------------------------------------------------------------------------

    def run(self) -> R:
        """Run the pipeline.

        Returns:
            What `execute` returned, as an instance of `result_model` where there is one; None without that step.

        Raises:
            StepFailed: A step failed; its cause is the `__cause__`.
            ConfigError, SelectionError: The run could not begin, or the action runs already.
            KeyboardInterrupt: It was cancelled, by Ctrl-C or SIGTERM.
        """
        if self._is_running:
            raise ConfigError(
                f'{type(self).__name__}: this action runs already', hint='make another instance for a second run'
            )
        self._is_running, self._run_dir = True, None
        try:
            return cast(R, run_pipeline(self.setup_run()))
        finally:
            self._context, self._is_running = None, False
            self._report_run()

    def launch(self, launcher: str, resources: Resources | None = None) -> RunOutcome:
        """Run the pipeline where a launcher does, `ctx.target` being its name there. See `launching.launch`.

        A run that has failed raises nothing: `error` of the outcome has the reason.
        """
        from synapse_hooks.launching import launch

        return launch(self.setup_run(), launcher, resources)

    def _report_run(self) -> None:
        """Write where the run is, if `run()` was called from Python at a terminal. Commands do so themselves."""
        with suppress(Exception):
            if self.ctx.target is None and sys.stderr.isatty() and (run := self.last_run) is not None:
                path = str(run.path)
                sys.stderr.write(f'run {path if path.isprintable() else repr(path)}: {run.status}\n')

    def preview(self) -> dict[str, Any]:
        """What `run()` would do, without doing it: `{run_dir, stages}`; see `synapse_hooks.steps.preview`.

        Raises:
            ConfigError, ParamsError, SelectionError: The run could not begin.
        """
        return preview(self.setup_run())

    def setup_run(self) -> RunSetup:
        """What `run()` runs: the steps, the parameters, and the hooks that the action answers."""
        registry: StepRegistry[TrainContext] = StepRegistry()
        self.setup_steps(registry)
        setup = RunSetup(
            action_name=self.action_name,
            # The last part of a path names the action as well as all of it.
            action=(self.ctx.target or f'{type(self).__module__}:{type(self).__qualname__}').rpartition('/')[2],
            params=self.params,
            ctx=self.ctx,
            registry=registry,
            hooks=overridden_hooks(self, BaseTrainAction),
            result_model=self.result_model,
            attach=self._attach,
            detach=self._autologs.close,
        )
        if self.ctx.search is None:
            return setup
        from synapse_hooks.tuning.setup import search_setup

        return search_setup(setup, self.ctx.search)

    def _attach(self, context: TrainContext) -> None:
        self._context, self._run_dir = context, context.run_dir

    def _next(self, hook: Callable[..., T], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> T:
        """What the plugins that are less near than the action answer, to a hook of `HookSpecs`."""
        context, name = self.context, hook.__name__
        return cast(T, cast(HookCalls, context.hooks).next(name, bind(name, args, kwargs, context)))
