"""Which stages of a run that is resumed are used again, which run, and why. It is decided before anything happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from synapse_hooks.context import TrainContext
from synapse_hooks.errors import ConfigError, ParamsError, suggest
from synapse_hooks.journal.values import REDACTED
from synapse_hooks.steps.base import BaseStep
from synapse_hooks.steps.in_place import may_read_in_place
from synapse_hooks.steps.inputs import StageInputs, canonical, chosen, digest_of
from synapse_hooks.steps.output import is_in_place, is_there, output_problem

DONE: Final = ('succeeded', 'skipped')
NOTHING_CHANGED: Final = 'nothing that it depends on has changed'
_ENDED: Final = {
    'failed': 'it failed',
    'cancelled': 'it was interrupted',
    'running': 'it was interrupted',
    'rolled back': 'it was rolled back',
}

Step = BaseStep[TrainContext]


@dataclass(frozen=True)
class Decision:
    """Whether one stage runs or is reused, and why."""

    step: Step
    reuse: bool
    why: str

    def __str__(self) -> str:
        return f'{self.step.name:12} {"reused" if self.reuse else "run"}: {self.why}'


def decide(
    inputs: StageInputs,
    stages: Mapping[str, Mapping[str, Any]],
    params: Mapping[str, Any],
    from_stage: str | None,
    *,
    same_checkpoint: bool = True,
) -> list[Decision]:
    """Decide for every stage, in order.

    Args:
        inputs: Of the run as it would be now.
        stages: The stages that run.json has, by name.
        params: The parameters of the run as it would be now.
        from_stage: Run this stage and all after it, even those that have succeeded.
        same_checkpoint: Whether the training would start from the same model.

    Raises:
        ConfigError: There is no stage `from_stage`.
        ParamsError: Parameters differ that a finished stage has used, and nothing else requires it to run again.
    """
    steps = inputs.steps
    first = _place(steps, from_stage)
    settled = _settled(steps, stages)
    # What led to a training that runs again is checked, as for one that did not finish.
    settled = 0 if first < settled else settled
    decisions: list[Decision] = []
    cause, previous, dataset = '', '', None
    for place, step in enumerate(steps):
        stage = stages.get(step.name)
        if place >= first:
            why = 'it was requested' if place == first else f'it comes after {from_stage}'
        elif stage is not None and place < settled:
            _refuse(step, stage, params)
            changed = _differences(inputs, step, stage, previous, dataset)
            decisions.append(Decision(step, True, _settled_why(step, changed)))
            previous, dataset = stage.get('digest', ''), stage['context'].get('dataset')
            continue
        elif cause:
            why = _unfinished(stage) or cause
        else:
            why = _why_rerun(inputs, step, stage, previous, dataset, params)
            if not why and not same_checkpoint and inputs.needs_checkpoint(step):
                why = 'the model to start from changed'
        if why or stage is None:
            cause = cause or f'it comes after {step.name}'
            decisions.append(Decision(step, False, why))
            continue
        decisions.append(Decision(step, True, NOTHING_CHANGED))
        previous, dataset = stage['digest'], stage['context'].get('dataset')
    return _exported(inputs, stages, decisions)


def check_params(stages: Mapping[str, Mapping[str, Any]], steps: Sequence[Step], params: Mapping[str, Any]) -> None:
    """Refuse parameters that differ from those that finished stages have used.

    Raises:
        ParamsError: It names the first of these stages, and how to run it again.
    """
    for step in steps:
        if step.name in stages:
            _refuse(step, stages[step.name], params)


def _exported(
    inputs: StageInputs, stages: Mapping[str, Mapping[str, Any]], decisions: list[Decision]
) -> list[Decision]:
    """The decisions, with an export where the dataset was read in place, and other code would get at it now."""
    reused = [decision.step for decision in decisions if decision.reuse]
    there = [is_in_place((stages[step.name].get('context') or {}).get('dataset')) for step in reused]
    # Those that are used again come first. The one after them gets what the last of them has left.
    if len(reused) == len(decisions) or not any(there[-1:]) or may_read_in_place(inputs):
        return decisions
    place = there.index(True)
    why = 'it was read where it is, and needs a copy now, as other code may edit it'
    export = Decision(reused[place], False, why)
    later = [Decision(step, False, f'it comes after {export.step.name}') for step in reused[place + 1 :]]
    return [*decisions[:place], export, *later, *decisions[len(reused) :]]


def _place(steps: Sequence[Step], name: str | None) -> int:
    names = [step.name for step in steps]
    if name is None:
        return len(steps)
    if name not in names:
        hint = ' '.join(filter(None, (suggest(name, names), f'the stages are {", ".join(names)}')))
        raise ConfigError(f'--from-stage: there is no stage {name!r}', hint=hint, field='from_stage')
    return names.index(name)


def _settled(steps: Sequence[Step], stages: Mapping[str, Mapping[str, Any]]) -> int:
    """How many steps need no look: all up to a finished `execute` whose weights are still there."""
    for place, step in enumerate(steps):
        if step.name == 'execute' and stages.get('execute', {}).get('status') == 'succeeded':
            before = [stages.get(step.name, {}) for step in steps[:place]]
            uploaded = any(stage.get('context', {}).get('model') for stage in stages.values())
            if all('context' in stage for stage in before) and (uploaded or is_there(stages['execute'])):
                return place + 1
    return 0


def _settled_why(step: Step, changed: str) -> str:
    if step.name != 'execute':
        return 'the training after it is done'
    since = f' ({changed} since then; `--from-stage execute` trains again)' if changed else ''
    return f'the training is done{since}'


def _unfinished(stage: Mapping[str, Any] | None) -> str:
    if stage is None:
        return 'it has not run yet'
    return '' if stage['status'] in DONE else _ENDED.get(stage['status'], 'it did not finish')


def _why_rerun(
    inputs: StageInputs,
    step: Step,
    stage: Mapping[str, Any] | None,
    previous: str,
    dataset: Mapping[str, Any] | None,
    params: Mapping[str, Any],
) -> str:
    """Why a stage cannot be used again; empty when it can."""
    why = _unfinished(stage)
    if why or stage is None:
        return why
    if problem := output_problem(stage):
        return f'what it made {problem}'
    changed = _differences(inputs, step, stage, previous, dataset)
    if changed:
        return changed
    _refuse(step, stage, params)
    used = chosen(stage['inputs']['params'], params)
    now = inputs.of(step, previous=previous, dataset=dataset, params=used)
    return '' if digest_of(now) == stage.get('digest') else 'what goes into it changed'


def _differences(
    inputs: StageInputs,
    step: Step,
    stage: Mapping[str, Any],
    previous: str,
    dataset: Mapping[str, Any] | None,
) -> str:
    """What changed since a stage has run, but for parameters, as a phrase; empty where nothing did."""
    then = stage.get('inputs')
    if not isinstance(then, Mapping):
        return 'an earlier version of synapse-hooks ran it'
    now = inputs.of(step, previous=previous, dataset=dataset, params={})
    files = [name for name in sorted({*then['code'], *now['code']}) if then['code'].get(name) != now['code'].get(name)]
    reasons = []
    if files:
        reasons.append(f'{", ".join(files)} changed')
    if then['step'] != now['step']:
        reasons.append(f'the step is {now["step"]}, it was {then["step"]}')
    for name in sorted({*then['options'], *now['options']}):
        if then['options'].get(name) != now['options'].get(name) and REDACTED not in str(then['options'].get(name)):
            reasons.append(f'{name} is {now["options"].get(name)!r}, it was {then["options"].get(name)!r}')
    for hook in sorted({*then['plugins'], *now['plugins']}):
        before, after = then['plugins'].get(hook, []), now['plugins'].get(hook, [])
        if before != after:
            reasons.append(_plugins_changed(hook, before, after))
    if then['dataset'] != now['dataset']:
        reasons.append('its input dataset changed')
    return '; '.join(reasons)


def _plugins_changed(hook: str, before: Sequence[str], after: Sequence[str]) -> str:
    gone = [who for who in before if who not in after]
    new = [who for who in after if who not in before]
    if not gone and not new:
        return f'{hook} is answered in another order'
    words = [f'{", ".join(new)} answers {hook}' if new else '', f'{", ".join(gone)} no longer does' if gone else '']
    return ' and '.join(filter(None, words)) if new else f'{", ".join(gone)} no longer answers {hook}'


def _refuse(step: Step, stage: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Raise where a finished stage has used other values of the parameters."""
    used = (stage.get('inputs') or {}).get('params', {})
    now = canonical(chosen(used, params))
    changed = [name for name in used if used[name] != now[name] and REDACTED not in str(used[name])]
    if stage.get('status') not in DONE or not changed:
        return
    values = ', '.join(f'{name}={used[name]!r}' for name in changed)
    raise ParamsError(
        f'stage {step.name!r} has run with {values}; now it is {", ".join(f"{n}={now[n]!r}" for n in changed)}',
        hint=f'`--from-stage {step.name}` runs it and all after it again',
        faults=[{'field': n, 'value': now[n], 'rule': f'stage {step.name} has run with {used[n]!r}'} for n in changed],
        stage=step.name,
    )
