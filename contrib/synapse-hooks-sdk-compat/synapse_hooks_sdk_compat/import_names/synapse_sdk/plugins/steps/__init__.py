"""Steps, and their registry."""

from typing import TYPE_CHECKING

from synapse_hooks_sdk_compat import missing_names

from synapse_hooks import BaseStep, ConvertDatasetStep, ExportDatasetStep, StepRegistry, StepResult

__all__ = ['BaseStep', 'ConvertDatasetStep', 'ExportDatasetStep', 'StepRegistry', 'StepResult']

if not TYPE_CHECKING:
    __getattr__ = missing_names(__name__)
