"""Connecting to a cluster: what a process finds, what it leaves, and what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ray.conftest import CONTRIB, LOOPBACK, Cluster
from tests.support.environments import Environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CONNECT = """
import signal
from synapse_hooks_ray.cluster import connected
signal.signal(signal.SIGTERM, handler := lambda *_: None)
with connected() as ray:
    before = ray.get_runtime_context().get_job_id()
    with connected() as again:
        assert again is ray
    assert ray.get_runtime_context().get_job_id() == before
    print(len(ray.nodes()), {node['NodeManagerAddress'] for node in ray.nodes()})
assert not ray.is_initialized()
assert signal.getsignal(signal.SIGTERM) is handler
"""


def test_a_process_connects_and_leaves_the_cluster_as_it_was(cluster: Cluster, tmp_path: Path) -> None:
    nodes = len(cluster.nodes)
    for _ in range(2):
        ended = cluster.at(tmp_path).run(cluster.environment.python, '-c', CONNECT)
        assert ended.code == 0, ended
        assert ended.out == f"{nodes} {{'127.0.0.1'}}\n"
        assert ended.err == ''


def test_a_cluster_of_this_machine_starts_quietly_and_ends(ray_environment: Environment, tmp_path: Path) -> None:
    env = {**LOOPBACK, 'HOME': str(tmp_path)}
    ended = ray_environment.at(tmp_path, **env).run(ray_environment.python, '-c', CONNECT)
    assert ended.code == 0, ended
    assert ended.out == "1 {'127.0.0.1'}\n"
    assert ended.err == ''


OTHER_VERSION = """
from synapse_hooks_ray.cluster import connected, import_ray
import_ray().__version__ = '1.2.3'
try:
    with connected():
        pass
except Exception as error:
    print(type(error).__name__, error)
"""


def test_another_version_of_ray_is_an_error_that_names_both(cluster: Cluster, tmp_path: Path) -> None:
    ended = cluster.at(tmp_path).run(cluster.environment.python, '-c', OTHER_VERSION)
    assert ended.code == 0, ended
    assert ended.out.startswith('LaunchError the Ray cluster at 127.0.0.1:')
    assert 'Ray: 1.2.3' in ended.out
    assert 'install on this machine what the cluster has' in ended.out


def test_the_tests_of_the_distribution_pass_where_ray_is_installed(
    ray_environment: Environment, tmp_path: Path
) -> None:
    words = ('-m', 'pytest', '-q', '-p', 'no:cacheprovider', CONTRIB / 'synapse-hooks-ray' / 'tests')
    ended = ray_environment.at(tmp_path, **LOOPBACK).run(ray_environment.python, *words)
    assert ended.code == 0, ended
    assert ' passed' in ended.out
    assert 'skipped' not in ended.out
