"""Which conversions may be kept for other runs, and what one is found by: what goes into the stage.

Kept is what formats alone make of a dataset with a digest. What the project or the action answers itself may depend on
more than is known, and what may edit the dataset afterwards needs one of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import synapse_hooks
from synapse_hooks.context import RuntimeContext, TrainContext
from synapse_hooks.errors import ConfigError
from synapse_hooks.safe_text import summary
from synapse_hooks.steps.base import BaseStep
from synapse_hooks.steps.dataset import ConvertDatasetStep
from synapse_hooks.steps.inputs import AROUND, StageInputs, canonical, digest_of, is_ours, may_be_edited
from synapse_hooks.steps.training import ExecuteStep
from synapse_hooks.storage.places import default_cache

Step = BaseStep[TrainContext]
_SHORT: Final = 16


def refusal(ctx: RuntimeContext, inputs: StageInputs, step: Step, source: str | None = None) -> str:
    """Why the output of a step is neither kept nor taken from what is kept, as a phrase; empty where it may be.

    Args:
        ctx: The run.
        inputs: What goes into its stages.
        step: The step.
        source: The format of the dataset that goes in, where that is known.
    """
    settings = inputs.plugins.settings
    if type(step) is not ConvertDatasetStep or step.target_format is None:
        return 'it is not a conversion'
    if not ctx.keep_conversions or settings.keep_conversions == 0:
        return 'keep_conversions is off'
    try:
        default_cache()
    except ConfigError as error:
        return summary(error)
    if settings.settings.get(step.target_format, {}).get('images') == 'symlink':
        return 'its images are symbolic links, which lead into this run'
    for hook in inputs.hooks(step):
        for plugin, *_ in inputs.answering(hook, {step.target_format, source}):
            if may_be_edited(plugin) or (hook != AROUND and plugin.kind != 'format'):
                return f'{plugin.who} takes part in {hook}'
    return may_be_changed(inputs, step)


def may_be_changed(inputs: StageInputs, step: Step) -> str:
    """Who may edit the dataset between a step that made it and the training, as a phrase; empty where no one can.

    Args:
        inputs: What goes into the stages of the run.
        step: The step.
    """
    for plugin, *_ in inputs.answering('pre_execute'):
        return f'{plugin.who} answers pre_execute, and may edit the dataset'
    for later in inputs.steps[inputs.steps.index(step) + 1 :]:
        if isinstance(later, ExecuteStep):
            break
        if not is_ours(type(later)):
            return f'the step {later.name!r} comes after it, and may edit the dataset'
    return ''


def key_of(
    ctx: RuntimeContext,
    inputs: StageInputs,
    step: Step,
    dataset: Mapping[str, Any],
    params: Mapping[str, Any] | None = None,
) -> str:
    """What a conversion is found by: hexadecimal digits and `-`.

    Args:
        ctx: The run.
        inputs: What goes into its stages.
        step: The step that converts.
        dataset: What is converted; it has a digest.
        params: The parameters that are used. None, as long as it is not known which: what the key begins with.
    """
    facts = {
        **inputs.of(step, previous='', dataset=dataset, params={}),
        'from': dataset['format'],
        'settings': canonical(inputs.plugins.settings.settings),
        'strict': ctx.strict,
        'package': _package(),
    }
    begin = f'{digest_of(facts)[:_SHORT]}-'
    return begin if params is None else begin + digest_of(canonical(params))[:_SHORT]


@lru_cache(maxsize=1)
def _package() -> list[Any]:
    """What tells this package from another one of the same version: its files, where it is a checkout."""
    folder = Path(synapse_hooks.__file__).parent
    if {'site-packages', 'dist-packages'} & set(folder.parts):
        return []
    return sorted((str(file.relative_to(folder)), file.stat().st_mtime_ns) for file in folder.rglob('*.py'))
