"""Searches on a cluster of two nodes, by Ray Tune: all types, early stopping, failures, PBT, Optuna, killed drivers."""

from __future__ import annotations

import json
import math
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.backends import Workspace
from synapse_hooks.journal import read_events
from synapse_hooks.searches import SearchParam
from synapse_hooks.searches.faults import Faults
from synapse_hooks.searches.space import space_of
from tests.formats.format_kit import add_item, box
from tests.ray.conftest import Cluster
from tests.support.environments import Ended
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

SPACE: list[dict[str, Any]] = [
    {'name': 'choice', 'type': 'choice', 'options': ['a', 2, [3]]},
    {'name': 'uniform', 'type': 'uniform', 'min': 0.1, 'max': 0.5},
    {'name': 'quniform', 'type': 'quniform', 'min': 0.5, 'max': 2.0, 'q': 0.5},
    {'name': 'loguniform', 'type': 'loguniform', 'min': 0.001, 'max': 10.0, 'base': 10},
    {'name': 'qloguniform', 'type': 'qloguniform', 'min': 0.5, 'max': 64.0, 'base': 2, 'q': 0.5},
    {'name': 'randn', 'type': 'randn', 'mean': 3.0, 'sd': 0.5},
    {'name': 'qrandn', 'type': 'qrandn', 'mean': 3.0, 'sd': 0.5, 'q': 0.25},
    {'name': 'randint', 'type': 'randint', 'min': 5, 'max': 8},
    {'name': 'qrandint', 'type': 'qrandint', 'min': 4, 'max': 16, 'q': 4},
    {'name': 'lograndint', 'type': 'lograndint', 'min': 1, 'max': 1000, 'base': 10},
    {'name': 'qlograndint', 'type': 'qlograndint', 'min': 2, 'max': 64, 'base': 2, 'q': 2},
    {'name': 'grid_search', 'type': 'grid_search', 'options': [0.25, 0.75]},
]
SAMPLE = """
import json, sys
import numpy
from ray import tune
from synapse_hooks.searches import search_of
from synapse_hooks_ray.space import drawn, param_space

numpy.random.seed(1)
search, _ = search_of(json.load(sys.stdin), {'metric': 'm', 'mode': 'max'})
space = param_space(search)
grid = space.pop('grid_search')
assert grid == {'grid_search': [0.25, 0.75]}, grid
samples = {name: [drawn(search, {name: domain.sample()})[name] for _ in range(2000)] for name, domain in space.items()}
print(json.dumps(samples))
"""
"""Draws from each domain, as Tune does."""


def test_each_type_has_the_values_of_its_definition(cluster: Cluster, tmp_path: Path) -> None:
    import subprocess

    done = subprocess.run(
        [cluster.environment.python, '-c', SAMPLE],
        input=json.dumps(SPACE),
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    samples = json.loads(done.stdout)
    for param in space_of(SPACE, Faults()):
        if param.type != 'grid_search':
            check(param, samples[param.name])


def check(param: SearchParam, values: Sequence[Any]) -> None:
    """The values are within bounds, on the grid of `q`, of the right kind, and spread as the type says."""
    if param.options is not None:
        assert {json.dumps(value) for value in values} == {json.dumps(value) for value in param.options}
        return
    kind = int if param.is_integer else float
    assert {type(value) for value in values} == {kind}, param.name
    if param.q is not None:
        assert all(math.isclose(value / param.q, round(value / param.q), abs_tol=1e-9) for value in values), param.name
    mean = sum(values) / len(values)
    if param.min is None or param.max is None:
        assert abs(mean - float(param.mean or 0)) < 0.05, param.name
        assert abs(math.sqrt(sum((value - mean) ** 2 for value in values) / len(values)) - float(param.sd or 0)) < 0.05
        return
    # The upper end is included with `q`, and is not for integers without it.
    top = param.max - 1 if param.is_integer and param.q is None else param.max
    assert param.min <= min(values) <= max(values) <= top, param.name
    if param.is_integer and param.max - param.min < 100:
        assert {min(values), max(values)} == {param.min, top}, param.name
    if 'log' in param.type:
        middle = math.sqrt(param.min * param.max)
        below = sum(value < middle for value in values) / len(values)
        assert 0.35 < below < 0.6, f'{param.name}: {below}'
    else:
        assert abs(mean - (param.min + top) / 2) < (top - param.min) / 20, param.name


class Project:
    """A project with an action and a workspace with a dataset; searches are launched in a cluster."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.folder, self.root = folder / 'project', folder / 'workspace'
        self.folder.mkdir()
        shutil.copy(Path(__file__).with_name('tuned_action.py'), self.folder / 'train.py')
        (self.folder / 'pyproject.toml').write_text('[tool.synapse_hooks]\n', encoding='utf-8')
        add_item(folder / 'dm' / 'train', 'a', {'bounding_box': [box(1, 2, 30, 40, 'car')]})
        add_item(folder / 'dm' / 'valid', 'b', {'bounding_box': [box(1, 2, 30, 40, 'car')]})
        self.workspace = Workspace(self.root)
        self.workspace.add_dataset(folder / 'dm', name='cars')
        self.environment = cluster.at(self.folder, SYNAPSE_WORKSPACE=str(self.root), NO_COLOR='1')

    def words(self, space: list[dict[str, Any]], *more: str, **config: Any) -> list[str]:
        """The command of a search."""
        form = {'hyperparameters': space, 'tune_config': {'metric': 'score', 'mode': 'max', **config}}
        (self.folder / 'space.json').write_text(json.dumps(form), encoding='utf-8')
        target = ['tune', 'train.py:Train', '--space', 'space.json', '-p', 'dataset=cars', '--name', 'search']
        return [*target, '--launcher', 'ray', '-r', 'num_cpus=1', '--json', *more]

    def held(self, space: list[dict[str, Any]], *more: str, **config: Any) -> list[str]:
        """The command of a search whose trials wait after two epochs until `go`."""
        return self.words(space, *more, '-p', f'hold={self.folder}', **config)

    def tune(self, space: list[dict[str, Any]], *more: str, code: int = 0, **config: Any) -> Ended:
        """Run a search to its end."""
        with self.environment.started(*self.words(space, *more, **config)) as running:
            ended = running.end()
        assert ended.code == code, ended
        return ended

    def go(self, *lrs: float) -> None:
        """Let trials that `hold` go on after two epochs: those with these values of `lr`."""
        for lr in lrs:
            (self.folder / f'go-{lr}').touch()

    def resume(self) -> dict[str, Any]:
        """Resume the search, and return its output."""
        with self.environment.started('resume', str(self.root / 'runs' / 'search'), '--json') as running:
            return running.end().json

    def record(self, run: str) -> dict[str, Any]:
        """The run.json of a run."""
        record: dict[str, Any] = json.loads((self.root / 'runs' / run / 'run.json').read_bytes())
        return record

    def epochs(self, trial: str) -> list[int]:
        """The epochs that a trial has logged, in order."""
        events = read_events(self.root / 'runs' / trial, types=('metrics',))
        return [event['step'] for event in events if 'score' in event['values']]

    def pid(self, trial: str) -> int:
        """The process that has logged the last metrics of a trial."""
        *_, last = read_events(self.root / 'runs' / trial, types=('metrics',))
        return int(last['pid'])

    def texts(self, run: str) -> list[str]:
        """The messages of a run."""
        return [event['text'] for event in read_events(self.root / 'runs' / run, types=('message',))]


@pytest.fixture
def project(cluster: Cluster, tmp_path: Path) -> Project:
    """A new one."""
    return Project(tmp_path, cluster)


def test_a_search_over_all_types_exports_once_and_uploads_the_best_model_once(project: Project) -> None:
    ended = project.tune([*SPACE, {'name': 'lr', 'type': 'uniform', 'min': 0.1, 'max': 0.9}])
    data = ended.json
    trials = data['search']['trials']
    assert [trial['status'] for trial in trials] == ['succeeded', 'succeeded']
    assert {trial['params']['grid_search'] for trial in trials} == {0.25, 0.75}
    assert all(set(trial['params']) == {*(entry['name'] for entry in SPACE), 'lr'} for trial in trials)
    best = max(trials, key=lambda trial: trial['metrics']['score'])
    assert data['search']['best'] == best
    assert data['result']['score'] == best['metrics']['score']
    assert sum('trial 000' in line for line in ended.err.splitlines()) == 2
    # The dataset was exported and converted by the search, and by it only.
    for trial in trials:
        record = project.record(Path(trial['run_dir']).name)
        steps = read_events(Path(trial['run_dir']), types=('step',))
        assert {step['name'] for step in steps if step['status'] == 'reused'} == {'export', 'convert'}
        assert record['dataset']['path'].startswith(str(project.root / 'runs' / 'search'))
        assert (record['params']['lr'], record['model']) == (trial['params']['lr'], None)
    [model] = project.workspace.list_models()
    assert (model['id'], model['params']['lr']) == (data['model']['id'], best['params']['lr'])
    job = project.workspace.get_job(project.record('search')['runtime']['job_id'])
    assert job['best_trial'] == {'trial_id': best['id'], **best['params']}
    points = [entry['data'] for entry in project.workspace.read_logs(job['id'], 0) if entry['event'] == 'metric']
    reached = sorted(
        (point['trial_id'], point['value']) for point in points if 'score' in point['metrics'] and 'trial_id' in point
    )
    assert reached == [(id, epoch) for id in ('0001', '0002') for epoch in (1, 2, 3)]


def test_asha_stops_early_and_a_trial_that_raises_is_alone(project: Project) -> None:
    space = [{'name': 'lr', 'type': 'grid_search', 'options': [0.9, -1.0, 0.1]}]
    data = project.tune(
        space,
        '-p',
        'epochs=6',
        '-p',
        'pause=0.5',
        # Tune waits 5 seconds only for the end of the last trial.
        '-p',
        'ending=7',
        max_concurrent_trials=1,
        scheduler={'name': 'asha', 'options': {'grace_period': 1, 'reduction_factor': 2}},
    ).json
    first, second, third = data['search']['trials']
    assert (first['status'], second['status'], third['status']) == ('succeeded', 'failed', 'cancelled')
    assert project.epochs('search-0001') == [1, 2, 3, 4, 5, 6]
    assert 'lr is negative' in project.record('search-0002')['error']['message']
    stopped = project.record('search-0003')
    assert (stopped['status'], stopped['error']) == ('cancelled', None)
    assert stopped['stopped'].startswith('by the scheduler after 1 epoch')
    assert f'stopped early {stopped["stopped"]}' in project.texts('search-0003')
    assert len(project.epochs('search-0003')) < 6
    assert data['search']['best']['id'] == '0001'


def test_pbt_starts_a_bad_trial_from_the_checkpoint_of_a_good_one(project: Project) -> None:
    words = project.held(
        [{'name': 'lr', 'type': 'grid_search', 'options': [0.125, 1.0]}],
        '-p',
        'epochs=14',
        '-p',
        'pause=0.4',
        # The next process of a trial starts while the one before is ending.
        '-p',
        'ending=2',
        scheduler={'name': 'pbt', 'options': {'perturbation_interval': 2, 'quantile_fraction': 0.5}},
    )
    with project.environment.started(*words) as running:
        running.until(lambda: project.epochs('search-0001') and project.epochs('search-0002'))
        project.go(0.125, 1.0)
        trials = running.end().json['search']['trials']
    assert [(trial['status'], trial['error']) for trial in trials] == [('succeeded', None)] * 2
    assert [project.record(Path(trial['run_dir']).name)['stopped'] for trial in trials] == [None, None]
    texts = [text for trial in trials for text in project.texts(Path(trial['run_dir']).name)]
    assert 'goes on with 1 an epoch' in texts


def test_optuna_proposes_trials(project: Project) -> None:
    data = project.tune(
        [{'name': 'lr', 'type': 'loguniform', 'min': 0.01, 'max': 1.0}],
        num_samples=2,
        search_alg={'name': 'optuna', 'options': {'seed': 1}},
    ).json
    assert [trial['status'] for trial in data['search']['trials']] == ['succeeded', 'succeeded']


@pytest.mark.parametrize('cancels', [False, True], ids=['killed', 'cancelled and killed'])
def test_a_search_whose_driver_was_killed_goes_on(cancels: bool, project: Project) -> None:
    space = [{'name': 'lr', 'type': 'grid_search', 'options': [0.2, 0.4]}]
    words = project.held(space, '-p', 'epochs=5', '-p', f'ending={2 * cancels}', max_concurrent_trials=1)
    project.go(0.2)
    with project.environment.started(*words) as running:
        running.until(lambda: len(project.epochs('search-0002')) == 2)
        if cancels:
            running.process.send_signal(signal.SIGINT)
            running.until((project.root / 'runs' / 'search' / 'tune' / 'cancelled').exists)
        running.end(signal.SIGKILL)
    killed = project.pid('search-0002')
    until(lambda: not Path(f'/proc/{killed}').exists())
    project.go(0.4)
    data = project.resume()
    trials = data['search']['trials']
    assert [(trial['id'], trial['status'], trial['params']['lr']) for trial in trials] == [
        ('0001', 'succeeded', 0.2),
        ('0002', 'succeeded', 0.4),
    ]
    # The first one is not run again, and the second one goes on where it was.
    assert project.epochs('search-0001') == [1, 2, 3, 4, 5]
    assert project.epochs('search-0002') == [1, 2, 3, 4, 5]
    assert len(project.workspace.list_models()) == 1
    assert data['search']['best']['id'] == '0002'


def test_a_search_that_was_cancelled_goes_on_with_what_is_left_of_the_grid(project: Project) -> None:
    space = [{'name': 'lr', 'type': 'grid_search', 'options': [0.5, 1.0, -1.0]}]
    words = project.held(space, '-p', 'epochs=4', max_concurrent_trials=1, scheduler='median')
    project.go(0.5)
    with project.environment.started(*words) as running:
        running.until(lambda: len(project.epochs('search-0002')) == 2)
        running.end(signal.SIGINT)
    cancelled = project.record('search-0002')
    assert (cancelled['status'], cancelled['error'], cancelled['stopped']) == ('cancelled', None, None)
    # What Tune would restore the search from is not needed.
    (project.root / 'runs' / 'search' / 'tune' / 'tuner.pkl').write_bytes(b'damaged')
    project.go(1.0)
    data = project.resume()
    assert [(trial['id'], trial['status'], trial['params']['lr']) for trial in data['search']['trials']] == [
        ('0001', 'succeeded', 0.5),
        ('0002', 'succeeded', 1.0),
        ('0003', 'failed', -1.0),
    ]
    assert project.epochs('search-0001') == [1, 2, 3, 4]
    assert project.epochs('search-0002').count(1) == 1
    # An error of the action is final.
    assert project.record('search-0003')['attempts'] == 1
    assert len(project.workspace.list_models()) == 1


def test_the_trials_of_a_node_that_is_killed_go_on_elsewhere(project: Project, cluster: Cluster) -> None:
    node = cluster.add_node()
    space = [{'name': 'lr', 'type': 'grid_search', 'options': [0.5, 0.75, 1.0]}]
    words = [*project.held(space, '-p', 'epochs=5'), '-r', 'num_cpus=2']
    trials = ['search-0001', 'search-0002', 'search-0003']
    with project.environment.started(*words) as running:
        # One on each node.
        running.until(lambda: all(len(project.epochs(each)) == 2 for each in trials))
        pids = [project.pid(each) for each in trials]
        cluster.kill_node(node)
        running.until(lambda: not all(Path(f'/proc/{pid}').exists() for pid in pids))
        project.go(0.5, 0.75, 1.0)
        data = running.end().json
    assert [trial['status'] for trial in data['search']['trials']] == ['succeeded'] * 3
    assert sorted(project.record(each)['attempts'] for each in trials) == [1, 1, 2]
    for each in trials:
        epochs = project.epochs(each)
        assert epochs == [1, 2, 3, 4, 5]
    assert len(project.workspace.list_models()) == 1
