"""Which cluster is used, and the errors where there is none. Ray itself is tested by tests/ray of the repository."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from types import ModuleType
from typing import Any

import pytest
from synapse_hooks_ray import cluster

from synapse_hooks.errors import LaunchError


def test_the_address_is_that_of_the_caller_then_of_the_variable_then_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('RAY_ADDRESS', raising=False)
    assert cluster.address_of() == 'local'
    monkeypatch.setenv('RAY_ADDRESS', 'head:6379')
    assert cluster.address_of() == 'head:6379'
    assert cluster.address_of('[::1]:6380') == '[::1]:6380'
    assert cluster.address_of('ray://head:10001') == 'ray://head:10001'


@pytest.mark.parametrize(
    'address', ['head', 'auto', 'head:', ':6379', 'head:70000', 'head:x', 'ray://head', 'http://head:1']
)
def test_an_address_that_cannot_be_used_is_refused_with_what_was_expected(address: str) -> None:
    with pytest.raises(LaunchError, match='must be HOST:PORT') as caught:
        cluster.address_of(address)
    assert repr(address) in str(caught.value)
    assert caught.value.hint


class CrashingServers:
    """As `ray` is when a head node forks servers for clients, the first of which crash."""

    def __init__(self, crashes: int) -> None:
        self.crashes = crashes

    def init(self, **options: Any) -> None:
        self.crashes -= 1
        if self.crashes >= 0:
            raise ConnectionAbortedError('Starting Ray client server failed. See ray_client_server_23001.err for logs.')

    def shutdown(self) -> None:
        pass

    def is_initialized(self) -> bool:
        return False


def test_a_server_of_a_client_that_crashes_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, 'require_access', lambda address: None)
    monkeypatch.setitem(sys.modules, 'grpc', ModuleType('grpc'))
    monkeypatch.setattr(cluster, 'import_ray', lambda address: servers)
    servers = CrashingServers(3)
    with cluster.connected('ray://head:10001') as ray:
        assert ray is servers
    servers = CrashingServers(99)
    with (
        pytest.raises(LaunchError, match='ray_client_server_23001') as caught,
        cluster.connected('ray://head:10001'),
    ):
        pass
    assert 'look into that file on the head node' in str(caught.value.hint)


def test_the_package_imports_no_ray() -> None:
    code = 'import sys, synapse_hooks_ray.executor; sys.exit("ray" in sys.modules)'
    subprocess.run([sys.executable, '-c', code], check=True)


def test_a_cluster_that_is_not_there_is_an_error_at_once() -> None:
    pytest.importorskip('ray')
    with socket.socket() as unused:
        unused.bind(('127.0.0.1', 0))
        address = f'127.0.0.1:{unused.getsockname()[1]}'
        with pytest.raises(LaunchError, match='cannot be reached'), cluster.connected(address):
            pass


def test_a_server_that_is_not_ray_is_an_error_at_once() -> None:
    pytest.importorskip('ray')

    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')

    with socket.create_server(('127.0.0.1', 0)) as server:
        thread = threading.Thread(target=answer)
        thread.start()
        address = f'127.0.0.1:{server.getsockname()[1]}'
        with pytest.raises(LaunchError, match='not the head node'), cluster.connected(address):
            pass
        thread.join()


@pytest.mark.parametrize(('address', 'expected'), [('127.0.0.1:6379', '0'), ('10.0.0.5:6379', 'None')])
def test_a_loopback_address_stays_one(address: str, expected: str) -> None:
    pytest.importorskip('ray')
    code = (
        f'import os; from synapse_hooks_ray.cluster import import_ray; import_ray({address!r}); '
        "print(os.environ.get('RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER'))"
    )
    env = {name: value for name, value in os.environ.items() if name != 'RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER'}
    done = subprocess.run([sys.executable, '-c', code], env=env, capture_output=True, encoding='utf-8', check=True)
    assert done.stdout.strip() == expected
