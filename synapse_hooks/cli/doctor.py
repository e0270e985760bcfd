"""Check this installation and project: what is broken, and what to do about it. Exit code 1 when something is."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from synapse_hooks import __version__
from synapse_hooks.cli.common import Answer
from synapse_hooks.cli.inspection import ambiguities, inspect_plugins
from synapse_hooks.errors import SynapseHooksError
from synapse_hooks.plugins.loading import way_out

_LEAST_SPACE = 1 << 30


@dataclass
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    fix: str = ''
    """What to do, when it is not ok."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing besides what every command has."""


def run(options: argparse.Namespace) -> Answer:
    """Check everything."""
    checks = [*_environment(), *_backend(), *_plugins(options)]
    ok = all(check.ok for check in checks)
    lines = []
    for check in checks:
        lines.append(f'{"ok  " if check.ok else "FAIL"}  {check.name}: {check.detail}')
        if not check.ok and check.fix:
            lines.append(f'      → {check.fix}')
    lines.append('no problems found' if ok else f'{sum(not check.ok for check in checks)} of these need attention')
    return Answer({'ok': ok, 'checks': [asdict(check) for check in checks]}, '\n'.join(lines), 0 if ok else 1)


def _environment() -> Iterator[Check]:
    yield Check('python', sys.version_info >= (3, 11), platform.python_version(), 'install Python 3.11 or newer')
    yield Check('synapse-hooks', True, __version__)
    for name in ('pluggy', 'pydantic'):
        yield Check(name, True, metadata.version(name))
    found = next((v for name in ('ultralytics', 'ultralytics-opencv-headless') if (v := _version(name))), None)
    yield Check('ultralytics', True, found or "not installed (pip install 'synapse-hooks[ultralytics]')")


def _backend() -> Iterator[Check]:
    from synapse_hooks.backends import Workspace, connect

    try:
        client = connect()
    except SynapseHooksError as error:
        yield Check('backend', False, error.problem, error.hint)
        return
    if not isinstance(client, Workspace):
        return
    place = next(folder for folder in (client.root, *client.root.parents) if folder.exists())
    writable = os.access(place, os.W_OK)
    yield Check('workspace', writable, str(client.root), f'make {place} writable, or set SYNAPSE_WORKSPACE')
    try:
        client.list_datasets()
    except SynapseHooksError as error:
        yield Check('workspace records', False, error.problem, error.hint)
    free = shutil.disk_usage(place).free
    fix = f'free some space at {place}, or set SYNAPSE_WORKSPACE'
    yield Check('disk space', free >= _LEAST_SPACE, f'{free / 1e9:.1f} GB free', fix)


def _plugins(options: argparse.Namespace) -> Iterator[Check]:
    try:
        plugins = inspect_plugins(options, load_all=True)
    except SynapseHooksError as error:
        yield Check('settings', False, error.problem, error.hint)
        return
    root = plugins.settings.root
    yield Check('project', True, str(Path(root) / 'pyproject.toml') if root else 'no pyproject.toml here')
    ambiguous = ambiguities(plugins)
    for plugin in plugins.records:
        if (plugin.rank == 'built-in' and plugin.state == 'active') or (plugin.kind, plugin.name) in ambiguous:
            continue
        bad = plugin.state in ('broken', 'incompatible')
        detail = f'{plugin.who}: {plugin.state}' + ''.join(f': {text}' for text in (plugin.reason, plugin.fix) if text)
        fix = getattr(plugin.error, 'hint', '') or way_out(plugin)
        yield Check(f'{plugin.kind} {plugin.name}', not bad, detail, fix if bad else '')
    for (kind, name), shared in ambiguous.items():
        yield Check(f'{kind} {name}', False, shared.problem, shared.hint)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
