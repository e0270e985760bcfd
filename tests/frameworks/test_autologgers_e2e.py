"""Contributed autologgers as their users have them: the example of the README, killed and resumed, and its journal."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.journal import metrics_table, read_events
from tests.frameworks.conftest import CONTRIB, NAMES
from tests.support.environments import Environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

# Enough epochs to be killed among them.
EPOCHS = {'lightning': 60, 'transformers': 12}
OF_TRAINING = {'lightning': ('train_loss', 'lr-SGD'), 'transformers': ('loss', 'learning_rate')}
OF_VALIDATION = {'lightning': ('val_loss',), 'transformers': ('eval_loss', 'eval_accuracy')}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / 'project'
    folder.mkdir()
    return folder


def example(name: str) -> str:
    text = (CONTRIB / f'synapse-hooks-{name}' / 'README.md').read_text(encoding='utf-8')
    found = re.search(r'\*\*`train\.py`\*\*\n\n```python\n(.*?)```', text, flags=re.DOTALL)
    assert found, 'the README has an example'
    return found[1]


def events(run: Path, type: str) -> list[dict[str, Any]]:
    return list(read_events(run, types=(type,))) if run.is_dir() else []


@pytest.mark.parametrize('name', EPOCHS)
def test_the_example_is_killed_and_goes_on_from_its_last_checkpoint(
    name: str, environment: Environment, project: Path
) -> None:
    (project / 'train.py').write_text(example(name), encoding='utf-8')
    at, run = environment.at(project), project / 'run'
    words = ('train', 'train.py:Train', '-p', 'data_path=.', '-p', f'epochs={EPOCHS[name]}', '--run-dir', 'run')
    with at.started(*words) as running:
        running.until(lambda: len(events(run, 'checkpoint')) > 3)
        running.end(signal.SIGKILL)
    at.hooks('resume', 'run')

    started, resumed = events(run, 'run_start')
    assert resumed['attempt'] == 2
    trained: list[Any] = [event['step'] for event in events(run, 'metrics') if event['attempt'] == 2]
    assert min(step for step in trained if step is not None) > 1, 'it did not begin again'
    table = metrics_table(run)
    for phase, names in (('train', OF_TRAINING[name]), ('val', OF_VALIDATION[name])):
        for metric in names:
            steps = [key.step for key in table if (key.phase, key.axis, key.name) == (phase, 'epoch', metric)]
            assert sorted(steps) == list(range(1, EPOCHS[name] + 1)), metric
    assert {event.get('training') for event in events(run, 'metrics')} == {'train'}
    assert events(run, 'params')[0]['values']
    assert not [event['text'] for event in events(run, 'message') if event['level'] == 'warning']
    assert events(run, 'run_end')[-1]['status'] == 'finished'
    assert started['attempt'] == 1
    assert 'train' in at.hooks('report', 'run').out


def test_the_example_of_scikit_learn(environment: Environment, project: Path) -> None:
    (project / 'train.py').write_text(example('sklearn'), encoding='utf-8')
    environment.at(project).hooks('train', 'train.py:Train', '-p', 'data_path=.', '--run-dir', 'run')
    run = project / 'run'
    found = {(key.training, key.phase, key.name, key.step) for key in metrics_table(run)}
    assert {('cross_validate', 'val', 'test_score', fold) for fold in (1, 2, 3)} <= found
    assert {('train', 'val', 'mean_test_score', candidate) for candidate in (1, 2)} <= found
    assert {('train', 'train', 'loss', epoch) for epoch in range(1, 21)} <= found
    assert [Path(event['path']).name for event in events(run, 'artifact')] == ['cross_validate.csv', 'cv_results.csv']
    assert not [event['text'] for event in events(run, 'message') if event['level'] == 'warning']


@pytest.mark.parametrize('name', NAMES)
def test_its_own_tests_pass(name: str, environment: Environment, tmp_path: Path) -> None:
    tests = CONTRIB / f'synapse-hooks-{name}' / 'tests'
    words = '-m', 'pytest', '-q', '-rs', '-p', 'no:cacheprovider', tests
    ended = environment.at(tmp_path).run(environment.python, *words)
    assert ended.code == 0, ended
    skipped = [line for line in ended.out.splitlines() if line.startswith('SKIPPED')]
    assert all('`trains_at_once` is False' in line for line in skipped), skipped


def test_they_are_listed(environment: Environment) -> None:
    listed = environment.hooks('autologgers').out
    for name in (*NAMES, 'pytorch_lightning', 'ultralytics'):
        assert re.search(rf'^{name} +available', listed, flags=re.MULTILINE), listed
