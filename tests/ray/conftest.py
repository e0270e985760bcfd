"""An environment with Ray, which pip installs from the package index, and a cluster of two nodes: once in a session.

The environment stays for later sessions in the folder that the variable RAY_ENVIRONMENT names. Commands of
tests run as subprocesses of it, so that pytest itself needs no Ray.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from tests.support.environments import Environment, shared_folder, with_distribution

REQUIREMENTS = ('ray[client,tune]>=2.60', 'optuna>=4', 'fsspec>=2024.6')
LOOPBACK = {
    'RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER': '0',
    'RAY_USAGE_STATS_ENABLED': '0',
    'RAY_ADDRESS': '',
}
"""Ray uses the loopback address only, and no cluster that somebody else has started."""
TOKEN = 'cluster-3f0c8e1b5d7a49268c31'
"""What the cluster requires of those who connect."""
WITH_TOKEN = {'RAY_AUTH_MODE': 'token', 'RAY_AUTH_TOKEN': TOKEN}


class Cluster:
    """A running cluster. Node 0 is the head; node 1 and those that are added have two CPUs each, as the head has.

    Every node has the resource `nodeN` of its number, by which a task can be placed: `resources={'node1': 0.01}`.

    Args:
        process: `node_server.py`.
        environment: Where commands run.
        folder: Where the nodes write: logs, and what was sent to them.
    """

    def __init__(self, process: subprocess.Popen[str], environment: Environment, folder: Path) -> None:
        self._process = process
        self.environment = environment
        self.folder = folder
        addresses = self._answer()
        self.address: str = addresses['address']
        """Of the head node, `HOST:PORT`."""
        self.client: str = addresses['client']
        """For Ray Client, `ray://HOST:PORT`."""

    def at(self, cwd: Path, **env: str) -> Environment:
        """The environment, with the address and the token of this cluster."""
        return self.environment.at(cwd, **{**LOOPBACK, **WITH_TOKEN, 'RAY_ADDRESS': self.address, **env})

    def add_node(self, cpus: int = 2, gpus: int = 0, **resources: float) -> int:
        """Start one more node.

        Args:
            cpus: How many CPUs it has.
            gpus: How many GPUs it claims to have.
            **resources: Other resources, by their names.

        Returns:
            Its number.
        """
        number: int = self._ask({'do': 'add', 'cpus': cpus, 'gpus': gpus, 'resources': resources})['node']
        return number

    def kill_node(self, number: int) -> None:
        """End all processes of a node by SIGKILL."""
        self._ask({'do': 'kill', 'node': number})

    @property
    def workers(self) -> set[int]:
        """The processes of the actors of runs: of this cluster, as pytest's other processes may have clusters too."""
        return {pid for pid in _descendants(self._process.pid) if b'ray::Worker' in _command(pid)}

    @property
    def nodes(self) -> list[int]:
        """The numbers of the nodes that were not killed."""
        alive: list[int] = self._ask({'do': 'nodes'})['alive']
        return alive

    def close(self) -> None:
        """End all nodes."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + '\n')
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f'the cluster has ended with code {self._process.wait()}'
        answer: dict[str, Any] = json.loads(line)
        return answer


@pytest.fixture(scope='session')
def ray_environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """With Ray, Tune, Optuna, and the wheel of synapse-hooks-ray. The test is skipped where pip cannot install them."""
    shared = shared_folder(tmp_path_factory)
    root = Path(os.environ.get('RAY_ENVIRONMENT', shared / 'ray'))
    return with_distribution('synapse-hooks-ray', REQUIREMENTS, root, shared)


@pytest.fixture(scope='session')
def cluster(ray_environment: Environment) -> Iterator[Cluster]:
    """Two nodes on the loopback address. A test that kills a node adds another one."""
    # The path of a socket is 107 characters long at most.
    folder = tempfile.mkdtemp(prefix='shr', dir='/tmp')
    # Ray writes its address there, below TMPDIR, but does not make the folder.
    Path(folder, 'ray').mkdir()
    process = subprocess.Popen(
        [str(ray_environment.python), str(Path(__file__).with_name('node_server.py')), folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # What runs write aside is looked for there.
        env={**os.environ, **LOOPBACK, **WITH_TOKEN, 'TMPDIR': folder},
        cwd=folder,
        encoding='utf-8',
        # Ctrl-C is for pytest, which then ends it.
        start_new_session=True,
    )
    running = Cluster(process, ray_environment, Path(folder))
    try:
        yield running
    finally:
        running.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def client(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address for Ray Client, for one test at a time: two clusters would start servers on the same port."""
    with FileLock(shared_folder(tmp_path_factory) / 'ray-client.lock'):
        yield cluster.client


def _descendants(pid: int) -> Iterator[int]:
    """The processes that a process has started, and those that they have."""
    with suppress(OSError):
        for child in map(int, Path(f'/proc/{pid}/task/{pid}/children').read_text().split()):
            yield child
            yield from _descendants(child)


def _command(pid: int) -> bytes:
    """The command line of a process; empty when it has ended."""
    with suppress(OSError):
        return Path(f'/proc/{pid}/cmdline').read_bytes()
    return b''
