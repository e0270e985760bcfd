"""Where datasets, models and jobs are stored: the embedded workspace, behind `synapse_hooks.context.BackendClient`."""

from synapse_hooks.backends.connect import connect, runs_folder
from synapse_hooks.backends.workspace import Workspace
from synapse_hooks.storage.user_paths import default_root

__all__ = ['Workspace', 'connect', 'default_root', 'runs_folder']
