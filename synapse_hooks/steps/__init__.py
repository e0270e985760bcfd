"""When a hook runs: steps, their order, and the run around them."""

from synapse_hooks.steps.base import BaseStep, StepResult
from synapse_hooks.steps.dataset import ConvertDatasetStep, ExportDatasetStep, checked_dataset
from synapse_hooks.steps.plan import RunPlan
from synapse_hooks.steps.registry import StepRegistry
from synapse_hooks.steps.run import run_plan
from synapse_hooks.steps.training import ExecuteStep, PreExecuteStep, UploadStep, publish_model

__all__ = [
    'BaseStep',
    'ConvertDatasetStep',
    'ExecuteStep',
    'ExportDatasetStep',
    'PreExecuteStep',
    'RunPlan',
    'StepRegistry',
    'StepResult',
    'UploadStep',
    'checked_dataset',
    'publish_model',
    'run_plan',
]
