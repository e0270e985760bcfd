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
from synapse_hooks.storage.user_paths import default_root

if TYPE_CHECKING:
    from synapse_hooks.backends.synapse.client import SynapseClient


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
