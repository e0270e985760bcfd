"""The checks before a run: which plugins answer, what is certain to fail, and which stages run or are reused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse_hooks.context import RuntimeContext
from synapse_hooks.errors import ConfigError, ParamsError, suggest
from synapse_hooks.plugins import JobReporter, Plugins, build, load_settings, no_data_error
from synapse_hooks.steps.dataset import ConvertDatasetStep, ExportDatasetStep
from synapse_hooks.steps.inputs import StageInputs
from synapse_hooks.steps.reuse import Decision, check_params, decide
from synapse_hooks.steps.setup import RunSetup
from synapse_hooks.steps.training import ExecuteStep

if TYPE_CHECKING:
    from synapse_hooks.tracing import Tracer


def prepare_plugins(setup: RunSetup) -> Plugins:
    """The plugins of a run, checked for what the run needs of them.

    Raises:
        ConfigError, ParamsError, SelectionError, NoAnswer: The run cannot begin.
    """
    ctx = setup.ctx
    plugins = build(
        load_settings(ctx.project, block=ctx.block, only=ctx.only),
        action=(setup.action, setup.hooks),
        extra=ctx.plugins if ctx.job_id is None else (*ctx.plugins, JobReporter()),
        installed=None if ctx.discover else (),
        tracer=_tracer() if ctx.trace else None,
    )
    _check(setup, plugins)
    return plugins


def decisions_of(setup: RunSetup, inputs: StageInputs, record: Mapping[str, Any]) -> list[Decision]:
    """Whether each stage runs, is reused or is skipped.

    Raises:
        ConfigError, ParamsError: The run cannot be resumed like this; see `decide`.
    """
    stages = {stage['name']: stage for stage in record['stages']}
    params = setup.params.model_dump()
    if is_done(setup.ctx, record):
        # Resumed only to deliver events to sinks that could not be reached.
        check_params(stages, inputs.steps, params)
        return [Decision(step, True, 'the run has succeeded') for step in inputs.steps]
    same = not record.get('checkpoint_of') or inputs.same_checkpoint(record['checkpoint_of'], params)
    decisions = decide(inputs, stages, params, setup.ctx.from_stage, same_checkpoint=same)
    names = [decision.step.name for decision in decisions]
    return decisions if setup.ctx.until is None else decisions[: names.index(setup.ctx.until) + 1]


def is_done(ctx: RuntimeContext, record: Mapping[str, Any]) -> bool:
    """Whether a run has succeeded, and nothing more is requested of it."""
    goes_on = record.get('until') not in (None, ctx.until)
    return record['status'] == 'succeeded' and ctx.from_stage is None and not goes_on


def _tracer() -> Tracer:
    from synapse_hooks.tracing import Tracer

    return Tracer()


def _check(setup: RunSetup, plugins: Plugins) -> None:
    """Fail now where it is certain that the run would fail later.

    Raises:
        ConfigError, ParamsError, SelectionError, NoAnswer: With what to change.
    """
    data_path, dataset = getattr(setup.params, 'data_path', None), getattr(setup.params, 'dataset', None)
    if data_path is not None and not Path(data_path).exists():
        raise ParamsError(f'data_path: there is nothing at {data_path}', hint='check the path', field='data_path')
    names = [step.name for step in setup.registry]
    for name in setup.ctx.deadlines:
        # A deadline of the project may be for another action.
        if name not in names:
            hint = ' '.join(filter(None, (suggest(name, names), f'the stages are {", ".join(names)}')))
            raise ConfigError(f'--deadline: there is no stage {name!r}', hint=hint, field='deadline')
    if setup.ctx.until is not None and setup.ctx.until not in names:
        raise ConfigError(f'until: there is no stage {setup.ctx.until!r}', hint=f'the stages are {", ".join(names)}')
    plugins.check_pinned()
    for step in setup.registry:
        if isinstance(step, ExportDatasetStep) and data_path is None and dataset is None:
            plugins.check_other('export', no_data_error())
        if isinstance(step, ConvertDatasetStep) and step.target_format and data_path is None:
            plugins.check_format(step.target_format)
        if isinstance(step, ExecuteStep):
            plugins.check_hook('execute')
