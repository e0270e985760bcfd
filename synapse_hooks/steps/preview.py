"""What a run would do, without doing it: which plugins answer each stage, with what, and what is used again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from synapse_hooks.backends import runs_folder
from synapse_hooks.context import TrainContext
from synapse_hooks.hookspecs import hook_names
from synapse_hooks.journal import RunDirectory, without_secrets
from synapse_hooks.journal.record import RECORD
from synapse_hooks.plugins import Plugins
from synapse_hooks.steps.base import BaseStep
from synapse_hooks.steps.cache_keys import reason_not_kept
from synapse_hooks.steps.dataset import ConvertDatasetStep
from synapse_hooks.steps.inputs import RUN_STEP, StageInputs
from synapse_hooks.steps.kept_conversions import KeptConversions
from synapse_hooks.steps.preflight import decisions_of, prepare_plugins
from synapse_hooks.steps.reuse import Decision
from synapse_hooks.steps.setup import RunSetup
from synapse_hooks.steps.state import plain
from synapse_hooks.storage import relocate

_USES: Final = {
    'export': ('dataset', 'splits'),
    'convert': ('target_task', 'crowds', 'unreadable', 'splits'),
    'pre_execute': (),
    'upload': (),
}
"""The parameters that concern a stage, where it is not known yet which it reads; `execute` is for all others."""


def preview(setup: RunSetup) -> dict[str, Any]:
    """What the run would do.

    Nothing is made, written, exported or requested, but plugins are imported.

    Args:
        setup: The run, as for `run_pipeline`.

    Returns:
        `{run_dir, stages, allow_pickle}`, as JSON values. `run_dir` is the existing run that would be resumed, or
        None. A stage is `{stage, step, does, why, answered_by, wrapped_by, params, options, settings, kept}`, where
        `does` is `run`, `reuse` or `skip`, and `kept` is, for a conversion, whether one that is kept would be used.

    Raises:
        ConfigError, ParamsError, SelectionError, NoAnswer, RunError: It could not begin.
    """
    plugins = prepare_plugins(setup)
    inputs = StageInputs(setup.registry, plugins)
    record = _record(setup)
    decisions = decisions_of(setup, inputs, record or {'status': 'created', 'stages': []})
    stages = {stage['name']: stage for stage in (record or {}).get('stages', ())}
    planned = [_stage(setup, inputs, decision, stages.get(decision.step.name, {})) for decision in decisions]
    for each, decision, before in zip(planned, decisions, [None, *decisions], strict=False):
        source = stages[before.step.name]['context'].get('dataset') if before is not None and before.reuse else None
        each['kept'] = _kept(setup, inputs, decision, source) if each['does'] == 'run' else None
        if each['kept']:
            each['why'] += f'; {each["kept"]}'
    run_dir = None if record is None else str(setup.ctx.run_dir or record['run_dir'])
    content = {'run_dir': run_dir, 'stages': planned, 'allow_pickle': list(setup.ctx.allow_pickle)}
    answer: dict[str, Any] = without_secrets(content, os.environ)
    return answer


def _record(setup: RunSetup) -> dict[str, Any] | None:
    """The record of an existing run, with its paths where the run directory is now."""
    ctx = setup.ctx
    path = ctx.run_dir
    if path is None and ctx.run_name is not None:
        path = runs_folder(ctx.client) / ctx.run_name
    if path is None or not (ctx.resume or (Path(path) / RECORD).exists()):
        return None
    directory = RunDirectory.open(path)
    record = directory.read()
    moved = record.get('run_dir')
    moved_along: dict[str, Any] = relocate(record, Path(moved), directory.path) if moved else record
    return moved_along


def _stage(setup: RunSetup, inputs: StageInputs, decision: Decision, stage: Mapping[str, Any]) -> dict[str, Any]:
    step, plugins = decision.step, inputs.plugins
    target = getattr(step, 'target_format', None)
    hooks = [RUN_STEP, *([step.name] if step.name in hook_names() else ())]
    asked = [(plugin, role) for hook in hooks for plugin, role, _ in inputs.answering(hook, {target})]
    skipped = not decision.reuse and _is_skipped(setup, plugins, step)
    does = 'skip' if skipped else 'reuse' if decision.reuse else 'run'
    options = {name: value for name, value in vars(step).items() if isinstance(value, str | int | float | bool)}
    return {
        'stage': step.name,
        'step': f'{type(step).__module__}:{type(step).__qualname__}',
        'does': does,
        'why': 'there is nothing to do' if skipped else decision.why,
        'answered_by': [plugin.who for plugin, role in asked if role != 'wrapper'],
        'wrapped_by': list(dict.fromkeys(plugin.who for plugin, role in asked if role == 'wrapper')),
        'params': _params(setup, step.name, stage),
        'options': options,
        'settings': plain(plugins.settings.settings.get(str(target), {})),
    }


def _kept(setup: RunSetup, inputs: StageInputs, decision: Decision, source: Mapping[str, Any] | None) -> str | None:
    """Whether a kept conversion would be used, as a phrase; `source` is what would be converted, if that is known."""
    if not isinstance(decision.step, ConvertDatasetStep):
        return None
    if why := reason_not_kept(setup.ctx, inputs, decision.step, (source or {}).get('format')):
        return f'it is not kept for other runs: {why}'
    conversions = KeptConversions(setup.ctx, inputs)
    if conversions.is_requested_again(decision.step):
        return None
    if source is None:
        return 'one that is kept is used, if there is one'
    candidates = conversions.find(decision.step, source, setup.params.model_dump())
    kept = next((each for each in candidates if each.is_whole()), None)
    return None if kept is None else f'what run {kept.record["run"]} converted is used: {kept.data}'


def _params(setup: RunSetup, name: str, stage: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a stage: those that it has used, else those that concern it; None where that is not known."""
    values = plain(setup.params)
    names = (stage.get('inputs') or {}).get('params')
    if not names:
        others = {each for uses in _USES.values() for each in uses}
        names = _USES.get(name) if name != 'execute' else [each for each in values if each not in others]
    return {each: values[each] for each in names or () if values.get(each) is not None}


def _is_skipped(setup: RunSetup, plugins: Plugins, step: BaseStep[TrainContext]) -> bool:
    # Only of the built-in steps it is certain that they decide by the parameters alone.
    if not type(step).__module__.startswith('synapse_hooks.') or step.name not in ('export', 'convert'):
        return False
    return step.can_skip(TrainContext(setup.params.model_dump(), setup.ctx, plugins.calls))
