"""Keys of kept conversions: which ones may be kept for other runs, and the key of each, a digest of the inputs.

Only what installed formats make of a dataset with a digest is kept. Where the project or the action answers a hook of
the stage, its answer may depend on more than the key covers; where something may edit the dataset afterwards, it needs
a dataset of its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from synapse_hooks.context import RuntimeContext, TrainContext
from synapse_hooks.errors import ConfigError
from synapse_hooks.safe_text import summary
from synapse_hooks.steps.base import BaseStep
from synapse_hooks.steps.dataset import ConvertDatasetStep, ExportDatasetStep
from synapse_hooks.steps.inputs import RUN_STEP, StageInputs, canonical, digest_of, is_editable, is_ours
from synapse_hooks.steps.training import ExecuteStep
from synapse_hooks.storage.user_paths import default_cache

Step = BaseStep[TrainContext]
_SHORT: Final = 16
_ELSEWHERE: Final = ('path', 'config_path', 'stamp')
"""What a dataset has that is not the same where a copy of it is."""


def reason_not_kept(ctx: RuntimeContext, inputs: StageInputs, step: Step, source: str | None = None) -> str:
    """Why the output of a step is neither kept for other runs nor taken from them, as a phrase; empty where it may be.

    Args:
        ctx: The run.
        inputs: What goes into its stages.
        step: The step.
        source: The format of the input dataset, where that is known.
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
    if has_symlinks(inputs, step):
        return 'its images are symbolic links, which lead into this run'
    for hook in inputs.hooks(step):
        for plugin, *_ in inputs.answering(hook, {step.target_format, source}):
            if is_editable(plugin) or (hook != RUN_STEP and plugin.kind != 'format'):
                return f'{plugin.who} takes part in {hook}'
    return _earlier_editor(inputs, step) or later_editor(inputs, step)


def _earlier_editor(inputs: StageInputs, step: Step) -> str:
    """What may edit the dataset that a step converts, so that its digest need not hold, as a phrase."""
    for plugin, role, _ in inputs.answering('export'):
        if is_editable(plugin) or (role == 'wrapper' and plugin.rank != 'built-in'):
            return f'{plugin.who} takes part in export'
    earlier = inputs.steps[: inputs.steps.index(step)]
    exports = next((place for place, each in enumerate(earlier) if type(each) is ExportDatasetStep), 0)
    for each in earlier[exports:]:
        if not is_ours(type(each)):
            return f'the step {each.name!r} comes before it, and may edit the dataset'
    return ''


def has_symlinks(inputs: StageInputs, step: ConvertDatasetStep) -> bool:
    """Whether the settings of the project choose symbolic links to the images of the source."""
    settings = inputs.plugins.settings.settings.get(str(step.target_format), {})
    return bool(settings.get('images') == 'symlink')


def later_editor(inputs: StageInputs, step: Step) -> str:
    """What may edit the dataset between a step that made it and the training, as a phrase; empty where nothing can.

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
    """The key of a conversion in the store: hexadecimal digits and `-`.

    Args:
        ctx: The run.
        inputs: What goes into its stages.
        step: The step that converts.
        dataset: What is converted; it has a digest.
        params: The parameters that the conversion has used. None where that is not known yet: the answer is what the
            key begins with.
    """
    facts = {
        **inputs.of(step, previous='', dataset=dataset, params={}),
        # Its classes may be declared beside its files, which have the digest.
        'from': canonical({name: value for name, value in dataset.items() if name not in _ELSEWHERE}),
        'config': os.path.relpath(dataset['config_path'], dataset['path']) if dataset.get('config_path') else None,
        'settings': canonical(inputs.plugins.settings.settings),
        'strict': ctx.strict,
        'package': _package(),
    }
    begin = f'{digest_of(facts)[:_SHORT]}-'
    return begin if params is None else begin + digest_of(canonical(params))[:_SHORT]


@lru_cache(maxsize=1)
def _package() -> list[Any]:
    """Where this package is a checkout, its files and their times of change: its version alone does not identify it."""
    folder = Path(__file__).parents[1]
    if {'site-packages', 'dist-packages'} & set(folder.parts):
        return []
    return sorted((str(file.relative_to(folder)), file.stat().st_mtime_ns) for file in folder.rglob('*.py'))
