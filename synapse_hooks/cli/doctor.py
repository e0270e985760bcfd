"""Check this installation and project, and the backend that `train` would use: what is wrong, and how to fix it.

The exit code is 1 if something is wrong.
"""

from __future__ import annotations

import argparse
import platform
import shlex
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.plugin_listing import ambiguities, inspect_plugins
from synapse_hooks.cli.train import add_backend, add_job, chosen_job
from synapse_hooks.context import Finding
from synapse_hooks.errors import SynapseHooksError
from synapse_hooks.hookspecs import HOOK_API
from synapse_hooks.plugins.loading import fix_hint
from synapse_hooks.plugins.requirements import unmet_requirements
from synapse_hooks.version import __version__

_USED = ('active', 'available')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The backend and the job, as for `train`."""
    add_job(parser)
    add_backend(parser)


def run(options: argparse.Namespace) -> CommandResult:
    """Check everything."""
    checks = [*_environment(), *_backend(options), *_plugins(options)]
    ok = all(check.ok for check in checks)
    lines = []
    for check in checks:
        lines.append(f'{"ok  " if check.ok else "FAIL"}  {check.name}: {check.detail}')
        if not check.ok and check.fix:
            lines.append(f'      → {check.fix}')
    bad = sum(not check.ok for check in checks)
    lines.append('no problems found' if ok else f'{bad} of these {"needs" if bad == 1 else "need"} attention')
    return CommandResult({'ok': ok, 'checks': [check._asdict() for check in checks]}, '\n'.join(lines), 0 if ok else 1)


def _environment() -> Iterator[Finding]:
    yield Finding('python', sys.version_info >= (3, 11), platform.python_version(), 'install Python 3.11 or newer')
    yield Finding('synapse-hooks', True, __version__)
    yield Finding('hook API', True, f'version {HOOK_API}')
    for name in ('pluggy', 'pydantic'):
        yield Finding(name, True, metadata.version(name))
    ultralytics = next((v for name in ('ultralytics', 'ultralytics-opencv-headless') if (v := _version(name))), None)
    yield Finding('ultralytics', True, ultralytics or "not installed (pip install 'synapse-hooks[ultralytics]')")
    yield from _sdk()


def _sdk() -> Iterator[Finding]:
    from synapse_hooks.actions.target import SDK, SDK_COMPAT

    sdk, compat = _version('synapse-sdk'), _version(SDK_COMPAT)
    if sdk and compat:
        detail = f'synapse-sdk {sdk} is installed beside {SDK_COMPAT} {compat}, and its own package {SDK} is imported'
        yield Finding('synapse-sdk', False, detail, f'uninstall one of them: actions run here with {SDK_COMPAT} only')
    elif compat:
        yield Finding(SDK_COMPAT, True, f'{compat}: actions that were written for synapse-sdk run here')


def _backend(options: argparse.Namespace) -> Iterator[Finding]:
    from synapse_hooks.backends import connect

    try:
        client = connect(options.workspace, options.host, job=chosen_job(options))
    except SynapseHooksError as error:
        yield Finding('backend', False, error.problem, error.hint)
        return
    yield from client.diagnose()


def _plugins(options: argparse.Namespace) -> Iterator[Finding]:
    try:
        plugins = inspect_plugins(options, load_all=True)
    except SynapseHooksError as error:
        yield Finding('settings', False, error.problem, error.hint)
        return
    root = plugins.settings.root
    yield Finding('project', True, str(Path(root) / 'pyproject.toml') if root else 'no pyproject.toml here')
    ambiguous = ambiguities(plugins)
    for plugin in plugins.records:
        if (plugin.rank == 'built-in' and plugin.state == 'active') or (plugin.kind, plugin.name) in ambiguous:
            continue
        bad = plugin.state in ('broken', 'incompatible')
        detail = f'{plugin.who}: {plugin.state}' + ''.join(f': {text}' for text in (plugin.reason, plugin.fix) if text)
        fix = getattr(plugin.error, 'hint', '') or fix_hint(plugin)
        yield Finding(f'{plugin.kind} {plugin.name}', not bad, detail, fix if bad else '')
        for sentence in plugin.deprecated:
            # It works: what is to be done is not urgent, and the exit code is not 1.
            upgrade = f'; `pip install --upgrade {plugin.distribution}`' if plugin.rank == 'installed' else ''
            yield Finding(f'{plugin.kind} {plugin.name}', True, f'works, but must be changed: {sentence}{upgrade}')
    for (kind, name), shared in ambiguous.items():
        yield Finding(f'{kind} {name}', False, shared.problem, shared.hint)
    # What is broken has its reason, and what is blocked is not used.
    used = [plugin for plugin in plugins.records if plugin.rank == 'installed' and plugin.state in _USED]
    for distribution in dict.fromkeys(plugin.distribution for plugin in used if plugin.distribution):
        unmet = unmet_requirements(distribution)
        if unmet:
            detail = ', '.join(f'{wanted}: {found}' for wanted, found in unmet.items())
            fix = f'pip install {shlex.join(unmet)}'
            yield Finding(f'requirements of {distribution}', False, detail, fix)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
