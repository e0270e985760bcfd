"""The plugins that answer hooks: discovery, selection, validation, blame, order."""

from synapse_hooks.plugins.blame import culprit
from synapse_hooks.plugins.builtin import no_data_error
from synapse_hooks.plugins.calls import HookCalls, bind
from synapse_hooks.plugins.jobs import JobReporter
from synapse_hooks.plugins.manager import Plugins, build
from synapse_hooks.plugins.records import Plugin, PluginWarning
from synapse_hooks.plugins.settings import Settings, load_settings
from synapse_hooks.plugins.sinks import PluginSink
from synapse_hooks.plugins.validation import HookFunction, function_faults, hook_functions

__all__ = [
    'HookCalls',
    'HookFunction',
    'JobReporter',
    'Plugin',
    'PluginSink',
    'PluginWarning',
    'Plugins',
    'Settings',
    'bind',
    'build',
    'culprit',
    'function_faults',
    'hook_functions',
    'load_settings',
    'no_data_error',
]
