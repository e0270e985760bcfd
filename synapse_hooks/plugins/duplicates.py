"""Removing duplicates: a function that several plugins have, by importing it from each other, is called once."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Hashable, Sequence

from synapse_hooks.plugins.records import Plugin
from synapse_hooks.plugins.validation import HookFunction


def without_duplicates(plugins: Sequence[tuple[Plugin, list[HookFunction]]]) -> list[tuple[Plugin, list[HookFunction]]]:
    """The plugins, each with the functions that are its own.

    A function belongs to the plugin in whose file it is written, else to the nearest that has it. A plugin that
    loses functions to others has a `reason` with them.

    Args:
        plugins: Each with its hook functions, the nearest first.
    """
    owners: dict[Hashable, Plugin] = {}
    for plugin, functions in plugins:
        for function in functions:
            key = _identity(plugin, function)
            if key not in owners or (_is_written_in(plugin, function) and not _is_written_in(owners[key], function)):
                owners[key] = plugin
    remaining = []
    for plugin, functions in plugins:
        others = [(function.hook, owners[_identity(plugin, function)]) for function in functions]
        plugin.reason = '; '.join(
            f'{hook}() is also in {owner.who}, and is called once, there'
            for hook, owner in others
            if owner is not plugin
        )
        own = [function for function, (_, owner) in zip(functions, others, strict=True) if owner is plugin]
        remaining.append((plugin, own))
    return remaining


def _identity(plugin: Plugin, function: HookFunction) -> Hashable:
    """Equal for functions that are the same one, even if their file was imported under two names."""
    plain = inspect.unwrap(getattr(function.function, '__func__', function.function))
    code = getattr(plain, '__code__', None)
    if code is None or code.co_freevars or '<locals>' in code.co_qualname:
        # Made by a factory: only the very same object is the same.
        written: Hashable = id(plain)
    else:
        written = (code.co_filename, code.co_firstlineno, code.co_qualname)
    owner = getattr(function.function, '__self__', None)
    # Instances that were made for this run count by their class; two that a project made are two.
    return function.hook, written, _place(type(owner)) if plugin.is_made else id(owner)


def _place(kind: type) -> Hashable:
    """Equal for a class that was imported under two names, and not for two that inherit the same function."""
    module = sys.modules.get(kind.__module__)
    return getattr(module, '__file__', kind.__module__), kind.__qualname__


def _is_written_in(plugin: Plugin, function: HookFunction) -> bool:
    code = getattr(inspect.unwrap(getattr(function.function, '__func__', function.function)), '__code__', None)
    return plugin.path is not None and code is not None and code.co_filename == plugin.path
