"""Install plugins into the environment of this command, with pip or uv, and list what they brought.

NAME is a known plugin (`voc`), or what pip takes: a distribution (`acme-plugins>=2`), a wheel, a folder. What follows
`--` goes to pip or uv as it is: `synapse-hooks install voc -- --upgrade`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.installer import distribution_name, find_installer, full_name, warn_of_tool_environment
from synapse_hooks.cli.plugin_listing import origin, reasons
from synapse_hooks.cli.table import table
from synapse_hooks.errors import ConfigError, InstallationFailed
from synapse_hooks.plugins.discovery import installed_plugins
from synapse_hooks.plugins.known import DISTRIBUTIONS
from synapse_hooks.plugins.records import normalize
from synapse_hooks.terminal import write_stderr

PASSES_REST = True
PATIENCE: Final = 300.0
"""Seconds that importing all installed plugins may take; torch takes a minute from a cold disk."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The names; options of pip follow `--`."""
    parser.add_argument('names', metavar='NAME', nargs='*', help='a known plugin, or what pip takes')


def run(options: argparse.Namespace) -> CommandResult:
    """Install, and compare the plugins of before and after."""
    if not options.names and not options.rest:
        raise ConfigError('expected the name of a plugin', hint='for example `synapse-hooks install voc`')
    names = [full_name(name) for name in options.names]
    installer = find_installer(options.rest)
    for given, name in zip(options.names, names, strict=True):
        if given != name:
            write_stderr(f'{given} is {name}')
    before = {_key(vars(plugin)) for plugin in installed_plugins()}
    installer.run(installer.install, names, options.rest)
    found = _listed(names)
    new = [entry for entry in found if _key(entry) not in before]
    broken = [entry for entry in found if entry['state'] in ('broken', 'incompatible')]
    shown = [*new, *(entry for entry in broken if entry not in new)]
    if new:
        warn_of_tool_environment(list(dict.fromkeys(entry['distribution'] for entry in new)))
        rows = [[entry['name'], entry['kind'], entry['state'], origin(entry)] for entry in shown]
        text = table(['name', 'kind', 'state', 'from'], rows) + reasons(shown)
    else:
        text = _nothing_new(names, found) + (f'\n{reasons(broken)}' if broken else '')
    data = {'installer': installer.name, 'names': names, 'plugins': new, 'broken': broken}
    wanted = {distribution_name(name) for name in names}
    failed = any(entry in new or normalize(entry['distribution']) in wanted for entry in broken)
    return CommandResult(data, text, 1 if failed else 0, has_side_effects=True)


def _key(entry: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(entry[name]) for name in ('distribution', 'version', 'kind', 'name'))


def _nothing_new(names: list[str], found: list[dict[str, Any]]) -> str:
    """Why no plugin was added."""
    distributions = [distribution_name(name) for name in names]
    having = [entry for entry in found if normalize(entry['distribution']) in distributions]
    if names and {*distributions} == {normalize(entry['distribution']) for entry in having}:
        plugins = ', '.join(f'{entry["kind"]} {entry["name"]} from {origin(entry)}' for entry in having)
        return f'{", ".join(names)}: the same plugins as before: {plugins}'
    if names and {*distributions} <= {*DISTRIBUTIONS}:
        return f'{", ".join(names)}: installed; there are no plugins in it'
    return f'{", ".join(names) or "what was installed"}: no plugin of synapse-hooks was added'


def _listed(names: list[str]) -> list[dict[str, Any]]:
    """The installed plugins as a new process finds them, which imports each of them, without any project."""
    # What a plugin has left running may still write to the folder.
    with tempfile.TemporaryDirectory(prefix='synapse-hooks-', ignore_cleanup_errors=True) as folder:
        try:
            output = _output([sys.executable, '-m', 'synapse_hooks.cli', 'plugins', '--json'], Path(folder))
        except subprocess.TimeoutExpired as error:
            known = ' '.join(filter(None, map(distribution_name, names))) or 'NAME'
            raise InstallationFailed(
                f'the distributions are installed; importing all installed plugins took more than {PATIENCE:g} seconds',
                hint=f'if the new ones are the cause, remove them: `synapse-hooks uninstall {known}`',
            ) from error
    # A plugin may write to stdout before and after it.
    for line in reversed(output.splitlines()):
        try:
            return [entry for entry in json.loads(line)['plugins'] if entry['rank'] == 'installed']
        except (KeyError, TypeError, ValueError):
            continue
    raise InstallationFailed(
        'the distributions are installed, and synapse-hooks does not start any more',
        hint='`synapse-hooks doctor` reports why; an older version: `synapse-hooks install -- NAME==VERSION`',
    )


def _output(command: list[str], folder: Path) -> bytes:
    """What a command writes to stdout until it ends. Processes that it has started are not waited for.

    If it does not end in time, or Ctrl-C is pressed, its process group is killed.

    Args:
        command: Its words.
        folder: Where it starts, and where its output is kept.

    Raises:
        subprocess.TimeoutExpired: It did not end.
    """
    file = folder / 'stdout.txt'
    # A file and no pipe: a process in the background keeps a pipe open.
    with file.open('wb') as stdout:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        process.wait(PATIENCE)
    finally:
        if process.returncode is None:
            # macOS refuses where the process has ended just now.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return file.read_bytes()
