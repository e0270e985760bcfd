"""Every plugin that is installed: state and reason, distribution, version, hooks, path, import time.

Every plugin that may take part is imported, so that one that cannot be imported is listed as broken.
"""

from __future__ import annotations

import argparse

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.plugin_listing import entries, inspect_plugins, origin, reasons
from synapse_hooks.cli.table import table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No options besides those of every command."""


def run(options: argparse.Namespace) -> CommandResult:
    """List the plugins."""
    data = entries(inspect_plugins(options, load_all=True))
    rows = []
    for entry in data:
        took = None if entry['import_ms'] is None else f'{entry["import_ms"]:.1f} ms'
        hooks = ', '.join(entry['hooks'])
        rows.append([entry['name'], entry['kind'], entry['state'], origin(entry), hooks, took, entry['path']])
    text = table(['name', 'kind', 'state', 'from', 'hooks', 'import', 'path'], rows) + reasons(data)
    return CommandResult({'plugins': data}, text)
