"""A backend, clients of it, and what must hold after every fault.

I1  what looks complete passes a deep check
I2  without faults, the same command then gives what it would have given at first
I3  what failed says so by an error of ours, with its exit code
I4  no secret is in a log, a traceback, a file, or a request to another host than the API
I5  no process and no unfinished work stays behind
I6  there were not more requests than are worth it
"""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.backends.synapse import Connection, SynapseClient
from synapse_hooks.backends.synapse.retry import RetryPolicy, Timeouts
from synapse_hooks.backends.synapse.verifying import verify_export
from synapse_hooks.cli.error_report import exit_code
from synapse_hooks.context import Dataset
from synapse_hooks.errors import SynapseHooksError
from synapse_hooks.storage import staging, sweep
from synapse_hooks.storage.ownership import is_temporary
from tests.faults.backend import SIGNATURE, Backend
from tests.support.raw_server import RawServer, raw_server

CANARY = 'canary-token-9876543210'
SECRETS = (CANARY, SIGNATURE)
DATASETS = 'out'


class World:
    """One cell of the matrix.

    Args:
        folder: Everything that the cell writes is in it.
        backend: Whose faults are tried.
        api: Where it is.
        transfer: What moves files; None is the fastest one.
    """

    def __init__(self, folder: Path, backend: Backend, api: RawServer, transfer: Any = None) -> None:
        self.folder = folder
        self.backend = backend
        self.api = api
        self.other_servers: list[RawServer] = []
        """Servers that must not get a credential."""
        self.logged: list[str] = []
        """Logs and tracebacks."""
        self.options: dict[str, Any] = {} if transfer is None else {'transfer': transfer}
        self._children = children()
        self._clean = ''

    def client(self, cache: str = 'cache', **options: Any) -> SynapseClient:
        """A client that gives up quickly."""
        settings = {
            'cache': self.folder / cache,
            'retry': RetryPolicy(attempts=3, first_delay=0.01),
            'timeouts': Timeouts(connect=2.0, answer=2.0, min_rate=100, min_rate_for=1.0),
            **self.options,
        }
        connection = Connection(self.api.host, access_token=CANARY)
        return SynapseClient(connection, self.folder / 'here', **{**settings, **options})

    def out(self, name: str) -> Path:
        """Where a dataset is put."""
        return self.folder / DATASETS / name

    def export(self, name: str = 'first', **options: Any) -> Dataset:
        """Export as a run does: the dataset appears when it is whole."""
        client = self.client(**options)
        sweep(self.folder / DATASETS)
        with staging(self.out(name)) as staged:
            made = client.export_dataset(7, staged)
        client.close()
        return made

    @contextmanager
    def fails(self, kind: type[BaseException], match: str = '', code: int = 1) -> Iterator[None]:
        """The block must raise exactly this kind (I3)."""
        with pytest.raises(kind, match=match or None) as caught:
            yield
        error = caught.value
        assert type(error) is kind, f'{type(error).__name__} instead of {kind.__name__}'
        assert isinstance(error, SynapseHooksError | KeyboardInterrupt)
        assert exit_code(error) == code
        self.logged += [''.join(traceback.format_exception(error)), str(error), str(getattr(error, 'hint', ''))]

    def check_invariants(self, budget: int) -> None:
        """The cell is over: check everything. `budget` is of requests so far."""
        assert len(self.api.asked) <= budget, f'I6: {len(self.api.asked)} requests: {[a.path for a in self.api.asked]}'
        self.check_complete()
        self.backend.clear_faults()
        again = self.export('again')
        assert again['digest'] == self.clean_digest(), 'I2: another dataset than without the fault'
        self.check_complete()
        self.check_secrets()
        self.check_leftovers()

    def clean_digest(self) -> str:
        """The digest of a dataset that nothing went wrong with."""
        if not self._clean:
            self._clean = str(self.export('clean', cache='clean-cache')['digest'])
        return self._clean

    def check_complete(self) -> None:
        """I1."""
        for folder in (self.folder / DATASETS).glob('[!.]*'):
            assert verify_export(folder, deep=True)[1] == [], f'I1: {folder}'

    def check_secrets(self) -> None:
        """I4."""
        for secret in SECRETS:
            assert not [text for text in self.logged if secret in text], f'I4: {secret} is logged'
            for file in self.folder.rglob('*'):
                assert secret not in file.name
                if file.is_file():
                    assert secret.encode() not in file.read_bytes(), f'I4: {secret} is in {file}'
        asked = [a for a in self.api.asked if a.path.startswith('/f/')]
        asked += [a for server in self.other_servers for a in server.asked]
        assert not [a for a in asked if CANARY in repr(a)], 'I4: a token was sent to a file server'

    def check_leftovers(self) -> None:
        """I5."""
        left = [file for file in self.folder.rglob('.*') if is_temporary(file.name)]
        left += (self.folder / 'cache' / 'parts').glob('*')
        assert not left, f'I5: {left}'
        assert children() <= self._children, 'I5: a process stays'


def children() -> set[int]:
    """The processes that this one has."""
    found: set[int] = set()
    for task in Path('/proc/self/task').glob('*/children'):
        try:
            found |= {int(pid) for pid in task.read_text().split()}
        except OSError:
            continue
    return found - {os.getpid()}


class CollectingHandler(logging.Handler):
    """Keeps what is logged, by any library, at any level."""

    def __init__(self, logged: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self.logged = logged

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.logged.append(self.format(record))


@contextmanager
def world(folder: Path, backend: Backend, transfer: Any = None) -> Iterator[World]:
    """A world while the block runs, in which everything that is logged is kept."""
    with raw_server(backend) as api:
        made = World(folder, backend, api, transfer)
        handler, root = CollectingHandler(made.logged), logging.getLogger()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            yield made
        finally:
            root.removeHandler(handler)
            root.setLevel(level)
