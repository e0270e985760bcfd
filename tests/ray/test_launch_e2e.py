"""Runs on a cluster of two nodes: they look as runs here do, and survive their workers, nodes and drivers."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from synapse_hooks.backends import Workspace
from synapse_hooks.journal import read_events
from tests.formats.format_kit import add_item, box
from tests.ray.conftest import Cluster
from tests.support import canary
from tests.support.environments import CONTRIB, Environment, Environments, Running
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

TRAIN = ('train', 'train.py:Train', '-p', 'dataset=cars')


class Project:
    """A project with an action, a workspace with a dataset, and the folder of marks.

    Args:
        folder: Where it is.
        cluster: Where runs are launched.
    """

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.folder, self.marks, self.workspace = folder / 'project', folder / 'marks', folder / 'workspace'
        self.folder.mkdir()
        self.marks.mkdir()
        shutil.copy(Path(__file__).with_name('launched_action.py'), self.folder / 'train.py')
        self.settings()
        add_item(folder / 'dm' / 'train', 'a', {'bounding_box': [box(1, 2, 30, 40, 'car')]})
        Workspace(self.workspace).add_dataset(folder / 'dm', name='cars')
        self.environment = cluster.at(self.folder, SYNAPSE_WORKSPACE=str(self.workspace), NO_COLOR='1')

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        # What a failed test has left at work would keep the CPUs of the tests after it.
        shutil.rmtree(self.marks)

    def settings(self, text: str = '') -> None:
        """Write the table of settings for Ray."""
        # Nodes of one machine share a folder: what the next test sends must not be what a killed node is unpacking.
        (self.folder / 'pyproject.toml').write_text(f'[tool.synapse_hooks.settings.ray]\n{text}\n# {self.folder}\n')

    def words(self, run: str, *more: str, stop: str = '') -> tuple[str, ...]:
        """The command that launches a run of that name, which stops at a place."""
        marks = ('-p', f'marks={self.marks}', '-p', f'stop=[{stop}]') if stop else ()
        return (*TRAIN, '--launcher', 'ray', '--run-dir', str(self.run_dir(run)), *marks, *more)

    def run_dir(self, run: str) -> Path:
        """Its folder."""
        return self.workspace / 'runs' / run

    def record(self, run: str) -> dict[str, Any]:
        """Its run.json."""
        record: dict[str, Any] = json.loads((self.run_dir(run) / 'run.json').read_bytes())
        return record

    def reached(self, place: str, times: int = 1) -> Callable[[], bool]:
        """Whether the action was at a place so often."""

        def reached() -> bool:
            mark = self.marks / place
            return mark.exists() and len(mark.read_text().split()) >= times

        return reached

    def go(self, place: str) -> None:
        """Let the action go on there."""
        (self.marks / f'go-{place}').touch()

    def pid(self, place: str) -> int:
        """The process that was there last."""
        return int((self.marks / place).read_text().split()[-1])

    @property
    def models(self) -> int:
        """How many models there are."""
        return len(Workspace(self.workspace).list_models())


@pytest.fixture
def project(tmp_path: Path, cluster: Cluster) -> Iterator[Project]:
    with Project(tmp_path, cluster) as project:
        yield project


@pytest.fixture
def box_node(cluster: Cluster) -> Iterator[int]:
    """A node with the resource `box`; whatever nodes a test adds are removed by itself."""
    number = cluster.add_node(cpus=1, box=1)
    yield number
    if number in cluster.nodes:
        cluster.kill_node(number)


def shown(text: str) -> list[str]:
    """The lines of stages and metrics, without times."""
    lines = [re.sub(r' +\d+\.\d s.*', '', line) for line in text.splitlines()]
    return [line.rstrip() for line in lines if line.startswith(('✔', '  epoch'))]


def read_until(command: Running, text: str) -> None:
    """Wait until a command shows a text."""
    stream = command.process.stderr
    assert stream is not None
    seen = ''
    while text not in seen:
        line = stream.readline()
        assert line, f'it ended without {text!r}:\n{seen}'
        seen += line


def test_the_tests_of_the_distribution_pass(ray_environment: Environment, tmp_path: Path) -> None:
    tests = CONTRIB / 'synapse-hooks-ray' / 'tests'
    ended = ray_environment.at(tmp_path).run(
        ray_environment.python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', tests
    )
    assert ended.code == 0, ended
    assert 'skipped' not in ended.out


def test_a_launched_run_looks_like_one_here_and_keeps_secrets(project: Project, cluster: Cluster) -> None:
    project.settings(f'pass_env = ["{canary.NAME}"]')
    show = ('-p', f'show=[{canary.NAME}, COLOUR]')
    (project.folder / '.env').write_text(f'TOKEN={canary.SECRET}')
    here = project.environment.hooks(*TRAIN, '--run-dir', project.run_dir('here'), *show)
    there = project.environment.hooks(*project.words('there', *show, '--env', 'COLOUR=blue'))
    # When metrics appear, between the stages, is a matter of milliseconds.
    assert sorted(shown(there.err)) == sorted(shown(here.err))
    assert f'{canary.NAME} has {len(canary.SECRET)} characters' in there.err
    assert 'COLOUR has 4 characters' in there.err
    assert 'not sent to the cluster: .env (may hold secrets)' in there.err
    record = project.record('there')
    assert (record['status'], record['attempts'], record['launch']['launcher']) == ('succeeded', 1, 'ray')
    same = ('action', 'target', 'params', 'plugins', 'code', 'result')
    there_as_here = json.loads(json.dumps(record).replace('/runs/there', '/runs/here'))
    assert {key: there_as_here[key] for key in same} == {key: project.record('here')[key] for key in same}
    assert project.models == 2
    secret = canary.SECRET.encode()
    held = [file for file in cluster.folder.rglob('*') if file.is_file() and secret in file.read_bytes()]
    assert held == []


def test_a_local_plugin_travels_and_one_that_does_not_is_named_with_both_sides(
    project: Project, ray_environment: Environment, tmp_path: Path
) -> None:
    # The driver's environment has a plugin more than the nodes'.
    environments = Environments(tmp_path)
    driver = environments.fresh(tmp_path / 'driver', 'acme-timing')
    (site,) = driver.root.glob('lib/python*/site-packages')
    code = 'import sys; print(*[path for path in sys.path if path.endswith("-packages")], sep="\\n")'
    (site / 'ray.pth').write_text(ray_environment.run(ray_environment.python, '-c', code).out)
    at = driver.at(project.folder, **project.environment.env)
    shipped = at.hooks(*project.words('shipped'))
    assert re.search(r'sent to the cluster: .*acme-timing', shipped.err)
    assert any('acme-timing' in str(plugin) for plugin in project.record('shipped')['plugins'].values())
    project.settings('ship = false')
    failed = at.hooks(*project.words('alone'), '--json', code=None)
    error = failed.json['error']
    assert failed.code != 0
    assert re.search(r'timing: the driver has acme-timing [\d.]+, the worker has none', error['message'])
    assert project.record('alone')['status'] == 'failed'


def test_a_node_that_is_killed_in_each_stage_costs_no_stage_before_and_makes_one_model(
    project: Project, cluster: Cluster
) -> None:
    project.settings('max_failures = 4')
    nodes = [cluster.add_node(cpus=1, box=1)]
    places = ('export', 'convert', 'epoch2', 'upload')
    words = project.words('run', '--json', '-r', 'box=1', stop=', '.join(places))
    with project.environment.started(*words) as run:
        for place in places:
            run.until(project.reached(place))
            nodes.append(cluster.add_node(cpus=1, box=1))
            cluster.kill_node(nodes[-2])
        ended = run.end()
    cluster.kill_node(nodes[-1])
    assert ended.code == 0, ended
    assert ended.err.count('its node was lost; the run goes on') == 4, ended
    # Nothing that Ray prints is on standard output.
    assert ended.json['outcome'] == 'succeeded'
    assert project.models == 1
    record = project.record('run')
    assert (record['status'], record['attempts']) == ('succeeded', 5)
    # Each place is passed once more after it was lost; what was finished before it is not.
    times = {place: len((project.marks / place).read_text().split()) for place in (*places, 'epoch1', 'epoch3')}
    assert times == {'export': 2, 'convert': 2, 'epoch1': 1, 'epoch2': 1, 'epoch3': 1, 'upload': 2}
    steps = [point['step'] for point in read_events(project.run_dir('run'), types=['metrics'])]
    assert steps == [1, 2, 3]


def test_a_killed_process_a_killed_driver_and_resume(project: Project, cluster: Cluster) -> None:
    words = project.words('run', stop='epoch1, epoch2')
    with project.environment.started(*words) as driver:
        driver.until(project.reached('epoch1'))
        os.kill(project.pid('epoch1'), signal.SIGKILL)
        driver.until(project.reached('epoch2'))
        driver.end(signal.SIGKILL)
    before = cluster.workers
    with project.environment.started('resume', str(project.run_dir('run'))) as resumed:
        read_until(resumed, 'the run is at work: following it')
        project.go('epoch2')
        ended = resumed.end()
    assert ended.code == 0, ended
    assert 'epoch 3 train' in ended.err
    assert (project.record('run')['attempts'], project.models) == (2, 1)
    # The actor has given its resources back.
    assert before
    until(lambda: not before & cluster.workers)


def test_cancelling_waits_for_the_end_and_the_run_can_go_on(project: Project) -> None:
    words = project.words('run', stop='epoch2')
    with project.environment.started(*words) as run:
        run.until(project.reached('epoch2'))
        ended = run.end(signal.SIGINT)
    assert ended.code == 130, ended
    assert 'cancelling the run, and waiting for its end' in ended.err
    assert project.record('run')['status'] == 'cancelled'
    assert not Path('/proc', str(project.pid('epoch2'))).exists()
    resumed = project.environment.hooks('resume', project.run_dir('run'))
    assert 'training from epoch 3' in resumed.err
    assert project.models == 1


def test_without_a_shared_folder_the_run_directory_travels(project: Project, cluster: Cluster) -> None:
    # Every process has a folder of its own at this path.
    own = '/proc/self/cwd/own'
    words = (*project.words('x', stop='epoch2')[:-6], *project.words('x', stop='epoch2')[-4:], '--run-dir', own)
    refused = project.environment.hooks(*words, '--json', code=None)
    assert refused.json['error']['type'] == 'LaunchError'
    assert '--storage' in refused.json['error']['hint']
    assert not project.reached('export')()
    shutil.rmtree(project.folder / 'own')

    store = project.folder.parent / 'store'
    with project.environment.started(*words, '--storage', store.as_uri()) as run:
        run.until(project.reached('epoch2'))
        # The index is written last: what was done until then is there.
        run.until(lambda: any('checkpoints/last.txt' in file.read_text() for file in store.glob('*/index.json')))
        for pid in cluster.workers:
            os.kill(pid, signal.SIGKILL)
        ended = run.end()
    assert ended.code == 0, ended
    assert 'its worker was killed; the run goes on' in ended.err
    assert {'  epoch 3 train  loss 0.167', '✔ execute', '✔ upload'} <= set(shown(ended.err))
    assert (project.folder / 'own' / 'stages' / 'execute' / 'best.pt').read_bytes() == b'weights'
    record = json.loads((project.folder / 'own' / 'run.json').read_text())
    assert (record['status'], record['run_dir']) == ('succeeded', own)
    # Where both workers had it.
    assert len(record.pop('moved_from')) == 2
    assert '.synapse-hooks-run' not in json.dumps(record)
    assert list(cluster.folder.glob('.synapse-hooks-run*')) == []
    assert list(store.iterdir()) == []
    assert len((project.marks / 'convert').read_text().split()) == 1
    assert project.models == 1


def test_gpus_fractions_of_them_and_every_rank(project: Project, cluster: Cluster) -> None:
    node = cluster.add_node(cpus=2, gpus=2)
    try:
        both = project.words('both', '-r', 'num_gpus=2', '-p', 'ranks=2')
        store = project.folder.parent / 'store'
        ended = project.environment.hooks(*both, '--storage', store.as_uri())
        assert "devices '0,1'" in ended.err
        metrics = read_events(project.run_dir('both'), types=['metrics'])
        assert {(point['rank'], *point['values']) for point in metrics} >= {(0, 'rank0'), (1, 'rank1')}
        for rank in range(2):
            assert f'rank {rank} has the devices 0,1' in ended.err

        (project.folder / 'params.yaml').write_text('- {lr: 0.1}\n- {lr: 0.2}\n')
        words = ('sweep', 'train.py:Train', '-p', 'dataset=cars', '--over', 'params.yaml', '--launcher', 'ray')
        swept = project.environment.hooks(*words, '-r', 'num_gpus=0.5', '-r', 'num_cpus=0.5')
        assert len(re.findall(r"devices '[01]'", swept.err)) == 2, swept
        assert project.models == 3
    finally:
        cluster.kill_node(node)


def test_too_few_resources(project: Project) -> None:
    project.settings('wait_for_nodes = 1')
    never = project.environment.hooks(*project.words('never', '-r', 'num_gpus=64'), code=None)
    assert never.code != 0
    assert 'no node of the cluster has CPU 1, GPU 64: its nodes have CPU 2, GPU 0' in never.err
    assert '-r NAME=AMOUNT' in never.err
    with project.environment.started(*project.words('first', '-r', 'node1=1', stop='epoch1')) as first:
        first.until(project.reached('epoch1'))
        with project.environment.started(*project.words('second', '-r', 'node1=1')) as second:
            read_until(second, 'waiting for CPU 1, node1 1: free in the whole cluster')
            ended = second.end(signal.SIGINT)
        assert ended.code == 130
        assert project.record('second')['status'] == 'cancelled'
        project.go('epoch1')
        assert first.end().code == 0
