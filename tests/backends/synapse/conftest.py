"""Datasets and clients for the tests of the Synapse backend."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from synapse_hooks.backends import Workspace
from synapse_hooks.backends.synapse import Connection, SynapseClient
from synapse_hooks.backends.synapse.retry import RetryPolicy, Timeouts
from tests.support.dev_server import TOKEN, DevServer, dev_server

Clients = Callable[..., SynapseClient]


def make_dm(folder: Path, counts: dict[str, int]) -> Path:
    """A small dataset in DM layout: images that differ, each with a box."""
    for split, count in counts.items():
        documents, files = folder / split / 'json', folder / split / 'original_files'
        documents.mkdir(parents=True)
        files.mkdir()
        for number in range(count):
            Image.new('RGB', (64, 48), (number % 256, number // 256, ord(split[0]) if split else 0)).save(
                files / f'{number:04}.png'
            )
            box = {'id': 'b1', 'classification': 'cat', 'attrs': [], 'data': [5, 5.25, 20, 20]}
            (documents / f'{number:04}.json').write_text(json.dumps({'images': [{'bounding_box': [box]}]}))
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DevServer]:
    """A server of a workspace with the dataset `street` (12 items in train, 4 in valid)."""
    workspace = Workspace(tmp_path / 'there')
    workspace.add_dataset(make_dm(tmp_path / 'in', {'train': 12, 'valid': 4}), name='street')
    with dev_server(workspace) as running:
        yield running


@pytest.fixture
def client_of(tmp_path: Path) -> Iterator[Clients]:
    """Makes clients that give up quickly, all with one cache."""
    made: list[SynapseClient] = []

    def make(host: str, **options: Any) -> SynapseClient:
        settings = {
            'cache': tmp_path / 'cache',
            'retry': RetryPolicy(attempts=3, first_delay=0.01),
            'timeouts': Timeouts(answer=2.0, min_rate_for=2.0),
        }
        client = SynapseClient(Connection(host, access_token=TOKEN), tmp_path / 'here', **{**settings, **options})
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder."""
    folder = tmp_path / 'out'
    folder.mkdir()
    return folder
