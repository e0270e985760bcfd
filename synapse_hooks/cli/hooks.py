"""The hooks: what each does, and the plugins that this project calls for it, in order.

Without a name: all hooks. With a name: its contract and the order of calls, wrappers first. The methods of an action
are called before all of these.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Collection
from typing import Any

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.plugin_listing import ambiguities, entries, inspect_plugins, reasons
from synapse_hooks.cli.table import table
from synapse_hooks.errors import ConfigError, suggest
from synapse_hooks.hookspecs import HookSpecs, arguments, describe, hook_names, semantics
from synapse_hooks.plugins import Plugins
from synapse_hooks.plugins.records import Kind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The hook's name."""
    parser.add_argument('name', nargs='?', metavar='HOOK', help='one hook')


def run(options: argparse.Namespace) -> CommandResult:
    """List the hooks, or show one."""
    plugins = inspect_plugins(options)
    shared = ambiguities(plugins)
    if options.name is None:
        hooks = [_hook(plugins, name, shared) for name in hook_names()]
        rows = [
            [h['name'], h['semantics'], ', '.join(h['arguments']), ' > '.join(p['name'] for p in h['order'])]
            for h in hooks
        ]
        shown = table(['hook', 'semantics', 'arguments', 'called in this order'], rows)
        return CommandResult({'hooks': hooks}, shown + _not_loaded(plugins))
    if options.name not in hook_names():
        hint = suggest(options.name, hook_names()) or f'the hooks are {", ".join(hook_names())}'
        raise ConfigError(f'there is no hook {options.name!r}', hint=hint, name=options.name)
    hook = _hook(plugins, options.name, shared)
    return CommandResult(hook, _page(hook) + _not_loaded(plugins))


def _not_loaded(plugins: Plugins) -> str:
    return reasons([entry for entry in entries(plugins) if entry['state'] in ('broken', 'incompatible')])


def _hook(plugins: Plugins, name: str, shared: Collection[tuple[Kind, str]]) -> dict[str, Any]:
    order = [
        {**plugin.to_dict(), 'role': 'ambiguous' if (plugin.kind, plugin.name) in shared else role}
        for plugin, role in plugins.order(name)
    ]
    return {
        'name': name,
        'semantics': semantics(name),
        'meaning': describe(name),
        'arguments': list(arguments(name)),
        'description': inspect.getdoc(getattr(HookSpecs, name)),
        'order': order,
    }


def _page(hook: dict[str, Any]) -> str:
    rows = [
        [
            place,
            entry['name'],
            entry['role'],
            entry['rank'],
            f'{entry["distribution"]} {entry["version"]}' if entry['distribution'] else None,
        ]
        for place, entry in enumerate(hook['order'], 1)
    ]
    calls = table(['', 'plugin', 'role', 'rank', 'from'], rows) if rows else 'no plugin'
    return (
        f'{hook["name"]}({", ".join(hook["arguments"])})\n'
        f'{hook["semantics"]}: {hook["meaning"]}\n\n{hook["description"]}\n\nCalled in this order '
        f"(an action's own method goes first):\n{calls}"
    )
