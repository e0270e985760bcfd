"""The action as a plugin: which hooks a subclass of the action answers, and with what."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, Final

from synapse_hooks.errors import PluginBroken, suggest
from synapse_hooks.hookspecs import PROJECT, hook_names
from synapse_hooks.plugins import HookFunction, function_faults, hook_functions

HELPERS: Final = (
    'launch',
    'tune',
    'autolog',
    'log_params',
    'log_metrics',
    'log_message',
    'log_artifact',
    'log_status',
    'log_system',
    'progress_changed',
    'sink_closed',
)
"""Hooks that an action does not answer by overriding: their names belong to its helper methods."""
ACTION_HOOKS: Final = tuple(hook for hook in hook_names() if hook not in HELPERS)


def overridden_hooks(action: object, base: type) -> Sequence[HookFunction]:
    """The hooks that the action's class overrides, each with its bound method.

    Args:
        action: The action.
        base: The class whose methods are not overrides.

    Raises:
        PluginBroken: An override has arguments that the hook does not have, or is marked for another hook; every
            fault is listed.

    Warns:
        UserWarning: A method looks like a misspelt hook.
    """
    found = []
    for hook in ACTION_HOOKS:
        if getattr(type(action), hook) is getattr(base, hook):
            continue
        method = getattr(action, hook)
        marker = getattr(method, f'{PROJECT}_impl', None) or {}
        # `tryfirst` and registered last: no plugin is nearer than the action.
        found.append(HookFunction(hook, method, {**_options(marker), 'tryfirst': True, 'trylast': False}))
    wrong = [*_misplaced(action), *(fault for function in found for fault in function_faults(function))]
    if wrong:
        raise PluginBroken(
            f'the action {type(action).__name__} is broken: {"; ".join(wrong)}',
            hint=f'fix {inspect.getsourcefile(type(action)) or type(action).__name__}',
            kind='plugin',
            name=type(action).__name__,
            faults=wrong,
        )
    _warn_of_near_names(action, base)
    return found


def _misplaced(action: object) -> Iterator[str]:
    """Methods that are marked as answers to hooks under names at which they are not called."""
    for answer in hook_functions(action):
        name, hook = answer.function.__name__, answer.hook
        if hook not in hook_names():
            yield from function_faults(answer)
        elif hook in HELPERS:
            yield f'{name}() is marked for the hook {hook!r}, which an action cannot answer: move it into a plugin'
        elif getattr(action, hook) != answer.function:
            yield f'{name}() is marked for the hook {hook!r}: a method of an action must have the name of its hook'


def _options(marker: dict[str, Any]) -> dict[str, Any]:
    plain = {'wrapper': False, 'hookwrapper': False, 'optionalhook': False, 'specname': None}
    return {**plain, **{name: value for name, value in marker.items() if name in plain}}


def _warn_of_near_names(action: object, base: type) -> None:
    for kind in type(action).__mro__:
        if kind is base or kind is object or not issubclass(kind, base):
            continue
        for name, value in vars(kind).items():
            if name.startswith('_') or not inspect.isfunction(value) or hasattr(base, name):
                continue
            # A shorter distance than for names that were typed: a method may well be called `run_steps`.
            if _distance_of_one(name) and suggest(name, ACTION_HOOKS):
                warnings.warn(f'{kind.__name__}.{name}() is not a hook; {suggest(name, ACTION_HOOKS)}', stacklevel=4)


def _distance_of_one(name: str) -> bool:
    """Whether `name` has the letters of a hook, but for one at most: swapped, missing or doubled."""
    letters = sorted(name)
    for hook in ACTION_HOOKS:
        if abs(len(hook) - len(name)) <= 1 and len(hook) > 5:
            remaining = list(letters)
            for letter in hook:
                if letter in remaining:
                    remaining.remove(letter)
            if len(remaining) + max(0, len(hook) - len(name)) <= 1:
                return True
    return False
