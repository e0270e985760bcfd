"""Checks of a plugin or a distribution, which report every fault at once.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

import inspect

from synapse_hooks.errors import SynapseHooksError
from synapse_hooks.formats import BaseFormat, Format
from synapse_hooks.plugins.discovery import GROUPS, installed_plugins
from synapse_hooks.plugins.loading import load
from synapse_hooks.plugins.records import Kind, Plugin, normalize
from synapse_hooks.plugins.validation import faults, hook_functions


def check_plugin(plugin: object, kind: Kind | None = None) -> tuple[str, ...]:
    """Check a plugin as a run does when it registers it, and more.

    Args:
        plugin: A module, an instance, a class, or the value of an entry point: `module` or `module:attribute`.
        kind: `format` or `autologger` for a plugin of those groups; None is `format` for a `BaseFormat`, else `plugin`.

    Returns:
        The hooks that it answers.

    Raises:
        AssertionError: With every fault, one a line.

    Example:
        >>> from synapse_hooks import hookimpl
        >>> class Shy:
        ...     @hookimpl
        ...     def convret(self, context, dataset, target):
        ...         return None
        >>> check_plugin(Shy())
        Traceback (most recent call last):
            ...
        AssertionError: Shy is not a valid plugin:
          there is no hook 'convret'; did you mean 'convert'?
    """
    if isinstance(plugin, str):
        return _checked(Plugin(plugin, kind or 'plugin', 'project', plugin), kind)
    name = getattr(plugin, '__name__', None) or type(plugin).__name__
    loaded = plugin() if inspect.isclass(plugin) else plugin
    problems = _faults(loaded, kind)
    assert not problems, _message(f'{name} is not a valid plugin', problems)
    return _hooks(loaded)


def check_distribution(name: str) -> dict[str, tuple[str, ...]]:
    """Check all plugins of an installed distribution: its entry points, their names, and the plugins themselves.

    Args:
        name: The name of the distribution, as in `pip install NAME`.

    Returns:
        The hooks that each plugin answers, by the entry point's name.

    Raises:
        AssertionError: With every fault, one a line.
    """
    plugins = [plugin for plugin in installed_plugins() if normalize(plugin.distribution or '') == normalize(name)]
    assert plugins, (
        f'no plugin of a distribution {name!r} is installed: its entry points must be in the groups '
        f'{", ".join(GROUPS)}; after a change to them: pip install -e .'
    )
    problems: list[str] = []
    hooks: dict[str, tuple[str, ...]] = {}
    for plugin in plugins:
        try:
            hooks[plugin.name] = check_entry(plugin)
        except AssertionError as error:
            problems.append(str(error))
    assert not problems, _message(f'{name} is broken', problems)
    return hooks


def check_entry(plugin: Plugin) -> tuple[str, ...]:
    """Check the plugin of an entry point. Result and errors are those of `check_plugin`.

    Args:
        plugin: The record of the plugin.
    """
    return _checked(plugin, plugin.kind)


def _checked(plugin: Plugin, kind: Kind | None) -> tuple[str, ...]:
    try:
        load(plugin)
    except SynapseHooksError as error:
        # With faults, the plugin was loaded and its hooks are invalid; without, it could not be loaded.
        if 'faults' not in error.facts:
            raise AssertionError(f'{plugin.target}: {error.problem}') from error
        raise AssertionError(_message(f'{plugin.target} is not a valid plugin', error.faults)) from error
    problems = _faults(plugin.loaded, kind)
    own = getattr(plugin.loaded, 'name', plugin.name)
    if plugin.kind == 'format' and plugin.rank == 'installed' and own != plugin.name:
        problems.append(
            f'the name of the entry point is {plugin.name!r}, and that of the format {own!r}: they must be equal'
        )
    assert not problems, _message(f'{plugin.target} is not a valid plugin', problems)
    return _hooks(plugin.loaded)


def _faults(loaded: object, kind: Kind | None) -> list[str]:
    problems = faults(loaded, kind or ('format' if isinstance(loaded, BaseFormat) else 'plugin'))
    if isinstance(loaded, BaseFormat):
        name = getattr(loaded, 'name', None)
        if not isinstance(name, str) or not name.strip():
            problems.append(f'its `name` must be the name of the format, a non-empty string, not {name!r}')
        if not (reads(loaded) or writes(loaded)):
            problems.append('it can neither be read nor written: write a `read` or `write`, or a `source` or `sink`')
    return problems


def reads(format: BaseFormat) -> bool:
    """Whether the format can be read."""
    return _overrides(type(format), 'source', 'read')


def writes(format: BaseFormat) -> bool:
    """Whether the format can be written."""
    return _overrides(type(format), 'sink', 'write')


def _overrides(format: type[BaseFormat], in_batches: str, in_rows: str) -> bool:
    if getattr(format, in_batches) is getattr(Format, in_batches):
        return getattr(format, in_rows) is not getattr(Format, in_rows)
    return getattr(format, in_batches) is not getattr(BaseFormat, in_batches)


def _hooks(loaded: object) -> tuple[str, ...]:
    return tuple(sorted(function.hook for function in hook_functions(loaded)))


def _message(what: str, problems: list[str]) -> str:
    return f'{what}:\n' + '\n'.join(f'  {fault}' for fault in problems)
