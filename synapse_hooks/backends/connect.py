"""Which backend a command or an action uses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from synapse_hooks.backends.synapse.connection import resolve
from synapse_hooks.backends.workspace import Workspace
from synapse_hooks.context import BackendClient
from synapse_hooks.errors import ConfigError
from synapse_hooks.storage import absolute

if TYPE_CHECKING:
    from synapse_hooks.backends.synapse.client import SynapseClient


def default_root(env: Mapping[str, str] = os.environ) -> Path:
    """The folder of the workspace where none is given: `SYNAPSE_WORKSPACE`, else one in the platform's user data.

    Raises:
        ConfigError: There is no home directory to find it in.

    Example:
        >>> default_root({'SYNAPSE_WORKSPACE': '/data/synapse'}).as_posix()
        '/data/synapse'
    """
    if chosen := env.get('SYNAPSE_WORKSPACE'):
        return absolute(chosen, 'SYNAPSE_WORKSPACE')
    from platformdirs import user_data_path

    try:
        return user_data_path('synapse-hooks', appauthor=False) / 'workspace'
    except RuntimeError as error:
        raise ConfigError(
            f'there is no folder for the workspace: {error}', hint='set SYNAPSE_WORKSPACE, or give --workspace DIR'
        ) from error


def connect(
    workspace: Path | None = None,
    host: str | None = None,
    env: Mapping[str, str] = os.environ,
    *,
    job: int | str | None = None,
) -> Workspace | SynapseClient:
    """The backend that is selected: `host`, then `workspace`, then the environment variables, then `default_root`.

    Nothing is requested from a backend yet.

    Args:
        workspace: The value of `--workspace`.
        host: The value of `--host`.
        env: The environment. An empty value counts as none.
        job: The job that is run: it belongs to a backend, unless a workspace is given.

    Raises:
        ConfigError: A host and a workspace, an unusable address, or no token for it.
    """
    if host and workspace is not None:
        raise ConfigError('both --host and --workspace were given', hint='give one of them')
    if workspace is not None:
        return Workspace(Path(workspace))
    connection = resolve(host, env, job=job is not None)
    if connection is None:
        return Workspace(default_root(env))
    from synapse_hooks.backends.synapse.client import SynapseClient

    return SynapseClient(connection, default_root(env), job=job)


def runs_folder(client: BackendClient | None = None) -> Path:
    """Where runs keep their directories by default.

    Example:
        >>> runs_folder(Workspace(Path('/data/synapse'))).as_posix()
        '/data/synapse/runs'
    """
    return (default_root() if client is None else client.root) / 'runs'
