"""The steps of a run, their order, and the run itself: when each hook is called. Each name is imported on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.context import StepResult
    from synapse_hooks.steps.base import BaseStep
    from synapse_hooks.steps.dataset import ConvertDatasetStep, ExportDatasetStep, checked_dataset
    from synapse_hooks.steps.preview import preview
    from synapse_hooks.steps.registry import StepRegistry
    from synapse_hooks.steps.run import run_pipeline
    from synapse_hooks.steps.setup import RunSetup
    from synapse_hooks.steps.training import ExecuteStep, PreExecuteStep, UploadStep, publish_model

_HOMES = {
    'BaseStep': 'base',
    'ConvertDatasetStep': 'dataset',
    'ExecuteStep': 'training',
    'ExportDatasetStep': 'dataset',
    'PreExecuteStep': 'training',
    'RunSetup': 'setup',
    'StepRegistry': 'registry',
    'StepResult': 'synapse_hooks.context',
    'UploadStep': 'training',
    'checked_dataset': 'dataset',
    'preview': 'preview',
    'publish_model': 'training',
    'run_pipeline': 'run',
}

__all__ = [
    'BaseStep',
    'ConvertDatasetStep',
    'ExecuteStep',
    'ExportDatasetStep',
    'PreExecuteStep',
    'RunSetup',
    'StepRegistry',
    'StepResult',
    'UploadStep',
    'checked_dataset',
    'preview',
    'publish_model',
    'run_pipeline',
]

import_lazily(__name__, _HOMES)
