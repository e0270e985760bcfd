"""A development server, and somebody who asks it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from synapse_hooks.backends import Workspace
from tests.backends.synapse.conftest import make_dm
from tests.support.dev_server import TOKEN, DevServer, dev_server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DevServer]:
    """A server of a workspace with the dataset `street` (3 items in train, 2 in valid) and a job."""
    workspace = Workspace(tmp_path / 'there')
    workspace.add_dataset(make_dm(tmp_path / 'in', {'train': 3, 'valid': 2}), name='street')
    workspace.create_job(action='train')
    with dev_server(workspace) as running:
        yield running


@pytest.fixture
def ask(server: DevServer) -> Iterator[httpx.Client]:
    """A client with the token."""
    with httpx.Client(base_url=server.host, headers={'Synapse-Access-Token': f'Token {TOKEN}'}) as client:
        yield client
