"""Serve the workspace over the protocol of a Synapse backend, on this machine only, for development.

The address, a token and a job to run are printed at the start; the page at the address shows datasets, models, jobs and
runs, also those that go on.
"""

from __future__ import annotations

import argparse
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.errors import ConfigError
from synapse_hooks.terminal import write_stderr

if TYPE_CHECKING:
    from synapse_hooks.backends import Workspace

_PORT = 8765


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Workspace, port, token."""
    parser.add_argument('--workspace', metavar='DIR', type=Path, help='the workspace to serve')
    parser.add_argument('--port', metavar='N', type=int, default=_PORT, help=f'the port ({_PORT}; 0 takes a free one)')
    parser.add_argument(
        '--token', metavar='TOKEN', help='the token that clients must send (by default a new one at each start)'
    )
    parser.add_argument(
        '--url-lifetime', metavar='SECONDS', type=float, default=3600.0, help='how long the URL of a file is valid'
    )


def run(options: argparse.Namespace) -> CommandResult:
    """Serve until Ctrl-C."""
    try:
        import uvicorn

        from synapse_hooks.serve import application
    except ImportError as error:
        raise ConfigError(f'serve needs more packages: {error}', hint="pip install 'synapse-hooks[serve]'") from error
    from synapse_hooks.backends import Workspace, default_root

    workspace = Workspace(options.workspace or default_root())
    workspace.init()
    token = options.token or secrets.token_hex(16)
    listener = _bind(options.port)
    host = f'http://127.0.0.1:{listener.getsockname()[1]}'
    job = _job(workspace)
    app = application(workspace, token, key=secrets.token_bytes(32), lifetime=options.url_lifetime)
    write_stderr(f'page      {host}/#token={token}')
    write_stderr(f'workspace {workspace.root}')
    write_stderr('to run an action against it:')
    write_stderr(f'  export SYNAPSE_HOST={host} SYNAPSE_ACCESS_TOKEN={token}')
    write_stderr(f'  synapse-hooks train TARGET --job {job} -p dataset=ID')
    if not workspace.list_datasets():
        write_stderr(
            f'  (no dataset yet: synapse-hooks workspace import FOLDER --name NAME --workspace {workspace.root})'
        )
    server = uvicorn.Server(uvicorn.Config(app, log_level='warning', lifespan='off', timeout_graceful_shutdown=2))
    with listener:
        server.run(sockets=[listener])
    return CommandResult({'host': host})


def _job(workspace: Workspace) -> int:
    """A job to run: one that an earlier start has created and that is still pending, else a new one."""
    unused = [job['id'] for job in workspace.list_jobs() if job.get('served') and job['status'] == 'PENDING']
    return int(unused[0] if unused else workspace.create_job(action='train', served=True)['id'])


def _bind(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(('127.0.0.1', port))
        # Who reads the address may connect at once: the connection waits for the server.
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(
            f'port {port} cannot be used: {error}', hint='choose another one: `--port N`, or `--port 0`'
        ) from error
    return listener
