"""Uninstall plugins from the environment of this command, with pip or uv.

NAME is a distribution with plugins, or the name of one of its plugins. What follows `--` goes to pip or uv as it is.
"""

from __future__ import annotations

import argparse
import importlib
import re
from importlib import metadata

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.confirmation import is_confirmed
from synapse_hooks.cli.installer import find_installer, known_names
from synapse_hooks.errors import ConfigError, InstallationFailed, suggest
from synapse_hooks.plugins.discovery import DISTRIBUTION, installed_plugins, requires_us
from synapse_hooks.plugins.records import normalize
from synapse_hooks.terminal import write_stderr

PASSES_REST = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The names; options of pip follow `--`."""
    parser.add_argument('names', metavar='NAME', nargs='+', help='a distribution, or one of its plugins')
    parser.add_argument('--yes', action='store_true', help='do not ask')


def run(options: argparse.Namespace) -> CommandResult:
    """Find the distributions, ask, and uninstall them."""
    distributions = list(dict.fromkeys(_distribution(name) for name in options.names))
    plugins = {name: _plugins_of(name) for name in distributions}
    installer = find_installer(options.rest)
    question = ', '.join(f'{name} ({", ".join(found) or "no plugin"})' for name, found in plugins.items())
    for name, needing in _needed(distributions).items():
        write_stderr(f'warning: {name} is required by {", ".join(needing)}, which may stop working without it')
    if not options.yes and not is_confirmed(f'uninstall {question}?'):
        return CommandResult({'installer': installer.name, 'removed': []}, 'nothing was uninstalled', 1)
    installer.run(installer.uninstall, distributions, options.rest)
    importlib.invalidate_caches()
    left = [name for name in distributions if _installed(name)]
    if left:
        raise InstallationFailed(
            f'{", ".join(left)}: still installed, outside of this environment',
            hint=f'uninstall it where it is: {metadata.distribution(left[0]).locate_file("")}',
            names=left,
        )
    removed = [{'distribution': name, 'plugins': found} for name, found in plugins.items()]
    data = {'installer': installer.name, 'removed': removed}
    return CommandResult(data, f'uninstalled {question}', has_side_effects=True)


def _distribution(name: str) -> str:
    """The distribution that a name means.

    Raises:
        ConfigError: There is none, or it is not one to uninstall here.
    """
    wanted = normalize(name)
    if wanted == DISTRIBUTION:
        raise ConfigError(
            f'{DISTRIBUTION} is this program itself', hint=f'`python -m pip uninstall {DISTRIBUTION}` removes it'
        )
    plugins = [plugin for plugin in installed_plugins() if plugin.distribution]
    by_distribution = {normalize(str(plugin.distribution)): str(plugin.distribution) for plugin in plugins}
    if wanted in by_distribution:
        return by_distribution[wanted]
    named = sorted({str(plugin.distribution) for plugin in plugins if normalize(plugin.name) == wanted})
    if len(named) == 1:
        return named[0]
    if named:
        raise ConfigError(
            f'several distributions have a plugin {name!r}: {", ".join(named)}', hint='name the distribution'
        )
    name = known_names().get(wanted, name)
    if not _installed(name):
        near = suggest(wanted, [*by_distribution, *(plugin.name for plugin in plugins)])
        raise ConfigError(
            f'no distribution or plugin {name!r} is installed' + (f'; {near}' if near else ''),
            hint='`synapse-hooks plugins` lists what is installed',
        )
    distribution = metadata.distribution(name)
    if not requires_us(distribution):
        raise ConfigError(
            f'{distribution.name} is not a plugin of {DISTRIBUTION}',
            hint=f'`python -m pip uninstall {distribution.name}` removes it',
        )
    return distribution.name


def _needed(names: list[str]) -> dict[str, list[str]]:
    """The distributions which stay and require one of those with these names, by that name."""
    removed = {normalize(name): name for name in names}
    needed: dict[str, set[str]] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata['Name']
        if not name or normalize(name) in removed:
            continue
        for line in distribution.requires or ():
            required = re.match(r'[\w.-]+', line)
            # What only an extra requires may not be in use.
            if required and normalize(required[0]) in removed and not re.search(r';.*\bextra\b', line):
                needed.setdefault(removed[normalize(required[0])], set()).add(name)
    return {name: sorted(needing) for name, needing in needed.items()}


def _plugins_of(distribution: str) -> list[str]:
    own = [plugin for plugin in installed_plugins() if plugin.distribution == distribution]
    return sorted(f'{plugin.kind} {plugin.name}' for plugin in own)


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except (metadata.PackageNotFoundError, ValueError):
        return False
    return True
