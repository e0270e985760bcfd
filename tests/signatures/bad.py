"""Functions that cannot answer their hooks: type checkers report the lines that end with `# wrong`, and no others."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from synapse_hooks import BaseTrainAction, BaseTrainParams, TrainContext, hookimpl
from synapse_hooks.context import Changes, Dataset, MetricsEvent, Outcome, Step


@hookimpl.convrt  # wrong
def no_such_hook(dataset: Dataset) -> Dataset:
    return dataset


@hookimpl.convert  # wrong
def misspelt_argument(context: TrainContext, datasett: Dataset) -> Dataset:
    return datasett


@hookimpl.convert  # wrong
def misspelt_first_argument(ctx: TrainContext, dataset: Dataset) -> Dataset:
    return dataset


@hookimpl.convert  # wrong
def argument_of_another_hook(step: Step, dataset: Dataset) -> Dataset:
    return dataset


@hookimpl.convert  # wrong
def wrong_type(dataset: str) -> None: ...


@hookimpl.convert  # wrong
def wrong_answer(dataset: Dataset) -> str:
    return dataset['format']


@hookimpl.convert  # wrong
def any_dict(dataset: Dataset) -> dict[str, Any]:
    return {**dataset}


@hookimpl.convert(trylast=True)  # wrong
def wrong_answer_with_options(dataset: Dataset) -> bool:
    return bool(dataset)


@hookimpl.convert(wrapper=True)  # wrong
def wrapper_that_does_not_yield(dataset: Dataset) -> Dataset:
    return dataset


@hookimpl.convert(wrapper=True)  # wrong
def wrapper_with_the_wrong_answer() -> Generator[None, Dataset, str]:
    return (yield)['format']


@hookimpl.convert  # wrong
def wrapper_that_does_not_say_so() -> Generator[None, Dataset, Dataset]:
    return (yield)


@hookimpl.convert(specname='export')  # wrong
def two_hooks() -> None: ...


@hookimpl.cleanup(wrapper=True)  # wrong
def wrapper_of_a_hook_that_takes_none(outcome: Outcome) -> Generator[None, None, None]:
    yield


@hookimpl.cleanup  # wrong
def answer_where_none_is_expected() -> int:
    return 1


@hookimpl.pre_execute  # wrong
def other_changes() -> Mapping[str, int]:
    return {'epochs': 1}


@hookimpl.pre_execute
def misspelt_change() -> Changes:
    return {'data_pth': None}  # wrong


@hookimpl.retry_step  # wrong
def attempts_are_numbers(attempt: str) -> float:
    return float(attempt)


@hookimpl.log_metrics  # wrong
def one_point(points: MetricsEvent) -> None: ...


@hookimpl.log_metrics
def misspelt_key(points: Sequence[MetricsEvent]) -> None:
    print(points[0]['vals'])  # wrong


class Plugin:
    @hookimpl.export  # wrong
    def export(self, ctx: TrainContext) -> Dataset:
        return {'path': ctx.output_dir, 'format': 'dm'}

    @hookimpl.cleanup  # wrong
    def cleanup(self, outcome: bool) -> None: ...


class Action(BaseTrainAction[BaseTrainParams]):
    @hookimpl.convert  # wrong
    def convert(self, data: Dataset) -> Dataset:
        return data


class Weights(BaseModel):
    weights_path: str


class TypedAction(BaseTrainAction[BaseTrainParams, Weights]):
    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> int:  # wrong
        return 1

    def upload(self, result: Weights) -> str:  # wrong
        return result.weights_path


def runs(context: TrainContext) -> str:
    context.log_message(context.dataset['format'])  # wrong
    return TypedAction({}).run().weight_path  # wrong
