"""Conversions on a cluster of two nodes: the same bytes as in one process, also when workers and nodes are killed."""

from __future__ import annotations

import os
import signal
import tempfile
from hashlib import sha256
from pathlib import Path

import pytest

from synapse_hooks.backends import Workspace
from tests.formats.format_kit import add_item, box, polygon
from tests.ray.conftest import LOOPBACK, Cluster
from tests.ray.test_launch_e2e import Project
from tests.support.environments import Environment
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SLOW = """
import os, time
from pathlib import Path

from synapse_hooks.formats.coco import CocoFormat
from synapse_hooks.formats.coco.sink import CocoSink


class SlowSink(CocoSink):
    def write(self, plan, info, shard, batches):
        return super().write(plan, info, shard, slowed(batches, shard))


def slowed(batches, shard):
    work = Path('work')
    if (work / 'fault').exists():
        raise ZeroDivisionError('in the sink')
    for batch in batches:
        yield batch
        (work / f'{os.getpid()}.{shard}').touch()
        while not (work / 'go').exists():
            time.sleep(0.02)


class Slow(CocoFormat):
    name = 'slow'

    def sink(self, context):
        return SlowSink(context)
"""


@pytest.fixture(scope='module')
def dm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp('datasets') / 'dm'
    for number in range(1600):
        shapes = {'bounding_box': [box(1, 1, 5, 5, f'class{number % 7}')]}
        if number % 3:
            shapes['polygon'] = [polygon([[0, 0], [9, 0], [9, 9]], 'road')]
        add_item(root / ('train' if number % 5 else 'valid'), f'{number:04}', shapes)
    return root


def digest(root: Path) -> str:
    """Of all files, with their names."""
    found = sha256()
    for file in sorted(path for path in root.rglob('*') if path.is_file()):
        found.update(f'{file.relative_to(root)} {sha256(file.read_bytes()).hexdigest()}\n'.encode())
    return found.hexdigest()


CONVERT_ALL = """
from pathlib import Path
from synapse_hooks.testing import convert_dataset
from synapse_hooks_ray.cluster import connected
from synapse_hooks_ray.executor import RayExecutor

with connected():
    for source, target in [('dm', 'yolo'), ('dm', 'coco'), ('coco', 'dm'), ('yolo', 'coco')]:
        for executor in ('serial', 'ray'):
            # In the same place: caches of the trainer have absolute paths.
            settings = {target: {'executor': executor, 'workers': 4, 'trainer_cache': False}}
            out = Path('out')
            convert_dataset({'path': Path(source), 'format': source}, target, out, RayExecutor(), settings=settings)
            out.rename(f'{source}-{target}-{executor}')
        if source == 'dm':
            Path(f'dm-{target}-serial').rename(target)
"""


def test_the_bytes_are_those_of_one_process(cluster: Cluster, dm: Path, tmp_path: Path) -> None:
    (tmp_path / 'dm').symlink_to(dm)
    ended = cluster.at(tmp_path).run(cluster.environment.python, '-c', CONVERT_ALL)
    assert ended.code == 0, ended
    digests = {folder.name: digest(folder) for folder in tmp_path.iterdir() if folder.name != 'dm'}
    assert digests['dm-yolo-ray'] == digests['yolo']
    assert digests['dm-coco-ray'] == digests['coco']
    assert digests['coco-dm-ray'] == digests['coco-dm-serial']
    assert digests['yolo-coco-ray'] == digests['yolo-coco-serial']
    assert len(digests) == 8, 'nothing else is left'


def test_a_killed_worker_and_a_killed_node_cost_their_parts_only(cluster: Cluster, dm: Path, tmp_path: Path) -> None:
    work = project(tmp_path)
    at = cluster.at(tmp_path)
    lost = cluster.add_node(cpus=2)
    convert = ('convert', dm, 'out', '--to', 'slow', '--executor', 'ray', '--workers', '6')
    with at.started(*convert) as running:
        # All CPUs are at work: two of each node.
        running.until(lambda: len(begun(work)) >= 6)
        os.kill(begun(work)[0], signal.SIGKILL)
        cluster.kill_node(lost)
        # Workers of a node end when they notice it.
        running.until(lambda: sum(Path(f'/proc/{pid}').exists() for pid in begun(work)) <= 4)
        (work / 'go').touch()
        ended = running.end()
    assert ended.code == 0, ended
    assert '1,600 images' in ended.err
    assert len(begun(work)) >= 8, 'those of the node, and of the worker unless it was there too, were written again'
    at.hooks('convert', dm, 'serial', '--to', 'slow', '--executor', 'serial')
    assert digest(tmp_path / 'out') == digest(tmp_path / 'serial')
    assert not list(tmp_path.glob('.*staging*'))


def test_errors_are_those_of_one_process_and_name_the_node(cluster: Cluster, dm: Path, tmp_path: Path) -> None:
    (project(tmp_path) / 'fault').touch()
    with (tmp_path / 'pyproject.toml').open('a') as settings:
        settings.write(f'[tool.synapse_hooks.settings.ray]\naddress = "{cluster.address}"\n')
    at = cluster.at(tmp_path, RAY_ADDRESS='127.0.0.1:1')
    lines = []
    for executor in ('serial', 'ray'):
        ended = at.hooks('convert', dm, 'out', '--to', 'slow', '--executor', executor, '--workers', '2', code=1)
        lines.append(ended.err)
        assert 'ZeroDivisionError: in the sink' in ended.err
        assert "(plugin 'own:Slow') in hook 'convert'" in ended.err
    assert 'on the Ray node 127.0.0.1' in lines[1]
    assert "raise ZeroDivisionError('in the sink')" in lines[1], 'the traceback of the node'
    assert not list(tmp_path.glob('*out*'))


WAITS = """
import threading
from work import task
from synapse_hooks_ray.cluster import connected
from synapse_hooks_ray.executor import RayExecutor

class Busy:
    def wait(self):
        pass

with connected('local', cpus=2) as ray:
    busy = ray.remote(Busy).options(num_cpus=2).remote()
    ray.get(busy.wait.remote())
    executor = RayExecutor()
    assert executor.workers == 2, 'as the cluster has CPUs'
    threading.Timer(8, ray.kill, (busy,)).start()
    print(executor.map([task, task], lambda count: None))
"""


def test_a_cluster_without_a_free_cpu_says_what_it_waits_for(ray_environment: Environment, tmp_path: Path) -> None:
    (tmp_path / 'work.py').write_text('def task(report):\n    report(1)\n    return 3\n')
    at = ray_environment.at(tmp_path, **LOOPBACK, PYTHONPATH=str(tmp_path))
    ended = at.run(ray_environment.python, '-c', WAITS)
    assert ended.code == 0, ended
    assert ended.out == '[3, 3]\n'
    assert ended.err == 'waiting for CPU 1: free in the whole cluster are CPU 0\n'


def test_a_launched_run_converts_on_the_cluster_that_it_is_on(cluster: Cluster, tmp_path: Path) -> None:
    project = Project(tmp_path, cluster)
    for number in range(600):
        add_item(tmp_path / 'many' / 'train', f'{number:04}', {'bounding_box': [box(1, 1, 5, 5, 'car')]})
    Workspace(project.workspace).add_dataset(tmp_path / 'many', name='many')
    with (project.folder / 'pyproject.toml').open('a') as settings:
        settings.write('[tool.synapse_hooks.settings.coco]\nexecutor = "ray"\n')
    words = [word.replace('=cars', '=many') for word in project.words('run', '--address', cluster.address)]
    # Where another cluster would be: the path of a socket is 107 characters long at most.
    elsewhere = Path(tempfile.mkdtemp(prefix='shr', dir='/tmp'))
    words += ['--env', f'RAY_TMPDIR={elsewhere}']
    ended = project.environment.hooks(*words, '-p', 'show=[RAY_ADDRESS]', RAY_ADDRESS='')
    assert f'RAY_ADDRESS has {len(cluster.address)} characters' in ended.err
    assert list(elsewhere.rglob('session_2*')) == [], 'no other cluster was started'
    elsewhere.rmdir()
    assert project.record('run')['status'] == 'succeeded'


def test_ctrl_c_ends_the_tasks(cluster: Cluster, dm: Path, tmp_path: Path) -> None:
    work = project(tmp_path)
    at = cluster.at(tmp_path)
    with at.started('convert', dm, 'out', '--to', 'slow', '--executor', 'ray', '--workers', '2') as running:
        running.until(lambda: len(begun(work)) == 2)
        ended = running.end(signal.SIGINT)
    assert ended.code == 130, ended
    until(lambda: not any(Path(f'/proc/{pid}').exists() for pid in begun(work)))
    assert not list(tmp_path.glob('*out*'))


def project(folder: Path) -> Path:
    """Make a folder a project with formats of its own, and return one for files by which tests and sinks wait."""
    (folder / 'own.py').write_text(SLOW)
    (folder / 'pyproject.toml').write_text('[tool.synapse_hooks]\nplugins = ["own:Slow"]\n')
    work = folder / 'work'
    work.mkdir()
    return work


def begun(work: Path) -> list[int]:
    """The processes that have begun to write a part."""
    return [int(file.name.partition('.')[0]) for file in sorted(work.glob('*.*'))]
