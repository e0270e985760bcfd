"""Functions that answer hooks, as authors write them: type checkers accept all of them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from synapse_hooks import BaseTrainAction, BaseTrainParams, StepResult, TrainContext, hookimpl
from synapse_hooks.context import (
    AutologSession,
    Changes,
    Checkpoint,
    Dataset,
    DatasetReader,
    MetricsEvent,
    Model,
    Outcome,
    RunEndEvent,
    RunStartEvent,
    Step,
)


@hookimpl
def run_started(context: TrainContext, anything: object) -> str:
    """Without the name of a hook, nothing is checked."""
    return ''


@hookimpl(trylast=True)
def run_finished() -> None: ...


@hookimpl.convert
def all_arguments(context: TrainContext, dataset: Dataset, target_format: str) -> Dataset | None:
    return {'path': context.output_dir, 'format': target_format} if dataset['format'] == 'acme' else None


@hookimpl.convert
def in_another_order(target_format: str, dataset: Dataset) -> Dataset:
    return {**dataset, 'format': target_format}


@hookimpl.convert
def of_wider_types(target_format: object, dataset: Mapping[str, object]) -> None: ...


@hookimpl.convert
def none_of_them() -> Dataset | None: ...


@hookimpl.convert
def with_a_default(dataset: Dataset, quality: int = 90) -> Dataset:
    return dataset


@hookimpl.convert(trylast=True)
def last(dataset: Dataset) -> Dataset:
    return dataset


@hookimpl.convert(wrapper=True, tryfirst=True)
def around(dataset: Dataset) -> Generator[None, Dataset, Dataset]:
    return (yield)


@hookimpl.convert(wrapper=True)
def around_what_may_be_missing() -> Generator[None, Dataset | None, Dataset | None]:
    return (yield)


@hookimpl.convert(wrapper=True)
def around_anything() -> Generator[None, Any, Any]:
    return (yield)


@hookimpl.run_step(wrapper=True)
def timed(context: TrainContext, step: Step) -> Generator[None, StepResult, StepResult]:
    result = yield
    context.log_message(f'{step.name}: {result.success}')
    return result


@hookimpl.pre_execute(wrapper=True)
def checked(context: TrainContext) -> Generator[None, list[Changes], list[Changes]]:
    return (yield)


@hookimpl.resolve_checkpoint
def company_base() -> Checkpoint:
    return {'path': Path('/models/base')}


@hookimpl.open_dataset
def acme(dataset: Dataset) -> DatasetReader | None: ...


@hookimpl.pre_execute
def elsewhere(context: TrainContext) -> Changes | None:
    return {'data_path': context.run_dir / 'data.yaml'}


@hookimpl.retry_step
def patient(attempt: int, error: BaseException) -> float | None:
    return 2.0**attempt if isinstance(error, ConnectionError) else None


@hookimpl.execute
def execute(context: TrainContext, data_path: Path | None) -> dict[str, str]:
    return {'weights_path': str(context.output_dir)}


@hookimpl.autolog
def autolog(framework: str, session: AutologSession) -> AbstractContextManager[object] | None:
    return nullcontext() if framework == session.framework else None


@hookimpl.upload
def upload(result: Any) -> Model:
    return {'id': 1}


@hookimpl.step_finished
def step_finished(step: Step, result: StepResult | None, error: BaseException | None) -> None: ...


@hookimpl.log_metrics
def log_metrics(context: TrainContext, points: Sequence[Mapping[str, Any]]) -> None: ...


@hookimpl.log_metrics
def plot(points: Sequence[MetricsEvent]) -> None:
    for point in points:
        print(point['step'], sum(point['values'].values()), point.get('training'))


@hookimpl.log_status
def report(statuses: Sequence[RunStartEvent | RunEndEvent]) -> None:
    for status in statuses:
        print(status['action'] if status['type'] == 'run_start' else status['status'])


@hookimpl.run_step
def elsewhere_run(context: TrainContext, step: Step) -> StepResult:
    return step.execute(context)


@hookimpl.cleanup
def cleanup(outcome: Outcome) -> None: ...


class Plugin:
    @hookimpl.export
    def export(self, context: TrainContext) -> Dataset:
        return {'path': context.output_dir, 'format': 'dm'}

    @hookimpl.uploaded(tryfirst=True)
    def uploaded(self, model: Model) -> None: ...

    @hookimpl.export(wrapper=True)
    def around(self) -> Generator[None, Dataset, Dataset]:
        return (yield)

    @staticmethod
    @hookimpl.run_finished
    def run_finished(outcome: Outcome) -> None: ...


class Action(BaseTrainAction[BaseTrainParams]):
    @hookimpl.convert
    def convert(self, dataset: Dataset, target_format: str) -> Dataset:
        return {**dataset, 'format': target_format}


def calls(plugin: Plugin, context: TrainContext) -> Dataset:
    """A marked function is still the function that it was."""
    first: Dataset = in_another_order('yolo', plugin.export(context))
    return in_another_order(dataset=first, target_format='coco')


class Weights(BaseModel):
    weights_path: str


class TypedAction(BaseTrainAction[BaseTrainParams, Weights]):
    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Weights:
        return Weights(weights_path=str(data_path))

    def export(self, context: TrainContext) -> Dataset:
        exported = super().export(context)
        return {**exported, 'format': 'dm'}

    def run_finished(self) -> None: ...


class ActionWithADict(BaseTrainAction[BaseTrainParams, Weights]):
    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> dict[str, str]:
        return {'weights_path': str(data_path)}


def runs(context: TrainContext) -> str:
    """What `run` returns, and what a context holds, has a type."""
    if context.dataset is not None:
        context.log_message(context.dataset['format'])
    anything = Action({}).run()
    return str(anything['losses']) + TypedAction({}).run().weights_path
