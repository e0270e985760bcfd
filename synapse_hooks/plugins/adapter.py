"""What is registered with pluggy in place of a plugin: a small object that has its hook functions and nothing else.

Registration costs in proportion to `dir(plugin)`, and a plugin may be an action or a module with a thousand names.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any

from synapse_hooks.plugins.blame import Trail, guard
from synapse_hooks.plugins.records import Plugin, PluginWarning
from synapse_hooks.plugins.validation import HookFunction, deprecated


class HookAdapter:
    """The guarded hook functions of one plugin, as attributes that bear the hooks' names.

    Args:
        plugin: The record of the plugin.
        functions: Its hook functions, already validated.
        trail: Where the run notes who answered.

    Warns:
        PluginWarning: A function uses what will be removed.
    """

    def __init__(self, plugin: Plugin, functions: Iterable[HookFunction], trail: Trail) -> None:
        self.plugin = plugin
        functions = tuple(functions)
        plugin.hooks = tuple(function.hook for function in functions)
        plugin.deprecated = deprecated(functions)
        for sentence in plugin.deprecated:
            warnings.warn(f'{plugin.who} must be changed: {sentence}', PluginWarning, stacklevel=2)
        for function in functions:
            setattr(self, function.hook, guard(function, plugin, trail))

    def function(self, hook: str) -> Callable[..., Any] | None:
        """The guarded function for `hook`, or None where the plugin does not answer it."""
        return vars(self).get(hook)

    def __repr__(self) -> str:
        return f'<{self.plugin.who}>'
