"""From a record to an object: importing a plugin, and the error where it cannot be imported."""

from __future__ import annotations

import importlib
import inspect
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

from synapse_hooks.errors import PluginBroken, PluginIncompatible
from synapse_hooks.plugins.files import import_file, import_module
from synapse_hooks.plugins.records import Plugin
from synapse_hooks.plugins.validation import HookFunction, faults, hook_functions
from synapse_hooks.safe_text import described
from synapse_hooks.storage.user_paths import working_directory
from synapse_hooks.version import __version__


def load(plugin: Plugin, root: Path | None = None) -> list[HookFunction]:
    """Import a plugin, once, and validate it.

    Args:
        plugin: Its record; path, import time, state and reason are noted on it.
        root: The project's folder, for a project's own plugins.

    Returns:
        Its hook functions.

    Raises:
        PluginIncompatible: It was written for another version; nothing is imported.
        PluginBroken: The import fails (the reason is the `__cause__`), or hooks are invalid (`faults`).
    """
    if plugin.state == 'incompatible':
        raise PluginIncompatible(
            f'{plugin.who} is not compatible with this synapse-hooks: {plugin.reason}',
            hint=fix_hint(plugin),
            kind=plugin.kind,
            name=plugin.name,
            distribution=plugin.distribution,
            requirement=f'synapse-hooks{plugin.requires}',
            version=__version__,
        )
    if plugin.error is not None:
        raise plugin.error
    started = time.perf_counter()
    try:
        loaded = _import(plugin, root)
        if inspect.isclass(loaded):
            loaded, plugin.is_made = loaded(), True
    except (Exception, SystemExit) as error:
        raise _broken(plugin, described(error)) from error
    plugin.import_ms = (time.perf_counter() - started) * 1000
    plugin.path = _file_of(loaded)
    return validated(plugin, loaded)


def fix_hint(plugin: Plugin) -> str:
    """What to do about a plugin that is broken or incompatible."""
    file, colon, attribute = plugin.target.partition(':')
    if colon and file.endswith('.py'):
        module = file.removeprefix('./').removesuffix('.py').replace('/', '.')
        return f'write "{module}:{attribute}": what is before the colon must be a module, not a file'
    if plugin.rank != 'installed':
        return f'fix {plugin.target}'
    name = plugin.name
    keep_out = f'keep it out: `--block {name}`, or in pyproject.toml [tool.synapse_hooks] block = ["{name}"]'
    if plugin.state == 'incompatible':
        # Given both names, pip finds versions that are compatible, whichever of the two is outdated.
        return f'`pip install --upgrade synapse-hooks {plugin.distribution}`, or {keep_out}'
    return f'upgrade or uninstall {plugin.distribution}, or {keep_out}'


def validated(plugin: Plugin, loaded: object) -> list[HookFunction]:
    """The hook functions of an object that is here already.

    Raises:
        PluginBroken: With every fault, at once.
    """
    try:
        problems = faults(loaded, plugin.kind)
    except (Exception, SystemExit) as error:
        # A property of it, or its `__getattr__`.
        raise _broken(plugin, described(error)) from error
    if problems:
        numbered = ' '.join(f'({number}) {fault}' for number, fault in enumerate(problems, 1))
        raise _broken(plugin, numbered if len(problems) > 1 else problems[0], faults=problems)
    plugin.loaded = loaded
    return hook_functions(loaded)


def _broken(plugin: Plugin, reason: str, **facts: Any) -> PluginBroken:
    error = PluginBroken(
        f'{plugin.who} is broken: {reason}',
        hint=fix_hint(plugin),
        kind=plugin.kind,
        name=plugin.name,
        distribution=plugin.distribution,
        **facts,
    )
    plugin.state, plugin.reason, plugin.error = 'broken', reason, error
    return error


def _import(plugin: Plugin, root: Path | None) -> Any:
    if plugin.target.endswith('.py'):
        return import_file((root or working_directory()) / plugin.target)
    name, _, attribute = plugin.target.partition(':')
    name = name.strip()
    # A project need not be installed for its own modules to be found.
    loaded: Any = import_module(name, root) if plugin.rank == 'project' and root else importlib.import_module(name)
    for part in filter(None, attribute.split('[')[0].strip().split('.')):
        loaded = getattr(loaded, part)
    return loaded


def _file_of(loaded: object) -> str | None:
    module = loaded if isinstance(loaded, ModuleType) else sys.modules.get(type(loaded).__module__)
    return getattr(module, '__file__', None)
