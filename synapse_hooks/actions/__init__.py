"""What an action author subclasses."""

from synapse_hooks.actions.params import BaseTrainParams
from synapse_hooks.actions.train import BaseTrainAction

__all__ = ['BaseTrainAction', 'BaseTrainParams']
