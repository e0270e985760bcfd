"""Which backend a command or an action uses."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from synapse_hooks.backends.workspace import Workspace
from synapse_hooks.context import BackendClient
from synapse_hooks.errors import ConfigError
from synapse_hooks.storage import absolute


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
    workspace: Path | None = None, host: str | None = None, env: Mapping[str, str] = os.environ
) -> BackendClient:
    """The backend that is asked for: `host`, then `workspace`, then `SYNAPSE_HOST`, then `default_root`.

    Args:
        workspace: What `--workspace` says.
        host: What `--host` says.
        env: The environment. An empty value counts as none.

    Raises:
        ConfigError: A host, which this version cannot talk to, or a host and a workspace.
    """
    if host and workspace is not None:
        raise ConfigError('both --host and --workspace were given', hint='give one of them')
    if host:
        raise _no_host(host, '--host', 'leave --host out, or give --workspace DIR instead')
    if workspace is None and (host := env.get('SYNAPSE_HOST')):
        raise _no_host(host, 'SYNAPSE_HOST', 'unset SYNAPSE_HOST, or give --workspace DIR')
    return Workspace(Path(workspace) if workspace is not None else default_root(env))


def runs_folder(client: BackendClient | None = None) -> Path:
    """Where runs keep their directories unless told otherwise: in the workspace, or in the default one of a client
    that keeps nothing here.

    Example:
        >>> runs_folder(Workspace(Path('/data/synapse'))).as_posix()
        '/data/synapse/runs'
    """
    root = client.root if isinstance(client, Workspace) else default_root()
    return root / 'runs'


def _no_host(host: str, setting: str, hint: str) -> ConfigError:
    return ConfigError(
        f'{setting} asks for the backend {host}: this version has the embedded workspace only',
        hint=hint,
        setting=setting,
        host=host,
    )
