"""A model-training pipeline made of hooks: export, convert, pre_execute, execute, upload.

    from synapse_hooks import BaseTrainAction, BaseTrainParams, hookimpl

Names are imported on first use, so `import synapse_hooks` costs little and pulls in no ML framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily
from synapse_hooks.version import __version__ as __version__

if TYPE_CHECKING:
    from synapse_hooks.actions.train import BaseTrainAction, BaseTrainParams
    from synapse_hooks.context import RuntimeContext, StepResult, TrainContext
    from synapse_hooks.errors import SynapseHooksError
    from synapse_hooks.hookspecs import hookimpl
    from synapse_hooks.steps import BaseStep, ConvertDatasetStep, ExportDatasetStep, StepRegistry

_HOMES = {
    'BaseStep': 'steps',
    'BaseTrainAction': 'actions.train',
    'BaseTrainParams': 'actions.train',
    'ConvertDatasetStep': 'steps',
    'ExportDatasetStep': 'steps',
    'RuntimeContext': 'context',
    'StepRegistry': 'steps',
    'StepResult': 'context',
    'SynapseHooksError': 'errors',
    'TrainContext': 'context',
    'hookimpl': 'hookspecs',
}

__all__ = [
    'BaseStep',
    'BaseTrainAction',
    'BaseTrainParams',
    'ConvertDatasetStep',
    'ExportDatasetStep',
    'RuntimeContext',
    'StepRegistry',
    'StepResult',
    'SynapseHooksError',
    'TrainContext',
    'hookimpl',
]

import_lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
