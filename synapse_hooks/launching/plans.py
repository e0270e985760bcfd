"""The plan of a run that is launched, and what a worker must have in common with the driver."""

from __future__ import annotations

import math
import platform
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synapse_hooks.errors import LaunchError
from synapse_hooks.journal import RunDirectory, git_revision
from synapse_hooks.launches import RunPlan
from synapse_hooks.plugins import Plugins
from synapse_hooks.steps import RunSetup
from synapse_hooks.steps.state import plain
from synapse_hooks.storage import disk_errors
from synapse_hooks.storage.user_paths import working_directory
from synapse_hooks.version import __version__


def plan_of(setup: RunSetup, directory: RunDirectory, plugins: Plugins) -> RunPlan:
    """The plan of a run whose directory exists. The folder of its workspace is made, unless it is there.

    Args:
        setup: The run, in this process.
        directory: Its directory.
        plugins: Those of this process.

    Raises:
        LaunchError: It holds what cannot travel.
        StorageError: The workspace cannot be made.
    """
    ctx = setup.ctx
    refuse_objects(setup)
    cwd = Path(directory.read().get('runtime', {}).get('cwd') or working_directory())
    params: dict[str, Any] = _travelling(setup.params.model_dump(), plain(setup.params), 'the parameter')
    if params.get('data_path') is not None:
        # A worker may have the project in another folder, and data are not sent.
        params['data_path'] = str(cwd / params['data_path'])
    address = {} if ctx.client is None else ctx.client.address
    if 'workspace' in address:
        # Made here, so that a worker which does not find it has another disk.
        with disk_errors(address['workspace']):
            Path(address['workspace']).mkdir(parents=True, exist_ok=True)
    return RunPlan(
        target=str(ctx.target),
        run_dir=str(directory.path),
        params=params,
        address=address,
        plugins=taking_part(plugins),
        python=platform.python_version(),
        synapse_hooks=__version__,
        git=git_revision(cwd) if cwd.is_dir() else None,
        cwd=str(cwd),
        project=None if ctx.project is None else str(ctx.project),
        job_id=ctx.job_id,
        run_name=ctx.run_name,
        block=tuple(ctx.block),
        only=tuple(ctx.only),
        strict=ctx.strict,
        allow_pickle=tuple(ctx.allow_pickle),
        deadlines=dict(ctx.deadlines),
        trace=ctx.trace,
        checkpoint=plain(ctx.checkpoint),
        resume=ctx.resume,
        from_stage=ctx.from_stage,
        until=ctx.until,
    )


def _travelling(value: Any, written: Any, name: str) -> Any:
    """`written`, the JSON form of a value, with the secrets that it hides.

    Raises:
        LaunchError: A part of it has no JSON form.
    """
    if callable(reveal := getattr(value, 'get_secret_value', None)):
        secret = reveal()
        return secret.decode() if isinstance(secret, bytes) else plain(secret)
    if isinstance(value, float) and not math.isfinite(value):
        raise LaunchError(
            f'{name} is {value}, which cannot travel to a worker: JSON has no such number',
            hint='use a number, or None, and let the action decide what it means',
        )
    if isinstance(value, Mapping) and isinstance(written, dict) and len(value) == len(written):
        pairs = zip(value.values(), written.items(), strict=True)
        return {key: _travelling(part, shown, f'{name} {key}') for part, (key, shown) in pairs}
    if isinstance(value, list | tuple) and isinstance(written, list) and len(value) == len(written):
        return [_travelling(part, shown, name) for part, shown in zip(value, written, strict=True)]
    return written


def taking_part(plugins: Plugins) -> dict[str, str]:
    """The plugins that may take part in a run, with their versions. Launchers do not: they run it."""
    return {name: version for name, version in plugins.versions().items() if not name.startswith('launcher:')}


def check_worker(plan: RunPlan, plugins: Plugins) -> None:
    """Compare what this process has with what the driver had.

    Args:
        plan: What the driver sent.
        plugins: The plugins of this process.

    Raises:
        LaunchError: It names every difference, with both sides.
    """
    ours = {'synapse-hooks': __version__, 'Python': _minor(platform.python_version()), **taking_part(plugins)}
    theirs = {'synapse-hooks': plan.synapse_hooks, 'Python': _minor(plan.python), **plan.plugins}
    different = [name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)]
    if different:
        sentences = [
            f'{name}: the driver has {theirs.get(name) or "none"}, the worker has {ours.get(name) or "none"}'
            for name in different
        ]
        raise LaunchError(
            f'the worker {platform.node()} differs from the driver: {"; ".join(sentences)}',
            hint='install the same versions on both sides, or leave a plugin out of both with `--block NAME`',
            different=different,
        )


def warn_of_revision(plan: RunPlan) -> None:
    """Warn if the code of the worker has another git revision than that of the driver, where both are known.

    Args:
        plan: What the driver sent.
    """
    theirs, ours = plan.git, git_revision(working_directory())
    if theirs is not None and ours is not None and theirs.get('sha') != ours['sha']:
        warnings.warn(
            f'the code of the driver has git revision {theirs.get("sha")}, that of the worker has {ours["sha"]}',
            stacklevel=2,
        )


def _minor(version: str) -> str:
    return '.'.join(version.split('.')[:2])


def refuse_objects(setup: RunSetup) -> None:
    """Refuse a run whose action has no name, or that has plugins which are objects of this process.

    Raises:
        LaunchError: It cannot travel.
    """
    ctx = setup.ctx
    if ctx.target is None:
        raise LaunchError(
            f'the action {setup.action} has no name by which a worker can import it',
            hint="give RuntimeContext(target='module:Class') or '/path/file.py:Class'",
        )
    if ctx.plugins:
        names = ', '.join(type(plugin).__name__ for plugin in ctx.plugins)
        raise LaunchError(
            f'plugins that are passed as objects cannot travel to a worker: {names}',
            hint='list them under `plugins` in pyproject.toml, or install them',
        )
