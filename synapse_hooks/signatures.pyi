# Written by docs/signatures.py from synapse_hooks/hookspecs.py: change that, then type `make docs`.
# ruff: noqa
"""What type checkers know of `hookimpl`: for every hook, the functions that can answer it.

A function answers with any of the hook's arguments, in any order: `takes_A_B` stands for those with the arguments A and
B, and the first in a union is the one with all arguments. At run time there is `synapse_hooks.marker.Marker`.
"""

from collections.abc import Callable, Generator
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from synapse_hooks.context import ArtifactEvent, AutologSession, Changes, Checkpoint, Dataset, DatasetReader, Executor, MessageEvent, MetricsEvent, Model, Outcome, ParamsEvent, ProgressEvent, RunEndEvent, RunStartEvent, Step, StepResult, SystemEvent, TrainContext
from synapse_hooks.launches import Resources, RunOutcome, RunPlan
from synapse_hooks.searches import Search, SearchOutcome, Trial
from threading import Event
from typing import Any, Literal, Protocol, TypeVar, overload

R = TypeVar('R', covariant=True)
F = TypeVar('F', bound=Callable[..., Any])

class takes_launcher_plan_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan, resources: Resources, cancelled: Event) -> R: ...

class takes_self_launcher_plan_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan, resources: Resources, cancelled: Event) -> R: ...

class takes_launcher_plan_resources(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan, resources: Resources) -> R: ...

class takes_self_launcher_plan_resources(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan, resources: Resources) -> R: ...

class takes_launcher_plan_cancelled(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan, cancelled: Event) -> R: ...

class takes_self_launcher_plan_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan, cancelled: Event) -> R: ...

class takes_launcher_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, launcher: str, resources: Resources, cancelled: Event) -> R: ...

class takes_self_launcher_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, resources: Resources, cancelled: Event) -> R: ...

class takes_plan_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan, resources: Resources, cancelled: Event) -> R: ...

class takes_self_plan_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan, resources: Resources, cancelled: Event) -> R: ...

class takes_launcher_plan(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan) -> R: ...

class takes_self_launcher_plan(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan) -> R: ...

class takes_launcher_resources(Protocol[R]):
    def __call__(this, /, *, launcher: str, resources: Resources) -> R: ...

class takes_self_launcher_resources(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, resources: Resources) -> R: ...

class takes_launcher_cancelled(Protocol[R]):
    def __call__(this, /, *, launcher: str, cancelled: Event) -> R: ...

class takes_self_launcher_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, cancelled: Event) -> R: ...

class takes_plan_resources(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan, resources: Resources) -> R: ...

class takes_self_plan_resources(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan, resources: Resources) -> R: ...

class takes_plan_cancelled(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan, cancelled: Event) -> R: ...

class takes_self_plan_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan, cancelled: Event) -> R: ...

class takes_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, resources: Resources, cancelled: Event) -> R: ...

class takes_self_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, resources: Resources, cancelled: Event) -> R: ...

class takes_launcher(Protocol[R]):
    def __call__(this, /, *, launcher: str) -> R: ...

class takes_self_launcher(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str) -> R: ...

class takes_plan(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan) -> R: ...

class takes_self_plan(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan) -> R: ...

class takes_resources(Protocol[R]):
    def __call__(this, /, *, resources: Resources) -> R: ...

class takes_self_resources(Protocol[R]):
    def __call__(this, /, *, self: Any, resources: Resources) -> R: ...

class takes_cancelled(Protocol[R]):
    def __call__(this, /, *, cancelled: Event) -> R: ...

class takes_self_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, cancelled: Event) -> R: ...

class takes_nothing(Protocol[R]):
    def __call__(this, /) -> R: ...

class takes_self(Protocol[R]):
    def __call__(this, /, *, self: Any) -> R: ...

class takes_launcher_plan_search_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan, search: Search, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_plan_search_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan, search: Search, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_launcher_plan_search_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan, search: Search, resources: Resources, cancelled: Event) -> R: ...

class takes_self_launcher_plan_search_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan, search: Search, resources: Resources, cancelled: Event) -> R: ...

class takes_launcher_plan_search_resources_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan, search: Search, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_plan_search_resources_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan, search: Search, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_launcher_plan_search_cancelled_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan, search: Search, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_plan_search_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan, search: Search, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_launcher_plan_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_plan_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_launcher_search_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, search: Search, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_search_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, search: Search, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_plan_search_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan, search: Search, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_plan_search_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan, search: Search, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_launcher_plan_search_resources(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan, search: Search, resources: Resources) -> R: ...

class takes_self_launcher_plan_search_resources(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan, search: Search, resources: Resources) -> R: ...

class takes_launcher_plan_search_cancelled(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan, search: Search, cancelled: Event) -> R: ...

class takes_self_launcher_plan_search_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan, search: Search, cancelled: Event) -> R: ...

class takes_launcher_plan_search_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan, search: Search, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_plan_search_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan, search: Search, report: Callable[[Trial], None]) -> R: ...

class takes_launcher_plan_resources_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_plan_resources_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_launcher_plan_cancelled_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_plan_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_launcher_search_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, launcher: str, search: Search, resources: Resources, cancelled: Event) -> R: ...

class takes_self_launcher_search_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, search: Search, resources: Resources, cancelled: Event) -> R: ...

class takes_launcher_search_resources_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, search: Search, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_search_resources_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, search: Search, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_launcher_search_cancelled_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, search: Search, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_search_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, search: Search, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_launcher_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_plan_search_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan, search: Search, resources: Resources, cancelled: Event) -> R: ...

class takes_self_plan_search_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan, search: Search, resources: Resources, cancelled: Event) -> R: ...

class takes_plan_search_resources_report(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan, search: Search, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_self_plan_search_resources_report(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan, search: Search, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_plan_search_cancelled_report(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan, search: Search, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_plan_search_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan, search: Search, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_plan_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_plan_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_search_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, search: Search, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_search_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, search: Search, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_launcher_plan_search(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan, search: Search) -> R: ...

class takes_self_launcher_plan_search(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan, search: Search) -> R: ...

class takes_launcher_plan_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, plan: RunPlan, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_plan_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, plan: RunPlan, report: Callable[[Trial], None]) -> R: ...

class takes_launcher_search_resources(Protocol[R]):
    def __call__(this, /, *, launcher: str, search: Search, resources: Resources) -> R: ...

class takes_self_launcher_search_resources(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, search: Search, resources: Resources) -> R: ...

class takes_launcher_search_cancelled(Protocol[R]):
    def __call__(this, /, *, launcher: str, search: Search, cancelled: Event) -> R: ...

class takes_self_launcher_search_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, search: Search, cancelled: Event) -> R: ...

class takes_launcher_search_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, search: Search, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_search_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, search: Search, report: Callable[[Trial], None]) -> R: ...

class takes_launcher_resources_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_resources_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_launcher_cancelled_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_plan_search_resources(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan, search: Search, resources: Resources) -> R: ...

class takes_self_plan_search_resources(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan, search: Search, resources: Resources) -> R: ...

class takes_plan_search_cancelled(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan, search: Search, cancelled: Event) -> R: ...

class takes_self_plan_search_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan, search: Search, cancelled: Event) -> R: ...

class takes_plan_search_report(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan, search: Search, report: Callable[[Trial], None]) -> R: ...

class takes_self_plan_search_report(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan, search: Search, report: Callable[[Trial], None]) -> R: ...

class takes_plan_resources_report(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_self_plan_resources_report(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_plan_cancelled_report(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_plan_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_search_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, search: Search, resources: Resources, cancelled: Event) -> R: ...

class takes_self_search_resources_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, search: Search, resources: Resources, cancelled: Event) -> R: ...

class takes_search_resources_report(Protocol[R]):
    def __call__(this, /, *, search: Search, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_self_search_resources_report(Protocol[R]):
    def __call__(this, /, *, self: Any, search: Search, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_search_cancelled_report(Protocol[R]):
    def __call__(this, /, *, search: Search, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_search_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, search: Search, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_resources_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, resources: Resources, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_launcher_search(Protocol[R]):
    def __call__(this, /, *, launcher: str, search: Search) -> R: ...

class takes_self_launcher_search(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, search: Search) -> R: ...

class takes_launcher_report(Protocol[R]):
    def __call__(this, /, *, launcher: str, report: Callable[[Trial], None]) -> R: ...

class takes_self_launcher_report(Protocol[R]):
    def __call__(this, /, *, self: Any, launcher: str, report: Callable[[Trial], None]) -> R: ...

class takes_plan_search(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan, search: Search) -> R: ...

class takes_self_plan_search(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan, search: Search) -> R: ...

class takes_plan_report(Protocol[R]):
    def __call__(this, /, *, plan: RunPlan, report: Callable[[Trial], None]) -> R: ...

class takes_self_plan_report(Protocol[R]):
    def __call__(this, /, *, self: Any, plan: RunPlan, report: Callable[[Trial], None]) -> R: ...

class takes_search_resources(Protocol[R]):
    def __call__(this, /, *, search: Search, resources: Resources) -> R: ...

class takes_self_search_resources(Protocol[R]):
    def __call__(this, /, *, self: Any, search: Search, resources: Resources) -> R: ...

class takes_search_cancelled(Protocol[R]):
    def __call__(this, /, *, search: Search, cancelled: Event) -> R: ...

class takes_self_search_cancelled(Protocol[R]):
    def __call__(this, /, *, self: Any, search: Search, cancelled: Event) -> R: ...

class takes_search_report(Protocol[R]):
    def __call__(this, /, *, search: Search, report: Callable[[Trial], None]) -> R: ...

class takes_self_search_report(Protocol[R]):
    def __call__(this, /, *, self: Any, search: Search, report: Callable[[Trial], None]) -> R: ...

class takes_resources_report(Protocol[R]):
    def __call__(this, /, *, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_self_resources_report(Protocol[R]):
    def __call__(this, /, *, self: Any, resources: Resources, report: Callable[[Trial], None]) -> R: ...

class takes_cancelled_report(Protocol[R]):
    def __call__(this, /, *, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_self_cancelled_report(Protocol[R]):
    def __call__(this, /, *, self: Any, cancelled: Event, report: Callable[[Trial], None]) -> R: ...

class takes_search(Protocol[R]):
    def __call__(this, /, *, search: Search) -> R: ...

class takes_self_search(Protocol[R]):
    def __call__(this, /, *, self: Any, search: Search) -> R: ...

class takes_report(Protocol[R]):
    def __call__(this, /, *, report: Callable[[Trial], None]) -> R: ...

class takes_self_report(Protocol[R]):
    def __call__(this, /, *, self: Any, report: Callable[[Trial], None]) -> R: ...

class takes_context(Protocol[R]):
    def __call__(this, /, *, context: TrainContext) -> R: ...

class takes_self_context(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext) -> R: ...

class takes_context_step(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, step: Step) -> R: ...

class takes_self_context_step(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, step: Step) -> R: ...

class takes_step(Protocol[R]):
    def __call__(this, /, *, step: Step) -> R: ...

class takes_self_step(Protocol[R]):
    def __call__(this, /, *, self: Any, step: Step) -> R: ...

class takes_context_step_error_attempt(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, step: Step, error: BaseException, attempt: int) -> R: ...

class takes_self_context_step_error_attempt(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, step: Step, error: BaseException, attempt: int) -> R: ...

class takes_context_step_error(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, step: Step, error: BaseException) -> R: ...

class takes_self_context_step_error(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, step: Step, error: BaseException) -> R: ...

class takes_context_step_attempt(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, step: Step, attempt: int) -> R: ...

class takes_self_context_step_attempt(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, step: Step, attempt: int) -> R: ...

class takes_context_error_attempt(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, error: BaseException, attempt: int) -> R: ...

class takes_self_context_error_attempt(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, error: BaseException, attempt: int) -> R: ...

class takes_step_error_attempt(Protocol[R]):
    def __call__(this, /, *, step: Step, error: BaseException, attempt: int) -> R: ...

class takes_self_step_error_attempt(Protocol[R]):
    def __call__(this, /, *, self: Any, step: Step, error: BaseException, attempt: int) -> R: ...

class takes_context_error(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, error: BaseException) -> R: ...

class takes_self_context_error(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, error: BaseException) -> R: ...

class takes_context_attempt(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, attempt: int) -> R: ...

class takes_self_context_attempt(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, attempt: int) -> R: ...

class takes_step_error(Protocol[R]):
    def __call__(this, /, *, step: Step, error: BaseException) -> R: ...

class takes_self_step_error(Protocol[R]):
    def __call__(this, /, *, self: Any, step: Step, error: BaseException) -> R: ...

class takes_step_attempt(Protocol[R]):
    def __call__(this, /, *, step: Step, attempt: int) -> R: ...

class takes_self_step_attempt(Protocol[R]):
    def __call__(this, /, *, self: Any, step: Step, attempt: int) -> R: ...

class takes_error_attempt(Protocol[R]):
    def __call__(this, /, *, error: BaseException, attempt: int) -> R: ...

class takes_self_error_attempt(Protocol[R]):
    def __call__(this, /, *, self: Any, error: BaseException, attempt: int) -> R: ...

class takes_error(Protocol[R]):
    def __call__(this, /, *, error: BaseException) -> R: ...

class takes_self_error(Protocol[R]):
    def __call__(this, /, *, self: Any, error: BaseException) -> R: ...

class takes_attempt(Protocol[R]):
    def __call__(this, /, *, attempt: int) -> R: ...

class takes_self_attempt(Protocol[R]):
    def __call__(this, /, *, self: Any, attempt: int) -> R: ...

class takes_context_dataset_target_format(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, dataset: Dataset, target_format: str) -> R: ...

class takes_self_context_dataset_target_format(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, dataset: Dataset, target_format: str) -> R: ...

class takes_context_dataset(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, dataset: Dataset) -> R: ...

class takes_self_context_dataset(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, dataset: Dataset) -> R: ...

class takes_context_target_format(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, target_format: str) -> R: ...

class takes_self_context_target_format(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, target_format: str) -> R: ...

class takes_dataset_target_format(Protocol[R]):
    def __call__(this, /, *, dataset: Dataset, target_format: str) -> R: ...

class takes_self_dataset_target_format(Protocol[R]):
    def __call__(this, /, *, self: Any, dataset: Dataset, target_format: str) -> R: ...

class takes_dataset(Protocol[R]):
    def __call__(this, /, *, dataset: Dataset) -> R: ...

class takes_self_dataset(Protocol[R]):
    def __call__(this, /, *, self: Any, dataset: Dataset) -> R: ...

class takes_target_format(Protocol[R]):
    def __call__(this, /, *, target_format: str) -> R: ...

class takes_self_target_format(Protocol[R]):
    def __call__(this, /, *, self: Any, target_format: str) -> R: ...

class takes_context_executor_workers(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, executor: str, workers: int | None) -> R: ...

class takes_self_context_executor_workers(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, executor: str, workers: int | None) -> R: ...

class takes_context_executor(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, executor: str) -> R: ...

class takes_self_context_executor(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, executor: str) -> R: ...

class takes_context_workers(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, workers: int | None) -> R: ...

class takes_self_context_workers(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, workers: int | None) -> R: ...

class takes_executor_workers(Protocol[R]):
    def __call__(this, /, *, executor: str, workers: int | None) -> R: ...

class takes_self_executor_workers(Protocol[R]):
    def __call__(this, /, *, self: Any, executor: str, workers: int | None) -> R: ...

class takes_executor(Protocol[R]):
    def __call__(this, /, *, executor: str) -> R: ...

class takes_self_executor(Protocol[R]):
    def __call__(this, /, *, self: Any, executor: str) -> R: ...

class takes_workers(Protocol[R]):
    def __call__(this, /, *, workers: int | None) -> R: ...

class takes_self_workers(Protocol[R]):
    def __call__(this, /, *, self: Any, workers: int | None) -> R: ...

class takes_context_data_path_checkpoint(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, data_path: Path | None, checkpoint: Checkpoint | None) -> R: ...

class takes_self_context_data_path_checkpoint(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, data_path: Path | None, checkpoint: Checkpoint | None) -> R: ...

class takes_context_data_path(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, data_path: Path | None) -> R: ...

class takes_self_context_data_path(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, data_path: Path | None) -> R: ...

class takes_context_checkpoint(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, checkpoint: Checkpoint | None) -> R: ...

class takes_self_context_checkpoint(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, checkpoint: Checkpoint | None) -> R: ...

class takes_data_path_checkpoint(Protocol[R]):
    def __call__(this, /, *, data_path: Path | None, checkpoint: Checkpoint | None) -> R: ...

class takes_self_data_path_checkpoint(Protocol[R]):
    def __call__(this, /, *, self: Any, data_path: Path | None, checkpoint: Checkpoint | None) -> R: ...

class takes_data_path(Protocol[R]):
    def __call__(this, /, *, data_path: Path | None) -> R: ...

class takes_self_data_path(Protocol[R]):
    def __call__(this, /, *, self: Any, data_path: Path | None) -> R: ...

class takes_checkpoint(Protocol[R]):
    def __call__(this, /, *, checkpoint: Checkpoint | None) -> R: ...

class takes_self_checkpoint(Protocol[R]):
    def __call__(this, /, *, self: Any, checkpoint: Checkpoint | None) -> R: ...

class takes_framework_session(Protocol[R]):
    def __call__(this, /, *, framework: str, session: AutologSession) -> R: ...

class takes_self_framework_session(Protocol[R]):
    def __call__(this, /, *, self: Any, framework: str, session: AutologSession) -> R: ...

class takes_framework(Protocol[R]):
    def __call__(this, /, *, framework: str) -> R: ...

class takes_self_framework(Protocol[R]):
    def __call__(this, /, *, self: Any, framework: str) -> R: ...

class takes_session(Protocol[R]):
    def __call__(this, /, *, session: AutologSession) -> R: ...

class takes_self_session(Protocol[R]):
    def __call__(this, /, *, self: Any, session: AutologSession) -> R: ...

class takes_context_result(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, result: Any) -> R: ...

class takes_self_context_result(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, result: Any) -> R: ...

class takes_result(Protocol[R]):
    def __call__(this, /, *, result: Any) -> R: ...

class takes_self_result(Protocol[R]):
    def __call__(this, /, *, self: Any, result: Any) -> R: ...

class takes_context_model(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, model: Model) -> R: ...

class takes_self_context_model(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, model: Model) -> R: ...

class takes_model(Protocol[R]):
    def __call__(this, /, *, model: Model) -> R: ...

class takes_self_model(Protocol[R]):
    def __call__(this, /, *, self: Any, model: Model) -> R: ...

class takes_context_step_result_error(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, step: Step, result: StepResult | None, error: BaseException | None) -> R: ...

class takes_self_context_step_result_error(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, step: Step, result: StepResult | None, error: BaseException | None) -> R: ...

class takes_context_step_result(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, step: Step, result: StepResult | None) -> R: ...

class takes_self_context_step_result(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, step: Step, result: StepResult | None) -> R: ...

class takes_context_step_error_of_step_finished(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, step: Step, error: BaseException | None) -> R: ...

class takes_self_context_step_error_of_step_finished(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, step: Step, error: BaseException | None) -> R: ...

class takes_context_result_error(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, result: StepResult | None, error: BaseException | None) -> R: ...

class takes_self_context_result_error(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, result: StepResult | None, error: BaseException | None) -> R: ...

class takes_step_result_error(Protocol[R]):
    def __call__(this, /, *, step: Step, result: StepResult | None, error: BaseException | None) -> R: ...

class takes_self_step_result_error(Protocol[R]):
    def __call__(this, /, *, self: Any, step: Step, result: StepResult | None, error: BaseException | None) -> R: ...

class takes_context_result_of_step_finished(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, result: StepResult | None) -> R: ...

class takes_self_context_result_of_step_finished(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, result: StepResult | None) -> R: ...

class takes_context_error_of_step_finished(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, error: BaseException | None) -> R: ...

class takes_self_context_error_of_step_finished(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, error: BaseException | None) -> R: ...

class takes_step_result(Protocol[R]):
    def __call__(this, /, *, step: Step, result: StepResult | None) -> R: ...

class takes_self_step_result(Protocol[R]):
    def __call__(this, /, *, self: Any, step: Step, result: StepResult | None) -> R: ...

class takes_step_error_of_step_finished(Protocol[R]):
    def __call__(this, /, *, step: Step, error: BaseException | None) -> R: ...

class takes_self_step_error_of_step_finished(Protocol[R]):
    def __call__(this, /, *, self: Any, step: Step, error: BaseException | None) -> R: ...

class takes_result_error(Protocol[R]):
    def __call__(this, /, *, result: StepResult | None, error: BaseException | None) -> R: ...

class takes_self_result_error(Protocol[R]):
    def __call__(this, /, *, self: Any, result: StepResult | None, error: BaseException | None) -> R: ...

class takes_result_of_step_finished(Protocol[R]):
    def __call__(this, /, *, result: StepResult | None) -> R: ...

class takes_self_result_of_step_finished(Protocol[R]):
    def __call__(this, /, *, self: Any, result: StepResult | None) -> R: ...

class takes_error_of_step_finished(Protocol[R]):
    def __call__(this, /, *, error: BaseException | None) -> R: ...

class takes_self_error_of_step_finished(Protocol[R]):
    def __call__(this, /, *, self: Any, error: BaseException | None) -> R: ...

class takes_context_params(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, params: Sequence[ParamsEvent]) -> R: ...

class takes_self_context_params(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, params: Sequence[ParamsEvent]) -> R: ...

class takes_params(Protocol[R]):
    def __call__(this, /, *, params: Sequence[ParamsEvent]) -> R: ...

class takes_self_params(Protocol[R]):
    def __call__(this, /, *, self: Any, params: Sequence[ParamsEvent]) -> R: ...

class takes_context_points(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, points: Sequence[MetricsEvent]) -> R: ...

class takes_self_context_points(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, points: Sequence[MetricsEvent]) -> R: ...

class takes_points(Protocol[R]):
    def __call__(this, /, *, points: Sequence[MetricsEvent]) -> R: ...

class takes_self_points(Protocol[R]):
    def __call__(this, /, *, self: Any, points: Sequence[MetricsEvent]) -> R: ...

class takes_context_messages(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, messages: Sequence[MessageEvent]) -> R: ...

class takes_self_context_messages(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, messages: Sequence[MessageEvent]) -> R: ...

class takes_messages(Protocol[R]):
    def __call__(this, /, *, messages: Sequence[MessageEvent]) -> R: ...

class takes_self_messages(Protocol[R]):
    def __call__(this, /, *, self: Any, messages: Sequence[MessageEvent]) -> R: ...

class takes_context_artifacts(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, artifacts: Sequence[ArtifactEvent]) -> R: ...

class takes_self_context_artifacts(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, artifacts: Sequence[ArtifactEvent]) -> R: ...

class takes_artifacts(Protocol[R]):
    def __call__(this, /, *, artifacts: Sequence[ArtifactEvent]) -> R: ...

class takes_self_artifacts(Protocol[R]):
    def __call__(this, /, *, self: Any, artifacts: Sequence[ArtifactEvent]) -> R: ...

class takes_context_figures(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, figures: Sequence[SystemEvent]) -> R: ...

class takes_self_context_figures(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, figures: Sequence[SystemEvent]) -> R: ...

class takes_figures(Protocol[R]):
    def __call__(this, /, *, figures: Sequence[SystemEvent]) -> R: ...

class takes_self_figures(Protocol[R]):
    def __call__(this, /, *, self: Any, figures: Sequence[SystemEvent]) -> R: ...

class takes_context_progress(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, progress: ProgressEvent) -> R: ...

class takes_self_context_progress(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, progress: ProgressEvent) -> R: ...

class takes_progress(Protocol[R]):
    def __call__(this, /, *, progress: ProgressEvent) -> R: ...

class takes_self_progress(Protocol[R]):
    def __call__(this, /, *, self: Any, progress: ProgressEvent) -> R: ...

class takes_context_statuses(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, statuses: Sequence[RunStartEvent | RunEndEvent]) -> R: ...

class takes_self_context_statuses(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, statuses: Sequence[RunStartEvent | RunEndEvent]) -> R: ...

class takes_statuses(Protocol[R]):
    def __call__(this, /, *, statuses: Sequence[RunStartEvent | RunEndEvent]) -> R: ...

class takes_self_statuses(Protocol[R]):
    def __call__(this, /, *, self: Any, statuses: Sequence[RunStartEvent | RunEndEvent]) -> R: ...

class takes_context_undelivered(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, undelivered: int) -> R: ...

class takes_self_context_undelivered(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, undelivered: int) -> R: ...

class takes_undelivered(Protocol[R]):
    def __call__(this, /, *, undelivered: int) -> R: ...

class takes_self_undelivered(Protocol[R]):
    def __call__(this, /, *, self: Any, undelivered: int) -> R: ...

class takes_context_outcome(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, outcome: Outcome) -> R: ...

class takes_self_context_outcome(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, outcome: Outcome) -> R: ...

class takes_outcome(Protocol[R]):
    def __call__(this, /, *, outcome: Outcome) -> R: ...

class takes_self_outcome(Protocol[R]):
    def __call__(this, /, *, self: Any, outcome: Outcome) -> R: ...

class takes_context_outcome_error(Protocol[R]):
    def __call__(this, /, *, context: TrainContext, outcome: Outcome, error: BaseException | None) -> R: ...

class takes_self_context_outcome_error(Protocol[R]):
    def __call__(this, /, *, self: Any, context: TrainContext, outcome: Outcome, error: BaseException | None) -> R: ...

class takes_outcome_error(Protocol[R]):
    def __call__(this, /, *, outcome: Outcome, error: BaseException | None) -> R: ...

class takes_self_outcome_error(Protocol[R]):
    def __call__(this, /, *, self: Any, outcome: Outcome, error: BaseException | None) -> R: ...

launch_function = takes_launcher_plan_resources_cancelled[R] | takes_self_launcher_plan_resources_cancelled[R] | takes_launcher_plan_resources[R] | takes_self_launcher_plan_resources[R] | takes_launcher_plan_cancelled[R] | takes_self_launcher_plan_cancelled[R] | takes_launcher_resources_cancelled[R] | takes_self_launcher_resources_cancelled[R] | takes_plan_resources_cancelled[R] | takes_self_plan_resources_cancelled[R] | takes_launcher_plan[R] | takes_self_launcher_plan[R] | takes_launcher_resources[R] | takes_self_launcher_resources[R] | takes_launcher_cancelled[R] | takes_self_launcher_cancelled[R] | takes_plan_resources[R] | takes_self_plan_resources[R] | takes_plan_cancelled[R] | takes_self_plan_cancelled[R] | takes_resources_cancelled[R] | takes_self_resources_cancelled[R] | takes_launcher[R] | takes_self_launcher[R] | takes_plan[R] | takes_self_plan[R] | takes_resources[R] | takes_self_resources[R] | takes_cancelled[R] | takes_self_cancelled[R] | takes_nothing[R] | takes_self[R]
launch_answer = TypeVar('launch_answer', bound=launch_function[RunOutcome | None])
launch_wrapper = TypeVar('launch_wrapper', bound=launch_function[Generator[None, RunOutcome, RunOutcome | None]])
class launch_marker:
    @overload
    def __call__(self, function: launch_answer, /) -> launch_answer: ...
    @overload
    def __call__(self, *, wrapper: Literal[True], tryfirst: bool = ..., trylast: bool = ...) -> Callable[[launch_wrapper], launch_wrapper]: ...
    @overload
    def __call__(self, *, wrapper: Literal[False] = ..., tryfirst: bool = ..., trylast: bool = ...) -> Callable[[launch_answer], launch_answer]: ...

tune_function = takes_launcher_plan_search_resources_cancelled_report[R] | takes_self_launcher_plan_search_resources_cancelled_report[R] | takes_launcher_plan_search_resources_cancelled[R] | takes_self_launcher_plan_search_resources_cancelled[R] | takes_launcher_plan_search_resources_report[R] | takes_self_launcher_plan_search_resources_report[R] | takes_launcher_plan_search_cancelled_report[R] | takes_self_launcher_plan_search_cancelled_report[R] | takes_launcher_plan_resources_cancelled_report[R] | takes_self_launcher_plan_resources_cancelled_report[R] | takes_launcher_search_resources_cancelled_report[R] | takes_self_launcher_search_resources_cancelled_report[R] | takes_plan_search_resources_cancelled_report[R] | takes_self_plan_search_resources_cancelled_report[R] | takes_launcher_plan_search_resources[R] | takes_self_launcher_plan_search_resources[R] | takes_launcher_plan_search_cancelled[R] | takes_self_launcher_plan_search_cancelled[R] | takes_launcher_plan_search_report[R] | takes_self_launcher_plan_search_report[R] | takes_launcher_plan_resources_cancelled[R] | takes_self_launcher_plan_resources_cancelled[R] | takes_launcher_plan_resources_report[R] | takes_self_launcher_plan_resources_report[R] | takes_launcher_plan_cancelled_report[R] | takes_self_launcher_plan_cancelled_report[R] | takes_launcher_search_resources_cancelled[R] | takes_self_launcher_search_resources_cancelled[R] | takes_launcher_search_resources_report[R] | takes_self_launcher_search_resources_report[R] | takes_launcher_search_cancelled_report[R] | takes_self_launcher_search_cancelled_report[R] | takes_launcher_resources_cancelled_report[R] | takes_self_launcher_resources_cancelled_report[R] | takes_plan_search_resources_cancelled[R] | takes_self_plan_search_resources_cancelled[R] | takes_plan_search_resources_report[R] | takes_self_plan_search_resources_report[R] | takes_plan_search_cancelled_report[R] | takes_self_plan_search_cancelled_report[R] | takes_plan_resources_cancelled_report[R] | takes_self_plan_resources_cancelled_report[R] | takes_search_resources_cancelled_report[R] | takes_self_search_resources_cancelled_report[R] | takes_launcher_plan_search[R] | takes_self_launcher_plan_search[R] | takes_launcher_plan_resources[R] | takes_self_launcher_plan_resources[R] | takes_launcher_plan_cancelled[R] | takes_self_launcher_plan_cancelled[R] | takes_launcher_plan_report[R] | takes_self_launcher_plan_report[R] | takes_launcher_search_resources[R] | takes_self_launcher_search_resources[R] | takes_launcher_search_cancelled[R] | takes_self_launcher_search_cancelled[R] | takes_launcher_search_report[R] | takes_self_launcher_search_report[R] | takes_launcher_resources_cancelled[R] | takes_self_launcher_resources_cancelled[R] | takes_launcher_resources_report[R] | takes_self_launcher_resources_report[R] | takes_launcher_cancelled_report[R] | takes_self_launcher_cancelled_report[R] | takes_plan_search_resources[R] | takes_self_plan_search_resources[R] | takes_plan_search_cancelled[R] | takes_self_plan_search_cancelled[R] | takes_plan_search_report[R] | takes_self_plan_search_report[R] | takes_plan_resources_cancelled[R] | takes_self_plan_resources_cancelled[R] | takes_plan_resources_report[R] | takes_self_plan_resources_report[R] | takes_plan_cancelled_report[R] | takes_self_plan_cancelled_report[R] | takes_search_resources_cancelled[R] | takes_self_search_resources_cancelled[R] | takes_search_resources_report[R] | takes_self_search_resources_report[R] | takes_search_cancelled_report[R] | takes_self_search_cancelled_report[R] | takes_resources_cancelled_report[R] | takes_self_resources_cancelled_report[R] | takes_launcher_plan[R] | takes_self_launcher_plan[R] | takes_launcher_search[R] | takes_self_launcher_search[R] | takes_launcher_resources[R] | takes_self_launcher_resources[R] | takes_launcher_cancelled[R] | takes_self_launcher_cancelled[R] | takes_launcher_report[R] | takes_self_launcher_report[R] | takes_plan_search[R] | takes_self_plan_search[R] | takes_plan_resources[R] | takes_self_plan_resources[R] | takes_plan_cancelled[R] | takes_self_plan_cancelled[R] | takes_plan_report[R] | takes_self_plan_report[R] | takes_search_resources[R] | takes_self_search_resources[R] | takes_search_cancelled[R] | takes_self_search_cancelled[R] | takes_search_report[R] | takes_self_search_report[R] | takes_resources_cancelled[R] | takes_self_resources_cancelled[R] | takes_resources_report[R] | takes_self_resources_report[R] | takes_cancelled_report[R] | takes_self_cancelled_report[R] | takes_launcher[R] | takes_self_launcher[R] | takes_plan[R] | takes_self_plan[R] | takes_search[R] | takes_self_search[R] | takes_resources[R] | takes_self_resources[R] | takes_cancelled[R] | takes_self_cancelled[R] | takes_report[R] | takes_self_report[R] | takes_nothing[R] | takes_self[R]
tune_answer = TypeVar('tune_answer', bound=tune_function[SearchOutcome | None])
tune_wrapper = TypeVar('tune_wrapper', bound=tune_function[Generator[None, SearchOutcome, SearchOutcome | None]])
class tune_marker:
    @overload
    def __call__(self, function: tune_answer, /) -> tune_answer: ...
    @overload
    def __call__(self, *, wrapper: Literal[True], tryfirst: bool = ..., trylast: bool = ...) -> Callable[[tune_wrapper], tune_wrapper]: ...
    @overload
    def __call__(self, *, wrapper: Literal[False] = ..., tryfirst: bool = ..., trylast: bool = ...) -> Callable[[tune_answer], tune_answer]: ...

run_started_function = takes_context[R] | takes_self_context[R] | takes_nothing[R] | takes_self[R]
run_started_answer = TypeVar('run_started_answer', bound=run_started_function[None])
class run_started_marker:
    @overload
    def __call__(self, function: run_started_answer, /) -> run_started_answer: ...
    @overload
    def __call__(self, *, tryfirst: bool = ..., trylast: bool = ...) -> Callable[[run_started_answer], run_started_answer]: ...

resolve_checkpoint_function = takes_context[R] | takes_self_context[R] | takes_nothing[R] | takes_self[R]
resolve_checkpoint_answer = TypeVar('resolve_checkpoint_answer', bound=resolve_checkpoint_function[Checkpoint | None])
resolve_checkpoint_wrapper = TypeVar('resolve_checkpoint_wrapper', bound=resolve_checkpoint_function[Generator[None, Checkpoint | None, Checkpoint | None]])
class resolve_checkpoint_marker:
    @overload
    def __call__(self, function: resolve_checkpoint_answer, /) -> resolve_checkpoint_answer: ...
    @overload
    def __call__(self, *, wrapper: Literal[True], tryfirst: bool = ..., trylast: bool = ...) -> Callable[[resolve_checkpoint_wrapper], resolve_checkpoint_wrapper]: ...
    @overload
    def __call__(self, *, wrapper: Literal[False] = ..., tryfirst: bool = ..., trylast: bool = ...) -> Callable[[resolve_checkpoint_answer], resolve_checkpoint_answer]: ...

step_started_function = takes_context_step[R] | takes_self_context_step[R] | takes_context[R] | takes_self_context[R] | takes_step[R] | takes_self_step[R] | takes_nothing[R] | takes_self[R]
step_started_answer = TypeVar('step_started_answer', bound=step_started_function[None])
class step_started_marker:
    @overload
    def __call__(self, function: step_started_answer, /) -> step_started_answer: ...
    @overload
    def __call__(self, *, tryfirst: bool = ..., trylast: bool = ...) -> Callable[[step_started_answer], step_started_answer]: ...

run_step_function = takes_context_step[R] | takes_self_context_step[R] | takes_context[R] | takes_self_context[R] | takes_step[R] | takes_self_step[R] | takes_nothing[R] | takes_self[R]
run_step_answer = TypeVar('run_step_answer', bound=run_step_function[StepResult | None])
run_step_wrapper = TypeVar('run_step_wrapper', bound=run_step_function[Generator[None, StepResult, StepResult | None]])
class run_step_marker:
    @overload
    def __call__(self, function: run_step_answer, /) -> run_step_answer: ...
    @overload
    def __call__(self, *, wrapper: Literal[True], tryfirst: bool = ..., trylast: bool = ...) -> Callable[[run_step_wrapper], run_step_wrapper]: ...
    @overload
    def __call__(self, *, wrapper: Literal[False] = ..., tryfirst: bool = ..., trylast: bool = ...) -> Callable[[run_step_answer], run_step_answer]: ...

retry_step_function = takes_context_step_error_attempt[R] | takes_self_context_step_error_attempt[R] | takes_context_step_error[R] | takes_self_context_step_error[R] | takes_context_step_attempt[R] | takes_self_context_step_attempt[R] | takes_context_error_attempt[R] | takes_self_context_error_attempt[R] | takes_step_error_attempt[R] | takes_self_step_error_attempt[R] | takes_context_step[R] | takes_self_context_step[R] | takes_context_error[R] | takes_self_context_error[R] | takes_context_attempt[R] | takes_self_context_attempt[R] | takes_step_error[R] | takes_self_step_error[R] | takes_step_attempt[R] | takes_self_step_attempt[R] | takes_error_attempt[R] | takes_self_error_attempt[R] | takes_context[R] | takes_self_context[R] | takes_step[R] | takes_self_step[R] | takes_error[R] | takes_self_error[R] | takes_attempt[R] | takes_self_attempt[R] | takes_nothing[R] | takes_self[R]
retry_step_answer = TypeVar('retry_step_answer', bound=retry_step_function[float | None])
retry_step_wrapper = TypeVar('retry_step_wrapper', bound=retry_step_function[Generator[None, float | None, float | None]])
class retry_step_marker:
    @overload
    def __call__(self, function: retry_step_answer, /) -> retry_step_answer: ...
    @overload
    def __call__(self, *, wrapper: Literal[True], tryfirst: bool = ..., trylast: bool = ...) -> Callable[[retry_step_wrapper], retry_step_wrapper]: ...
    @overload
    def __call__(self, *, wrapper: Literal[False] = ..., tryfirst: bool = ..., trylast: bool = ...) -> Callable[[retry_step_answer], retry_step_answer]: ...

export_function = takes_context[R] | takes_self_context[R] | takes_nothing[R] | takes_self[R]
export_answer = TypeVar('export_answer', bound=export_function[Dataset | None])
export_wrapper = TypeVar('export_wrapper', bound=export_function[Generator[None, Dataset, Dataset | None]])
class export_marker:
    @overload
    def __call__(self, function: export_answer, /) -> export_answer: ...
    @overload
    def __call__(self, *, wrapper: Literal[True], tryfirst: bool = ..., trylast: bool = ...) -> Callable[[export_wrapper], export_wrapper]: ...
    @overload
    def __call__(self, *, wrapper: Literal[False] = ..., tryfirst: bool = ..., trylast: bool = ...) -> Callable[[export_answer], export_answer]: ...

convert_function = takes_context_dataset_target_format[R] | takes_self_context_dataset_target_format[R] | takes_context_dataset[R] | takes_self_context_dataset[R] | takes_context_target_format[R] | takes_self_context_target_format[R] | takes_dataset_target_format[R] | takes_self_dataset_target_format[R] | takes_context[R] | takes_self_context[R] | takes_dataset[R] | takes_self_dataset[R] | takes_target_format[R] | takes_self_target_format[R] | takes_nothing[R] | takes_self[R]
convert_answer = TypeVar('convert_answer', bound=convert_function[Dataset | None])
convert_wrapper = TypeVar('convert_wrapper', bound=convert_function[Generator[None, Dataset, Dataset | None]])
class convert_marker:
    @overload
    def __call__(self, function: convert_answer, /) -> convert_answer: ...
    @overload
    def __call__(self, *, wrapper: Literal[True], tryfirst: bool = ..., trylast: bool = ...) -> Callable[[convert_wrapper], convert_wrapper]: ...
    @overload
    def __call__(self, *, wrapper: Literal[False] = ..., tryfirst: bool = ..., trylast: bool = ...) -> Callable[[convert_answer], convert_answer]: ...

open_dataset_function = takes_dataset[R] | takes_self_dataset[R] | takes_nothing[R] | takes_self[R]
open_dataset_answer = TypeVar('open_dataset_answer', bound=open_dataset_function[DatasetReader | None])
open_dataset_wrapper = TypeVar('open_dataset_wrapper', bound=open_dataset_function[Generator[None, DatasetReader, DatasetReader | None]])
class open_dataset_marker:
    @overload
    def __call__(self, function: open_dataset_answer, /) -> open_dataset_answer: ...
    @overload
    def __call__(self, *, wrapper: Literal[True], tryfirst: bool = ..., trylast: bool = ...) -> Callable[[open_dataset_wrapper], open_dataset_wrapper]: ...
    @overload
    def __call__(self, *, wrapper: Literal[False] = ..., tryfirst: bool = ..., trylast: bool = ...) -> Callable[[open_dataset_answer], open_dataset_answer]: ...

open_executor_function = takes_context_executor_workers[R] | takes_self_context_executor_workers[R] | takes_context_executor[R] | takes_self_context_executor[R] | takes_context_workers[R] | takes_self_context_workers[R] | takes_executor_workers[R] | takes_self_executor_workers[R] | takes_context[R] | takes_self_context[R] | takes_executor[R] | takes_self_executor[R] | takes_workers[R] | takes_self_workers[R] | takes_nothing[R] | takes_self[R]
open_executor_answer = TypeVar('open_executor_answer', bound=open_executor_function[Executor | None])
open_executor_wrapper = TypeVar('open_executor_wrapper', bound=open_executor_function[Generator[None, Executor, Executor | None]])
class open_executor_marker:
    @overload
    def __call__(self, function: open_executor_answer, /) -> open_executor_answer: ...
    @overload
    def __call__(self, *, wrapper: Literal[True], tryfirst: bool = ..., trylast: bool = ...) -> Callable[[open_executor_wrapper], open_executor_wrapper]: ...
    @overload
    def __call__(self, *, wrapper: Literal[False] = ..., tryfirst: bool = ..., trylast: bool = ...) -> Callable[[open_executor_answer], open_executor_answer]: ...

pre_execute_function = takes_context[R] | takes_self_context[R] | takes_nothing[R] | takes_self[R]
pre_execute_answer = TypeVar('pre_execute_answer', bound=pre_execute_function[Changes | None])
pre_execute_wrapper = TypeVar('pre_execute_wrapper', bound=pre_execute_function[Generator[None, list[Changes], list[Changes]]])
class pre_execute_marker:
    @overload
    def __call__(self, function: pre_execute_answer, /) -> pre_execute_answer: ...
    @overload
    def __call__(self, *, wrapper: Literal[True], tryfirst: bool = ..., trylast: bool = ...) -> Callable[[pre_execute_wrapper], pre_execute_wrapper]: ...
    @overload
    def __call__(self, *, wrapper: Literal[False] = ..., tryfirst: bool = ..., trylast: bool = ...) -> Callable[[pre_execute_answer], pre_execute_answer]: ...

execute_function = takes_context_data_path_checkpoint[R] | takes_self_context_data_path_checkpoint[R] | takes_context_data_path[R] | takes_self_context_data_path[R] | takes_context_checkpoint[R] | takes_self_context_checkpoint[R] | takes_data_path_checkpoint[R] | takes_self_data_path_checkpoint[R] | takes_context[R] | takes_self_context[R] | takes_data_path[R] | takes_self_data_path[R] | takes_checkpoint[R] | takes_self_checkpoint[R] | takes_nothing[R] | takes_self[R]
execute_answer = TypeVar('execute_answer', bound=execute_function[Any])
execute_wrapper = TypeVar('execute_wrapper', bound=execute_function[Generator[None, Any, Any]])
class execute_marker:
    @overload
    def __call__(self, function: execute_answer, /) -> execute_answer: ...
    @overload
    def __call__(self, *, wrapper: Literal[True], tryfirst: bool = ..., trylast: bool = ...) -> Callable[[execute_wrapper], execute_wrapper]: ...
    @overload
    def __call__(self, *, wrapper: Literal[False] = ..., tryfirst: bool = ..., trylast: bool = ...) -> Callable[[execute_answer], execute_answer]: ...

autolog_function = takes_framework_session[R] | takes_self_framework_session[R] | takes_framework[R] | takes_self_framework[R] | takes_session[R] | takes_self_session[R] | takes_nothing[R] | takes_self[R]
autolog_answer = TypeVar('autolog_answer', bound=autolog_function[AbstractContextManager[Any] | None])
autolog_wrapper = TypeVar('autolog_wrapper', bound=autolog_function[Generator[None, AbstractContextManager[Any], AbstractContextManager[Any] | None]])
class autolog_marker:
    @overload
    def __call__(self, function: autolog_answer, /) -> autolog_answer: ...
    @overload
    def __call__(self, *, wrapper: Literal[True], tryfirst: bool = ..., trylast: bool = ...) -> Callable[[autolog_wrapper], autolog_wrapper]: ...
    @overload
    def __call__(self, *, wrapper: Literal[False] = ..., tryfirst: bool = ..., trylast: bool = ...) -> Callable[[autolog_answer], autolog_answer]: ...

upload_function = takes_context_result[R] | takes_self_context_result[R] | takes_context[R] | takes_self_context[R] | takes_result[R] | takes_self_result[R] | takes_nothing[R] | takes_self[R]
upload_answer = TypeVar('upload_answer', bound=upload_function[Model | None])
upload_wrapper = TypeVar('upload_wrapper', bound=upload_function[Generator[None, Model | None, Model | None]])
class upload_marker:
    @overload
    def __call__(self, function: upload_answer, /) -> upload_answer: ...
    @overload
    def __call__(self, *, wrapper: Literal[True], tryfirst: bool = ..., trylast: bool = ...) -> Callable[[upload_wrapper], upload_wrapper]: ...
    @overload
    def __call__(self, *, wrapper: Literal[False] = ..., tryfirst: bool = ..., trylast: bool = ...) -> Callable[[upload_answer], upload_answer]: ...

uploaded_function = takes_context_model[R] | takes_self_context_model[R] | takes_context[R] | takes_self_context[R] | takes_model[R] | takes_self_model[R] | takes_nothing[R] | takes_self[R]
uploaded_answer = TypeVar('uploaded_answer', bound=uploaded_function[None])
class uploaded_marker:
    @overload
    def __call__(self, function: uploaded_answer, /) -> uploaded_answer: ...
    @overload
    def __call__(self, *, tryfirst: bool = ..., trylast: bool = ...) -> Callable[[uploaded_answer], uploaded_answer]: ...

step_finished_function = takes_context_step_result_error[R] | takes_self_context_step_result_error[R] | takes_context_step_result[R] | takes_self_context_step_result[R] | takes_context_step_error_of_step_finished[R] | takes_self_context_step_error_of_step_finished[R] | takes_context_result_error[R] | takes_self_context_result_error[R] | takes_step_result_error[R] | takes_self_step_result_error[R] | takes_context_step[R] | takes_self_context_step[R] | takes_context_result_of_step_finished[R] | takes_self_context_result_of_step_finished[R] | takes_context_error_of_step_finished[R] | takes_self_context_error_of_step_finished[R] | takes_step_result[R] | takes_self_step_result[R] | takes_step_error_of_step_finished[R] | takes_self_step_error_of_step_finished[R] | takes_result_error[R] | takes_self_result_error[R] | takes_context[R] | takes_self_context[R] | takes_step[R] | takes_self_step[R] | takes_result_of_step_finished[R] | takes_self_result_of_step_finished[R] | takes_error_of_step_finished[R] | takes_self_error_of_step_finished[R] | takes_nothing[R] | takes_self[R]
step_finished_answer = TypeVar('step_finished_answer', bound=step_finished_function[None])
class step_finished_marker:
    @overload
    def __call__(self, function: step_finished_answer, /) -> step_finished_answer: ...
    @overload
    def __call__(self, *, tryfirst: bool = ..., trylast: bool = ...) -> Callable[[step_finished_answer], step_finished_answer]: ...

log_params_function = takes_context_params[R] | takes_self_context_params[R] | takes_context[R] | takes_self_context[R] | takes_params[R] | takes_self_params[R] | takes_nothing[R] | takes_self[R]
log_params_answer = TypeVar('log_params_answer', bound=log_params_function[None])
class log_params_marker:
    @overload
    def __call__(self, function: log_params_answer, /) -> log_params_answer: ...
    @overload
    def __call__(self, *, tryfirst: bool = ..., trylast: bool = ...) -> Callable[[log_params_answer], log_params_answer]: ...

log_metrics_function = takes_context_points[R] | takes_self_context_points[R] | takes_context[R] | takes_self_context[R] | takes_points[R] | takes_self_points[R] | takes_nothing[R] | takes_self[R]
log_metrics_answer = TypeVar('log_metrics_answer', bound=log_metrics_function[None])
class log_metrics_marker:
    @overload
    def __call__(self, function: log_metrics_answer, /) -> log_metrics_answer: ...
    @overload
    def __call__(self, *, tryfirst: bool = ..., trylast: bool = ...) -> Callable[[log_metrics_answer], log_metrics_answer]: ...

log_message_function = takes_context_messages[R] | takes_self_context_messages[R] | takes_context[R] | takes_self_context[R] | takes_messages[R] | takes_self_messages[R] | takes_nothing[R] | takes_self[R]
log_message_answer = TypeVar('log_message_answer', bound=log_message_function[None])
class log_message_marker:
    @overload
    def __call__(self, function: log_message_answer, /) -> log_message_answer: ...
    @overload
    def __call__(self, *, tryfirst: bool = ..., trylast: bool = ...) -> Callable[[log_message_answer], log_message_answer]: ...

log_artifact_function = takes_context_artifacts[R] | takes_self_context_artifacts[R] | takes_context[R] | takes_self_context[R] | takes_artifacts[R] | takes_self_artifacts[R] | takes_nothing[R] | takes_self[R]
log_artifact_answer = TypeVar('log_artifact_answer', bound=log_artifact_function[None])
class log_artifact_marker:
    @overload
    def __call__(self, function: log_artifact_answer, /) -> log_artifact_answer: ...
    @overload
    def __call__(self, *, tryfirst: bool = ..., trylast: bool = ...) -> Callable[[log_artifact_answer], log_artifact_answer]: ...

log_system_function = takes_context_figures[R] | takes_self_context_figures[R] | takes_context[R] | takes_self_context[R] | takes_figures[R] | takes_self_figures[R] | takes_nothing[R] | takes_self[R]
log_system_answer = TypeVar('log_system_answer', bound=log_system_function[None])
class log_system_marker:
    @overload
    def __call__(self, function: log_system_answer, /) -> log_system_answer: ...
    @overload
    def __call__(self, *, tryfirst: bool = ..., trylast: bool = ...) -> Callable[[log_system_answer], log_system_answer]: ...

progress_changed_function = takes_context_progress[R] | takes_self_context_progress[R] | takes_context[R] | takes_self_context[R] | takes_progress[R] | takes_self_progress[R] | takes_nothing[R] | takes_self[R]
progress_changed_answer = TypeVar('progress_changed_answer', bound=progress_changed_function[None])
class progress_changed_marker:
    @overload
    def __call__(self, function: progress_changed_answer, /) -> progress_changed_answer: ...
    @overload
    def __call__(self, *, tryfirst: bool = ..., trylast: bool = ...) -> Callable[[progress_changed_answer], progress_changed_answer]: ...

log_status_function = takes_context_statuses[R] | takes_self_context_statuses[R] | takes_context[R] | takes_self_context[R] | takes_statuses[R] | takes_self_statuses[R] | takes_nothing[R] | takes_self[R]
log_status_answer = TypeVar('log_status_answer', bound=log_status_function[None])
class log_status_marker:
    @overload
    def __call__(self, function: log_status_answer, /) -> log_status_answer: ...
    @overload
    def __call__(self, *, tryfirst: bool = ..., trylast: bool = ...) -> Callable[[log_status_answer], log_status_answer]: ...

sink_closed_function = takes_context_undelivered[R] | takes_self_context_undelivered[R] | takes_context[R] | takes_self_context[R] | takes_undelivered[R] | takes_self_undelivered[R] | takes_nothing[R] | takes_self[R]
sink_closed_answer = TypeVar('sink_closed_answer', bound=sink_closed_function[None])
class sink_closed_marker:
    @overload
    def __call__(self, function: sink_closed_answer, /) -> sink_closed_answer: ...
    @overload
    def __call__(self, *, tryfirst: bool = ..., trylast: bool = ...) -> Callable[[sink_closed_answer], sink_closed_answer]: ...

cleanup_function = takes_context_outcome[R] | takes_self_context_outcome[R] | takes_context[R] | takes_self_context[R] | takes_outcome[R] | takes_self_outcome[R] | takes_nothing[R] | takes_self[R]
cleanup_answer = TypeVar('cleanup_answer', bound=cleanup_function[None])
class cleanup_marker:
    @overload
    def __call__(self, function: cleanup_answer, /) -> cleanup_answer: ...
    @overload
    def __call__(self, *, tryfirst: bool = ..., trylast: bool = ...) -> Callable[[cleanup_answer], cleanup_answer]: ...

run_finished_function = takes_context_outcome_error[R] | takes_self_context_outcome_error[R] | takes_context_outcome[R] | takes_self_context_outcome[R] | takes_context_error_of_step_finished[R] | takes_self_context_error_of_step_finished[R] | takes_outcome_error[R] | takes_self_outcome_error[R] | takes_context[R] | takes_self_context[R] | takes_outcome[R] | takes_self_outcome[R] | takes_error_of_step_finished[R] | takes_self_error_of_step_finished[R] | takes_nothing[R] | takes_self[R]
run_finished_answer = TypeVar('run_finished_answer', bound=run_finished_function[None])
class run_finished_marker:
    @overload
    def __call__(self, function: run_finished_answer, /) -> run_finished_answer: ...
    @overload
    def __call__(self, *, tryfirst: bool = ..., trylast: bool = ...) -> Callable[[run_finished_answer], run_finished_answer]: ...

class HookImpl:
    """Marks a function as an answer to a hook, which is that of its name, or that of the attribute."""

    @overload
    def __call__(self, function: F, /) -> F: ...
    @overload
    def __call__(
        self,
        *,
        wrapper: bool = ...,
        tryfirst: bool = ...,
        trylast: bool = ...,
        optionalhook: bool = ...,
        specname: str | None = ...,
    ) -> Callable[[F], F]: ...

    launch: launch_marker
    """Run a plan somewhere, and return when it has ended: `--launcher` names who does it."""
    tune: tune_marker
    """Search for the best parameters: run trials, each a run of its own, and return when all have ended."""
    run_started: run_started_marker
    """A run begins (or is resumed: `context.resume_from`). Observe only: a failure here is a warning."""
    resolve_checkpoint: resolve_checkpoint_marker
    """Find the model to start from, before anything is exported."""
    step_started: step_started_marker
    """A step begins. Observe only."""
    run_step: run_step_marker
    """Run one step, built in or custom: the seam for timing, tracing and locks. Each attempt passes here."""
    retry_step: retry_step_marker
    """A step failed: should it be tried again?"""
    export: export_marker
    """Fetch the dataset that `context.params['dataset']` names, into `context.output_dir`."""
    convert: convert_marker
    """Convert a dataset to the format that the trainer needs, in `context.output_dir`."""
    open_dataset: open_dataset_marker
    """Open a dataset for reading: answered by the format that `dataset['format']` names."""
    open_executor: open_executor_marker
    """Give what runs the parts of a conversion: the option `--executor`, or the setting `executor`, names it."""
    pre_execute: pre_execute_marker
    """Check, seed, make last edits. All plugins are called, and the answers are merged."""
    execute: execute_marker
    """Train. The action's own `execute` is the usual answer."""
    autolog: autolog_marker
    """Attach automatic logging for a training framework. Every autologger answers for its own framework."""
    upload: upload_marker
    """Publish the trained model, which is at `context.model_path`."""
    uploaded: uploaded_marker
    """A model was uploaded: mirror it, send a message. A failure here is a warning."""
    step_finished: step_finished_marker
    """A step ended: with a result, or with an error after the last attempt. Observe only."""
    log_params: log_params_marker
    """Deliver parameters: a batch of `params` events of the journal, in order, each with `values`."""
    log_metrics: log_metrics_marker
    """Deliver metrics: a batch of `metrics` events, each with `phase, axis, step, values`, and `training`. A sink."""
    log_message: log_message_marker
    """Deliver messages: a batch of `message` events, each with `level, code, text`. A sink."""
    log_artifact: log_artifact_marker
    """Deliver files: a batch of `artifact` events, each with `kind, role, path, size`; `path` is absolute. A sink."""
    log_system: log_system_marker
    """Deliver what the run uses of its machine: a batch of `system` events, each with `seconds` since this attempt began and `values`: `cpu_percent`, `memory_used`, `gpu0_percent` and so on. A sink. The setting `system_seconds` says how often they are recorded, every 15 seconds by default."""
    progress_changed: progress_changed_marker
    """Deliver progress: a `progress` event (`category, curr, total, step, overall`), the latest of its step, category and training; older ones are left out. The last one of every step always comes."""
    log_status: log_status_marker
    """Deliver the state of the run: `run_start` events (with `action, target, params`) and `run_end` events (with `status`, which is `finished`, `failed` or `cancelled`, `error`, `model`). A sink: unlike `run_started` and `run_finished`, it arrives also when the receiver could not be reached at once. A `run_end` comes alone, after everything that was recorded before it."""
    sink_closed: sink_closed_marker
    """This process delivers nothing more to the log hooks of this plugin: flush and close what they opened."""
    cleanup: cleanup_marker
    """The run is over, however it ended: free what you took. All plugins are called; errors are grouped afterwards."""
    run_finished: run_finished_marker
    """A run ended: `succeeded`, `failed` or `cancelled`. Observe only."""
