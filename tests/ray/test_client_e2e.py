"""Runs that are launched from a machine which is not a node of the cluster: through Ray Client."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.formats.format_kit import add_item, box
from tests.ray.conftest import TOKEN, Cluster
from tests.ray.test_convert_e2e import digest
from tests.ray.test_launch_e2e import Project, read_until
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(200)]


@pytest.fixture
def project(tmp_path: Path, cluster: Cluster) -> Iterator[Project]:
    with Project(tmp_path, cluster) as project:
        yield project


LEAKS = """
import os
from train import Train

class Leak(Train):
    def execute(self, data_path, checkpoint):
        print(dict(os.environ))
        print('the process has', len(os.environ['RAY_AUTH_TOKEN']), 'characters')
        return super().execute(data_path, checkpoint)
"""


def test_a_killed_driver_and_resume_and_the_run_directory_comes_back(
    project: Project, cluster: Cluster, client: str
) -> None:
    store = project.folder.parent / 'store'
    (project.folder / 'leak.py').write_text(LEAKS)
    words = project.words('run', '--address', client, '--storage', store.as_uri(), stop='epoch2')
    words = tuple('leak.py:Leak' if word == 'train.py:Train' else word for word in words)
    with project.environment.started(*words) as driver:
        driver.until(project.reached('epoch2'))
        driver.end(signal.SIGKILL)
    before = cluster.workers
    with project.environment.started('resume', str(project.run_dir('run'))) as resumed:
        read_until(resumed, 'the run is at work: following it')
        project.go('epoch2')
        ended = resumed.end()
    assert ended.code == 0, ended
    assert 'epoch 3 train' in ended.err
    record = project.record('run')
    assert (record['status'], record['attempts'], project.models) == ('succeeded', 1, 1)
    assert (project.run_dir('run') / 'stages' / 'execute' / 'best.pt').read_bytes() == b'weights'
    assert list(store.iterdir()) == []
    assert before
    until(lambda: not before & cluster.workers)
    # The action has shown its environment.
    assert f'the process has {len(TOKEN)} characters' in ended.err
    assert TOKEN not in ended.err
    files = [file for place in (project.run_dir('run'), cluster.folder) for file in place.rglob('*') if file.is_file()]
    assert len(files) > 10
    assert [file for file in files if TOKEN.encode() in file.read_bytes()] == []


def test_a_lost_connection_costs_nothing(project: Project, cluster: Cluster, client: str) -> None:
    with project.environment.started(*project.words('run', '--address', client, stop='epoch1')) as run:
        run.until(project.reached('epoch1'))
        os.kill(max(servers_of_clients(cluster.address)), signal.SIGKILL)
        ended = run.end()
    assert ended.code == 1, ended
    assert 'the connection to the cluster was lost' in ended.err
    assert f'`synapse-hooks resume {project.run_dir("run")}` finds it' in ended.err
    with project.environment.started('resume', str(project.run_dir('run'))) as resumed:
        read_until(resumed, 'the run is at work: following it')
        project.go('epoch1')
        assert resumed.end().code == 0
    assert (project.record('run')['attempts'], project.models) == (1, 1)


def servers_of_clients(address: str) -> list[int]:
    """The processes of a cluster that each serve one client."""
    found, words = [], {b'--mode=specific-server', f'--address={address}'.encode()}
    for folder in Path('/proc').glob('[0-9]*'):
        with suppress(OSError):
            if words <= set((folder / 'cmdline').read_bytes().split(b'\0')):
                found.append(int(folder.name))
    return found


def test_ctrl_c_ends_the_run(project: Project, client: str) -> None:
    with project.environment.started(*project.words('run', '--address', client, stop='epoch1')) as run:
        run.until(project.reached('epoch1'))
        ended = run.end(signal.SIGINT)
    assert ended.code == 130, ended
    assert 'cancelling the run, and waiting for its end' in ended.err
    assert project.record('run')['status'] == 'cancelled', ended
    assert not Path('/proc', str(project.pid('epoch1'))).exists()


def test_a_search_is_an_error_that_says_where_to_run_it(project: Project, client: str) -> None:
    (project.folder / 'space.yaml').write_text('- {name: lr, type: uniform, min: 0.1, max: 0.5}\n')
    words = ('tune', 'train.py:Train', '-p', 'dataset=cars', '--space', 'space.yaml', '--metric', 'loss')
    ended = project.environment.hooks(*words, '--mode', 'min', '--address', client, code=None)
    assert ended.code != 0
    assert 'a search cannot run through Ray Client' in ended.err, ended
    assert 'run the command on a node of the cluster' in ended.err


def test_a_conversion_in_parts(cluster: Cluster, client: str, tmp_path: Path) -> None:
    for number in range(600):
        add_item(tmp_path / 'dm' / 'train', f'{number:04}', {'bounding_box': [box(1, 1, 5, 5, 'car')]})
    at = cluster.at(tmp_path, RAY_ADDRESS=client)
    words = ('convert', 'dm', 'coco', '--to', 'coco', '--executor', 'ray', '--workers', '2')
    assert '127.0.0.1:1' in at.hooks(*words, code=1, RAY_ADDRESS='ray://127.0.0.1:1').err, 'Ray is needed'
    assert '600 images' in at.hooks(*words).err
    at.hooks('convert', 'dm', 'serial', '--to', 'coco', '--executor', 'serial')
    assert digest(tmp_path / 'coco') == digest(tmp_path / 'serial')
