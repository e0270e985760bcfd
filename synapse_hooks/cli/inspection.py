"""The plugins as a run of this project would have them, for the commands that look at them."""

from __future__ import annotations

import argparse
import warnings
from contextlib import suppress
from typing import Any

from synapse_hooks.cli.common import Answer
from synapse_hooks.cli.table import table
from synapse_hooks.errors import SelectionError
from synapse_hooks.plugins import Plugin, Plugins, PluginWarning, build, load_settings
from synapse_hooks.plugins.records import Kind


def inspect_plugins(options: argparse.Namespace, *, load_all: bool = False) -> Plugins:
    """The plugins of this project.

    Args:
        options: `block` and `only`.
        load_all: Import also what a run would import only when it is asked for by name.
    """
    settings = load_settings(block=options.block, only=options.only)
    with warnings.catch_warnings():
        # A listing shows what is broken; it need not warn of it too.
        warnings.simplefilter('ignore', PluginWarning)
        plugins = build(settings)
    if load_all:
        for catalogue in plugins.catalogues.values():
            for plugin in catalogue.plugins:
                if plugin.state == 'available':
                    with suppress(SelectionError):
                        catalogue.adapter(plugin)
    return plugins


def shared_names(plugins: Plugins, kind: Kind) -> dict[str, str]:
    """Name to reason, for every name of a kind that two distributions provide and nobody pinned."""
    found = {}
    catalogue = plugins.catalogues[kind]
    for name in {plugin.name for plugin in catalogue.plugins}:
        try:
            catalogue.select(name)
        except SelectionError as error:
            if type(error).__name__ == 'PluginAmbiguous':
                found[name] = str(error)
    return found


def list_kind(options: argparse.Namespace, kind: Kind, key: str) -> Answer:
    """The answer of `formats` and `autologgers`."""
    plugins = inspect_plugins(options)
    ambiguous = shared_names(plugins, kind)
    records = sorted(plugins.catalogues[kind].plugins, key=lambda plugin: plugin.name)
    data = [_entry(plugin, ambiguous) for plugin in records]
    rows = [[e['name'], e['state'], f'{e["distribution"]} {e["version"]}', e['reason']] for e in data]
    text = table(['name', 'state', 'from', 'reason'], rows)
    if not any(plugin.rank == 'installed' for plugin in records):
        text += f'\n\nOthers come with pip: any distribution with an entry point in synapse_hooks.{key}.'
    return Answer({key: data}, text)


def _entry(plugin: Plugin, ambiguous: dict[str, str]) -> dict[str, Any]:
    entry = plugin.to_dict()
    if plugin.name in ambiguous and plugin.state in ('available', 'active'):
        entry.update(state='ambiguous', reason=ambiguous[plugin.name].replace('\n  → ', '; '))
    return entry
