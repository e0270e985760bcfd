"""Whether a run reads its dataset where the backend has it, instead of exporting it, or converts it during the export.

An export belongs to the run, and any plugin may edit it; the files of the backend must never be edited. A conversion by
the formats of this package only reads, so it needs no export, and may begin before the export is complete, as long as
no other code is called in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from synapse_hooks.context import ExportObserver
from synapse_hooks.formats.base import BaseFormat
from synapse_hooks.plugins import Plugin
from synapse_hooks.steps.cache_keys import has_symlinks, later_editor
from synapse_hooks.steps.dataset import ConvertDatasetStep, ExportDatasetStep
from synapse_hooks.steps.inputs import RUN_STEP, StageInputs
from synapse_hooks.storage import safe_name

_PACKAGE: Final = __name__.partition('.')[0]
_EXPORTED: Final = 'dm'
"""The format of exports."""
_HOOKS: Final = ('export', 'convert', 'open_dataset', RUN_STEP, 'retry_step', 'step_started', 'step_finished')
"""The hooks that are called while the dataset of the context is the exported one."""


def may_read_in_place(inputs: StageInputs) -> bool:
    """Whether only a conversion by a format of this package reads what `export` answers.

    Args:
        inputs: What goes into the stages of the run.
    """
    converts = _next_conversion(inputs)
    return converts is not None and not _others(inputs, converts)


def early_conversion(
    inputs: StageInputs, staging: Callable[[str], Path], deadlines: Mapping[str, float]
) -> ExportObserver | None:
    """What converts the dataset of a run while it is being exported; None where other code may come between.

    Args:
        inputs: What goes into the stages of the run.
        staging: Returns the folder in which something is made, by its name.
        deadlines: Seconds, by the names of stages.
    """
    converts = _next_conversion(inputs)
    if converts is None:
        return None
    target, catalogue = str(converts.target_format), inputs.plugins.catalogues['format']
    if (named := catalogue.select(target)) is not None:
        catalogue.check(named, 'convert')
    answering = (plugin for plugin, *_ in inputs.answering('convert', {target}))
    plugin = next((one for one in answering if isinstance(one.loaded, BaseFormat) and one.loaded.name == target), None)
    if plugin is None or _others(inputs, converts, target=plugin):
        return None
    from synapse_hooks.conversion.early import EarlyConversion

    format: Any = plugin.loaded
    exports = inputs.steps[inputs.steps.index(converts) - 1].name
    return EarlyConversion(format, staging('.early'), staging(safe_name(converts.name)), deadlines.get(exports))


def _next_conversion(inputs: StageInputs) -> ConvertDatasetStep | None:
    """The step that converts what the step before it exports, where nothing is edited before the training."""
    steps = inputs.steps
    converts = next((step for step in steps if type(step) is ConvertDatasetStep), None)
    if converts is None or converts.target_format in (None, _EXPORTED):
        return None
    place = steps.index(converts)
    if place == 0 or type(steps[place - 1]) is not ExportDatasetStep or later_editor(inputs, converts):
        return None
    # Symbolic links would lead into the backend, where the training could write.
    return None if has_symlinks(inputs, converts) else converts


def _others(inputs: StageInputs, converts: ConvertDatasetStep, target: Plugin | None = None) -> list[Plugin]:
    """The plugins of others that are called while the dataset of the context is the exported one.

    Args:
        inputs: What goes into the stages of the run.
        converts: The conversion.
        target: The plugin of the target format, which is none of them if it only makes sinks.
    """
    formats = {converts.target_format, _EXPORTED}
    asked = ((hook, plugin) for hook in _HOOKS for plugin, *_ in inputs.answering(hook, formats))
    return [
        plugin
        for hook, plugin in asked
        if not _is_ours(plugin) and not (plugin is target and _is_inherited(plugin.loaded, hook))
    ]


def _is_inherited(format: object, hook: str) -> bool:
    """Whether a format answers a hook as every format does, so that nothing of its own is called but its sinks."""
    return getattr(type(format), hook, None) is getattr(BaseFormat, hook, hook) and hook not in vars(format)


def _is_ours(plugin: Plugin) -> bool:
    """Whether a plugin is a part of this package, as the display of the command line is."""
    if plugin.rank == 'project':
        # So ranks what a run is given as an object. Of a module it cannot be seen in this way whose it is.
        return type(plugin.loaded).__module__.partition('.')[0] == _PACKAGE
    return plugin.rank == 'built-in'
