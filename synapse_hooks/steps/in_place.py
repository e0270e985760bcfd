"""Whether a run reads its dataset where the backend has it, instead of exporting it.

An export belongs to the run, and any plugin may edit it; the files of the backend must never be edited. A conversion by
the formats of this package only reads, so it needs no export as long as no other code is called in between.
"""

from __future__ import annotations

from typing import Final

from synapse_hooks.plugins import Plugin
from synapse_hooks.steps.cache_keys import has_symlinks, later_editor
from synapse_hooks.steps.dataset import ConvertDatasetStep, ExportDatasetStep
from synapse_hooks.steps.inputs import RUN_STEP, StageInputs

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
    steps = inputs.steps
    converts = next((step for step in steps if type(step) is ConvertDatasetStep), None)
    if converts is None or converts.target_format in (None, _EXPORTED):
        return False
    place = steps.index(converts)
    if place == 0 or type(steps[place - 1]) is not ExportDatasetStep or later_editor(inputs, converts):
        return False
    formats = {converts.target_format, _EXPORTED}
    if has_symlinks(inputs, converts):
        # They would lead into the backend, where the training could write.
        return False
    return all(_is_ours(plugin) for hook in _HOOKS for plugin, *_ in inputs.answering(hook, formats))


def _is_ours(plugin: Plugin) -> bool:
    """Whether a plugin is a part of this package, as the display of the command line is."""
    if plugin.rank == 'project':
        # So ranks what a run is given as an object. Of a module it cannot be seen in this way whose it is.
        return type(plugin.loaded).__module__.partition('.')[0] == _PACKAGE
    return plugin.rank == 'built-in'
