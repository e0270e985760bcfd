"""`--plan` and `--params-help`: what `train` or `resume` would do, and the parameters of an action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synapse_hooks.actions import BaseTrainAction
from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.table import table
from synapse_hooks.context import RuntimeContext
from synapse_hooks.hookspecs import hook_names


def plan_result(kind: type[BaseTrainAction[Any]], params: Any, ctx: RuntimeContext) -> CommandResult:
    """The result of `--plan`: `{target, run_dir, stages, allow_pickle}`. Nothing is run and nothing is written."""
    preview = kind(params, ctx).preview()
    rows = []
    for stage in preview['stages']:
        joined = ' and ' if stage['stage'] == 'pre_execute' else ', else '
        step = None if stage['stage'] in hook_names() else stage['step']
        given = {**stage['options'], **stage['params'], **stage['settings']}
        rows.append(
            [
                stage['stage'],
                stage['does'],
                joined.join(stage['answered_by']) or step,
                ', '.join(stage['wrapped_by']) or None,
                ' '.join(f'{name}={value}' for name, value in given.items()) or None,
                stage['why'],
            ]
        )
    text = table(['stage', 'does', 'answered by', 'wrapped by', 'with', 'because'], rows)
    run = f'the run {preview["run_dir"]}, if it is resumed' if preview['run_dir'] else 'a new run'
    pickles = f'\nA checkpoint may import {", ".join(preview["allow_pickle"])}.' if preview['allow_pickle'] else ''
    return CommandResult({'target': ctx.target, **preview}, f'{text}\n{pickles}\nThis is {run}. Nothing was run.')


def params_help(kind: type[BaseTrainAction[Any]], defaults: Mapping[str, Any]) -> CommandResult:
    """The result of `--params-help`: `{params}`, with the defaults of a config.yaml."""
    from synapse_hooks.actions.describe import described_params

    preview = described_params(kind.params_model)
    for param in preview:
        if param['name'] in defaults:
            param.update(default=defaults[param['name']], required=False)
    rows = [
        [
            param['name'],
            param['type'],
            'required' if param['required'] else param['default'],
            '; '.join([param['description'] or '', *param['constraints']]).strip('; ') or None,
        ]
        for param in preview
    ]
    text = table(['parameter', 'type', 'default', 'meaning'], rows)
    return CommandResult({'params': preview}, f'{text}\n\nGive them with `-p NAME=VALUE` or `--params FILE`.')
