"""What actions and steps are made of."""

from typing import TYPE_CHECKING

from synapse_hooks_sdk_compat import missing_names

from synapse_hooks import BaseStep, BaseTrainAction, RuntimeContext, StepRegistry, StepResult, TrainContext

__all__ = ['BaseStep', 'BaseTrainAction', 'RuntimeContext', 'StepRegistry', 'StepResult', 'TrainContext']

if not TYPE_CHECKING:
    __getattr__ = missing_names(__name__)
