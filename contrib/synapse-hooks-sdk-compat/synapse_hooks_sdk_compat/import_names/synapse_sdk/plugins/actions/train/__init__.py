"""Train actions."""

from typing import TYPE_CHECKING

from synapse_hooks_sdk_compat import missing_names

from synapse_hooks import BaseTrainAction, BaseTrainParams, TrainContext

__all__ = ['BaseTrainAction', 'BaseTrainParams', 'TrainContext']

if not TYPE_CHECKING:
    __getattr__ = missing_names(__name__)
