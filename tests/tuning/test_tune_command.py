"""`synapse-hooks tune`, `train` with the parameters of a search, and `resume` of a search or of a trial."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.backends import Workspace
from synapse_hooks.cli import main
from synapse_hooks.journal import RunDirectory
from tests.support.waiting import until

Calls = Callable[[], list[str]]
SPACE = [{'name': 'lr', 'type': 'choice', 'options': [0.1, 0.3, 0.2]}]
HOW = ('--metric', 'score', '--mode', 'max', '--samples', '3')
LAUNCHER = ('--launcher', 'serial')


@pytest.fixture
def space(project: Path) -> Path:
    """The space, as a file of the project."""
    file = project / 'space.json'
    file.write_text(json.dumps(SPACE), encoding='utf-8')
    return file


def last_json(capfd: pytest.CaptureFixture[str]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(capfd.readouterr().out.splitlines()[-1])
    return loaded


def test_the_trials_are_lines_and_then_a_table(space: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ['train.py:Train', '--space', str(space), *HOW, *LAUNCHER, '-p', 'dataset=7', '-p', 'fails_at=0.2']
    assert main(['tune', *words, '--name', 'search']) == 0
    out, err = capfd.readouterr()
    assert [line.partition(':')[0] for line in err.splitlines() if 'trial 000' in line][:3] == [
        'trial 0001 succeeded',
        'trial 0002 succeeded',
        'warning',
    ]
    lines = out.splitlines()
    assert lines[0].split()[:4] == ['trial', 'status', 'lr', 'score']
    assert lines[1].split() == ['0002', '*', 'succeeded', '0.3', '0.6', '-']
    assert '* the best trial' in lines
    assert RunDirectory.open(tmp_path / 'workspace' / 'runs' / 'search-0003').status == 'failed'


def test_the_same_as_json(space: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ['train.py:Train', '--space', str(space), *HOW, *LAUNCHER, '-p', 'dataset=7']
    assert main(['tune', *words, '--json', '--run-dir', str(tmp_path / 'search')]) == 0
    data = last_json(capfd)
    assert (data['outcome'], data['result']['lr'], data['search']['best']['id']) == ('succeeded', 0.3, '0002')
    assert [trial['params'] for trial in data['search']['trials']] == [{'lr': 0.1}, {'lr': 0.3}, {'lr': 0.2}]


def test_parameters_of_a_search_that_train_gets_are_a_search(
    project: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    form = {'dataset': 7, 'is_tune': True, 'hyperparameters': SPACE, 'tune_config': {'metric': 'score', 'mode': 'min'}}
    (project / 'params.json').write_text(json.dumps(form), encoding='utf-8')
    words = ['train', 'train.py:Train', '--params', 'params.json', '--run-dir', str(tmp_path / 'search'), '--json']
    assert main([*words, *LAUNCHER]) == 0
    assert last_json(capfd)['result']['lr'] == 0.1
    (project / 'pyproject.toml').write_text('[tool.synapse_hooks]\n', encoding='utf-8')
    assert main([*words[:-3], '--run-dir', str(tmp_path / 'other'), '--json']) == 2
    error = last_json(capfd)['error']
    assert 'no launcher that can search' in error['message']
    assert 'pip install "synapse-hooks-ray[tune]"' in error['hint']


def test_a_search_whose_process_was_killed_is_resumed_and_so_is_a_trial(
    space: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path, calls: Calls
) -> None:
    words = ['tune', 'train.py:Train', '--space', str(space), *HOW, *LAUNCHER, '-p', 'dataset=7', '--name', 'search']
    (space.parent / 'kill').touch()
    killed = subprocess.run([sys.executable, '-m', 'synapse_hooks.cli', *words], stdin=subprocess.DEVNULL, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert calls() == ['export 7', 'pre_execute', 'execute 0.1']
    (space.parent / 'kill').unlink()
    assert main(['resume', 'search', '--json']) == 0
    assert calls() == ['pre_execute', 'execute 0.3', 'pre_execute', 'execute 0.2', 'upload 0.3']
    assert [trial['id'] for trial in last_json(capfd)['search']['trials']] == ['0001', '0002', '0003']
    # The training of a trial is done: its model is uploaded now.
    assert main(['resume', 'search-0001', '--json']) == 0
    assert calls() == ['upload 0.1']
    assert len(Workspace(tmp_path / 'workspace').list_models()) == 2


def test_ctrl_c_cancels_the_trial_and_the_search(space: Path, tmp_path: Path) -> None:
    words = ['tune', 'train.py:Train', '--space', str(space), *HOW, *LAUNCHER, '-p', 'dataset=7', '-p', 'waits=true']
    command = [sys.executable, '-m', 'synapse_hooks.cli', *words, '--name', 'search']
    # A process that was started in the background ignores Ctrl-C.
    running = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    until((space.parent / 'waiting').exists, running)
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert 'cancelling the trials, and waiting for their end' in err
    runs = tmp_path / 'workspace' / 'runs'
    assert [RunDirectory.open(runs / run).status for run in ('search', 'search-0001')] == ['cancelled', 'cancelled']
    assert not (runs / 'search-0002').exists()


def test_what_is_wrong_is_reported_before_anything_runs(
    space: Path, project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ['tune', 'train.py:Train', '--space', str(space), '-p', 'dataset=7', *LAUNCHER, '--json']
    assert main([*words, '--metric', 'score']) == 2
    assert 'tune_config.mode: must be `max`' in last_json(capfd)['error']['message']
    assert main([*words, *HOW, '-p', 'lr=0.1']) == 2
    assert 'lr: is searched' in last_json(capfd)['error']['message']
    assert main(['tune', 'train.py:Train', '--space', 'none.yaml', '--json']) == 2
    assert '--space none.yaml' in last_json(capfd)['error']['message']
    assert not (project / 'calls').exists()


def test_a_plan_runs_nothing(space: Path, project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    words = ['tune', 'train.py:Train', '--space', str(space), '-p', 'dataset=7', *LAUNCHER, *HOW]
    assert main([*words, '--plan']) == 0
    assert 'Nothing was run' in capfd.readouterr().out
    assert not (project / 'calls').exists()
