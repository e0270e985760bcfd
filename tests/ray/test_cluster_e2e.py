"""Connecting to a cluster: what a process finds, what it leaves, and what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ray.conftest import LOOPBACK, TOKEN, Cluster
from tests.support.environments import CONTRIB, Environment

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
    assert not (tmp_path / '.ray').exists(), 'Ray would leave its token there'


STRANGER = """
import os, subprocess, sys
from synapse_hooks_ray import access
from synapse_hooks_ray.cluster import connected
for _ in range(2):
    with connected() as ray:
        node = ray._private.worker._global_node
        assert ray.get(ray.remote(lambda: os.environ['RAY_AUTH_TOKEN']).remote()) == access._own_token
        subprocess.run([sys.executable, sys.argv[1]], env={**os.environ, 'RAY_ADDRESS': node.gcs_address})
    subprocess.run(['grep', '-rla', access._own_token, node.get_session_dir_path()])
    print(os.environ.get('RAY_AUTH_MODE'), os.environ.get('RAY_AUTH_TOKEN'), flush=True)
"""
REFUSED = """
from synapse_hooks_ray.cluster import connected
try:
    with connected():
        print('connected')
except Exception as error:
    print(type(error).__name__, error)
"""


def test_another_process_of_this_machine_cannot_use_its_cluster(ray_environment: Environment, tmp_path: Path) -> None:
    (tmp_path / 'refused.py').write_text(REFUSED)
    env = {**LOOPBACK, 'HOME': str(tmp_path)}
    ended = ray_environment.at(tmp_path, **env).run(ray_environment.python, '-c', STRANGER, 'refused.py')
    assert ended.code == 0, ended
    lines = ended.out.splitlines()
    # The hint is a line of its own; no file of the session has the token, else it would be a line too.
    assert len(lines) == 6, ended
    assert all('requires a token, and this process has' in line for line in lines[::3]), ended
    assert lines[2::3] == ['None None', 'None None'], 'the environment is as it was'


@pytest.mark.parametrize(
    ('env', 'why'),
    [
        ({'RAY_AUTH_MODE': 'disabled'}, 'has none'),
        ({'RAY_AUTH_TOKEN': ''}, 'has none'),
        ({'RAY_AUTH_TOKEN': f'{TOKEN}x'}, 'has another one'),
    ],
)
def test_a_cluster_that_requires_another_token_is_an_error_at_once_that_says_so(
    cluster: Cluster, tmp_path: Path, env: dict[str, str], why: str
) -> None:
    at = cluster.at(tmp_path, **{'HOME': str(tmp_path), **env})
    ended = at.run(cluster.environment.python, '-c', REFUSED)
    assert ended.err == '', 'Ray would try for 20 seconds, and say so once a second'
    assert f'the Ray cluster at {cluster.address} requires a token, and this process {why}' in ended.out
    assert 'set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN to what `ray get-auth-token` prints' in ended.out


def test_the_token_of_the_cluster_may_be_in_the_home_folder(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / '.ray').mkdir()
    (tmp_path / '.ray' / 'auth_token').write_text(TOKEN)
    at = cluster.at(tmp_path, HOME=str(tmp_path), RAY_AUTH_TOKEN='')
    assert at.run(cluster.environment.python, '-c', REFUSED).out == 'connected\n'


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
