"""What an action author subclasses, and the parameters of a search over those of an action."""

from synapse_hooks.actions.params import BaseTrainParams
from synapse_hooks.actions.searched import search_params
from synapse_hooks.actions.train import BaseTrainAction

__all__ = ['BaseTrainAction', 'BaseTrainParams', 'search_params']
