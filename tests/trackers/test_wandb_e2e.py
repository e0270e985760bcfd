"""wandb itself, offline: its files, over runs that are killed and resumed."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import canary
from tests.support.environments import Environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

TESTS = Path(__file__).parents[2] / 'contrib' / 'synapse-hooks-wandb' / 'tests'
OFFLINE = {'WANDB_MODE': 'offline', 'WANDB_ERROR_REPORTING': 'false'}
ACTION = """
import os, signal, sys, threading, time
from synapse_hooks import BaseTrainAction, BaseTrainParams

def state():
    signals = [str(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGWINCH)]
    return [repr(sys.stdout), repr(sys.stderr), repr(sys.excepthook), signals, 'wandb' in sys.modules]

class Train(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path, checkpoint):
        before = state()
        self.log_metrics({'loss': 1.0}, phase='train', step=1)
        while not list(self.context.run_dir.glob('wandb/*/*.wandb')):
            time.sleep(0.01)
        child = os.fork()
        if child == 0:
            # Holds all pipes open, as a worker of a data loader does.
            time.sleep(5)
            os._exit(0)
        self.log_metrics({'loss': 2.0}, phase='train', step=2)
        return {'unchanged': state() == before, 'imported': 'wandb' in sys.modules, 'child': child}
"""


@pytest.fixture(scope='module')
def environment(with_tracker: Callable[..., Environment]) -> Environment:
    """With wandb."""
    return with_tracker('wandb', 'wandb>=0.21,<1')


def content(environment: Environment, run_dir: Path) -> dict[str, Any]:
    """What the files of a run have, by the protocol of wandb."""
    ended = environment.run(environment.python, TESTS / 'wandb_files.py', run_dir)
    assert ended.code == 0, ended
    found: dict[str, Any] = json.loads(ended.out)
    return found


def test_a_killed_run_that_is_resumed_is_one_run_without_gaps(environment: Environment, project: Path) -> None:
    at = environment.at(project, **OFFLINE, WANDB_API_KEY=canary.SECRET)
    train = ('train', 'train.py:Train', '-p', 'data_path=.', '-p', 'epochs=200', '-p', 'stops=[60,120]')
    with at.started(*train, '--run-dir', 'run') as run:
        run.until((project / 'at60').exists)
        (project / 'go60').touch()
        run.until((project / 'at120').exists)
        run.end(signal.SIGKILL)
    (project / 'go120').touch()
    at.hooks('resume', 'run')

    found = content(environment, project / 'run')
    assert len(found['ids']) >= 2
    assert len(set(found['ids'])) == 1
    losses = [(row['epoch'], row['train/loss']) for row in found['rows'] if 'train/loss' in row]
    assert losses == [(epoch, 1 / epoch) for epoch in range(1, 201)]
    steps = [row['_step'] for row in found['rows']]
    assert steps == list(range(len(steps)))
    assert found['axes']['train/loss'] == 'epoch'
    assert found['axes']['fold2/val/loss'] == 'batch'
    assert found['exits'] == [1, 0]
    assert [row['epoch'] for row in found['rows'] if 'predictions/path' in row] == [60, 120]
    assert found['config']['optimizer'] == {'name': 'sgd', 'betas': [0.9, 0.99]}
    assert found['config']['synapse_hooks']['attempt'] == 2
    assert found['summary']['synapse_hooks/status'] == 'finished'
    folders = sorted((project / 'run' / 'wandb').glob('offline-run-*'))
    listed = environment.run(environment.python, '-m', 'wandb', 'sync', '--dry-run', *folders)
    assert f'Would sync {len(folders)} run(s)' in listed.out + listed.err


def test_the_training_does_not_notice_wandb(environment: Environment, project: Path) -> None:
    (project / 'train.py').write_text(ACTION)
    at = environment.at(project, **OFFLINE)
    answer = at.hooks('train', 'train.py:Train', '-p', 'data_path=.', '--run-dir', 'run', '--json').json
    assert answer['result']['unchanged'] is True
    assert answer['result']['imported'] is False
    losses = [row['train/loss'] for row in content(environment, project / 'run')['rows'] if 'train/loss' in row]
    assert losses == [1.0, 2.0]


def test_a_server_that_is_away_keeps_the_events(environment: Environment, project: Path) -> None:
    at = environment.at(project, WANDB_API_KEY='a' * 40, WANDB_BASE_URL='http://127.0.0.1:9', WANDB_INIT_TIMEOUT='3')
    ended = at.hooks('train', 'train.py:Train', '-p', 'data_path=.', '--run-dir', 'run')
    assert "'synapse-hooks-wandb-wandb' has not received" in ended.err
    synced = at.hooks('sync', 'run', **OFFLINE)
    assert 'all is delivered' in synced.out
    losses = [row['epoch'] for row in content(environment, project / 'run')['rows'] if 'train/loss' in row]
    assert losses == list(range(1, 11))


def test_its_own_tests_pass_with_wandb(environment: Environment, own_tests_pass: Callable[..., None]) -> None:
    own_tests_pass(environment, 'wandb')
