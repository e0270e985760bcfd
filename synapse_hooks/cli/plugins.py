"""Every plugin that is here: state and reason, distribution, version, hooks, path, import time.

Everything that may take part is imported, so that what is broken is seen to be.
"""

from __future__ import annotations

import argparse

from synapse_hooks.cli.common import Answer
from synapse_hooks.cli.inspection import entries, inspect_plugins, origin, reasons
from synapse_hooks.cli.table import table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing besides what every command has."""


def run(options: argparse.Namespace) -> Answer:
    """List the plugins."""
    data = entries(inspect_plugins(options, load_all=True))
    rows = []
    for entry in data:
        took = None if entry['import_ms'] is None else f'{entry["import_ms"]:.1f} ms'
        hooks = ', '.join(entry['hooks'])
        rows.append([entry['name'], entry['kind'], entry['state'], origin(entry), hooks, took, entry['path']])
    text = table(['name', 'kind', 'state', 'from', 'hooks', 'import', 'path'], rows) + reasons(data)
    return Answer({'plugins': data}, text)
