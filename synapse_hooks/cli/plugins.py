"""Every plugin that is here: state and reason, distribution, version, hooks, path, import time.

Everything that may take part is imported, so that what is broken is seen to be.
"""

from __future__ import annotations

import argparse

from synapse_hooks.cli.common import Answer
from synapse_hooks.cli.inspection import inspect_plugins
from synapse_hooks.cli.table import table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing besides what every command has."""


def run(options: argparse.Namespace) -> Answer:
    """List the plugins."""
    plugins = inspect_plugins(options, load_all=True)
    rows = []
    for plugin in plugins.records:
        took = None if plugin.import_ms is None else f'{plugin.import_ms:.1f} ms'
        origin = f'{plugin.distribution} {plugin.version}' if plugin.distribution else plugin.rank
        rows.append([plugin.name, plugin.kind, plugin.state, origin, ','.join(plugin.hooks), took, plugin.path])
    text = table(['name', 'kind', 'state', 'from', 'hooks', 'import', 'path'], rows)
    reasons = [f'{plugin.name}: {plugin.state}: {plugin.reason}' for plugin in plugins.records if plugin.reason]
    if reasons:
        text += '\n\n' + '\n'.join(reasons)
    return Answer({'plugins': [plugin.to_dict() for plugin in plugins.records]}, text)
