"""The development server in this process, on a port of its own."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from synapse_hooks.backends import Workspace

TOKEN = 'canary-token-0123456789'


@dataclass
class DevServer:
    """A running server."""

    host: str
    workspace: Workspace
    requests: list[str]
    """`METHOD /path` of every request so far."""

    def count(self, start: str) -> int:
        """How many requests began like this."""
        return sum(request.startswith(start) for request in self.requests)


@contextlib.contextmanager
def dev_server(workspace: Workspace, *, lifetime: float = 3600.0, alias: str = '') -> Iterator[DevServer]:
    """Serve a workspace while the block runs. Where the extra `serve` is not installed, the test is skipped.

    Args:
        workspace: What is served.
        lifetime: Seconds for which the address of a file is valid.
        alias: Another id of dataset 1.
    """
    uvicorn = pytest.importorskip('uvicorn', reason='the extra `serve` is not installed')
    from synapse_hooks.serve import application

    app = application(workspace, TOKEN, key=b'key', lifetime=lifetime)
    requests: list[str] = []

    async def noted(scope, receive, send):  # type: ignore[no-untyped-def]
        if scope['type'] == 'http':
            requests.append(f'{scope["method"]} {scope["path"]}')
            if alias:
                query = scope['query_string'].replace(b'versions=' + alias.encode(), b'versions=1')
                scope = {**scope, 'query_string': query}
        await app(scope, receive, send)

    with socket.create_server(('127.0.0.1', 0)) as bound:
        server = uvicorn.Server(uvicorn.Config(noted, log_level='error', lifespan='off', timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={'sockets': [bound]}, daemon=True)
        thread.start()
        try:
            yield DevServer(f'http://127.0.0.1:{bound.getsockname()[1]}', workspace, requests)
        finally:
            server.should_exit = True
            thread.join(5)
