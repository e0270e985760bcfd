"""The plugins that a run of this project would use, for the commands that list them."""

from __future__ import annotations

import argparse
import warnings
from contextlib import suppress
from typing import Any

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.table import table
from synapse_hooks.errors import PluginAmbiguous, SelectionError
from synapse_hooks.plugins import Plugins, PluginWarning, build, load_settings
from synapse_hooks.plugins.records import Kind
from synapse_hooks.plugins.validation import LAZY_HOOKS


def inspect_plugins(options: argparse.Namespace, *, load_all: bool = False) -> Plugins:
    """The plugins of this project.

    Args:
        options: `block` and `only`.
        load_all: Also import the plugins that a run imports only when they are selected by name.
    """
    settings = load_settings(block=options.block, only=options.only)
    with warnings.catch_warnings():
        # A listing shows what is wrong with plugins, so no warnings are needed.
        warnings.simplefilter('ignore', PluginWarning)
        plugins = build(settings, refuse=False)
        for catalogue in plugins.catalogues.values() if load_all else ():
            for plugin in catalogue.plugins:
                if plugin.state == 'available':
                    with suppress(SelectionError):
                        catalogue.adapter(plugin)
    return plugins


def ambiguities(plugins: Plugins) -> dict[tuple[Kind, str], PluginAmbiguous]:
    """The error for every name of a kind that two distributions provide and that is not pinned."""
    errors: dict[tuple[Kind, str], PluginAmbiguous] = {}
    for kind, catalogue in plugins.catalogues.items():
        for name in dict.fromkeys(plugin.name for plugin in catalogue.plugins):
            try:
                catalogue.select(name)
            except PluginAmbiguous as error:
                errors[kind, name] = error
            except SelectionError:
                continue
    return errors


def entries(plugins: Plugins) -> list[dict[str, Any]]:
    """Every plugin as JSON values; those that share a name with another one have the state `ambiguous`."""
    ambiguous = ambiguities(plugins)
    listed = []
    for plugin in plugins.records:
        entry = plugin.to_dict()
        error = ambiguous.get((plugin.kind, plugin.name))
        if error is not None and plugin.state in ('available', 'active'):
            entry.update(state='ambiguous', reason=f'{error.problem}; {error.hint}')
        listed.append(entry)
    return listed


def list_kind(options: argparse.Namespace, kind: Kind, key: str) -> CommandResult:
    """The result of `formats` and `autologgers`."""
    plugins = inspect_plugins(options)
    # A format or autologger of the project has the kind `plugin`.
    hooks = set(LAZY_HOOKS[kind])
    data = [e for e in entries(plugins) if e['kind'] == kind or (e['rank'] == 'project' and hooks & set(e['hooks']))]
    # A format is selected by its own name, not by its entry in pyproject.toml.
    names = own_names(plugins)
    for entry in data:
        entry['name'] = names.get(entry['name'], entry['name'])
    data.sort(key=lambda entry: str(entry['name']))
    rows = [[e['name'], e['state'], origin(e)] for e in data]
    text = table(['name', 'state', 'from'], rows) + reasons(data)
    if not any(entry['rank'] == 'installed' for entry in data):
        text += f'\n\nMore can be installed with pip: distributions with an entry point in synapse_hooks.{key}.'
    return CommandResult({key: data}, text)


def own_names(plugins: Plugins) -> dict[str, str]:
    """The names of the project's own formats, by their entries in pyproject.toml."""
    project = [plugin for plugin in plugins.records if plugin.rank == 'project']
    return {plugin.name: name for plugin in project if (name := getattr(plugin.loaded, 'name', ''))}


def origin(entry: dict[str, Any]) -> str:
    """Distribution and version, or the rank of a plugin without a distribution."""
    return f'{entry["distribution"]} {entry["version"]}' if entry['distribution'] else str(entry['rank'])


def reasons(data: list[dict[str, Any]]) -> str:
    """A paragraph with each reason once, and with what a plugin uses that will be removed."""
    with_reason = (e for e in data if e['reason'])
    lines = dict.fromkeys(
        f'{e["name"]} is {e["state"]}: {e["reason"]}' + (f'; {e["fix"]}' if e['fix'] else '') for e in with_reason
    )
    lines.update(dict.fromkeys(f'{e["name"]} must be changed: {text}' for e in data for text in e['deprecated']))
    return '\n\n' + '\n'.join(lines) if lines else ''
