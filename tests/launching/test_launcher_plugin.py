"""A launcher of a project at the command line: what it shows, how it is cancelled, what is left if it is killed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from synapse_hooks.journal import RunDirectory
from tests.launching.conftest import Start
from tests.support.waiting import until

TRAIN = ('train', 'train.py:Train', '-p', 'data_path=data', '--launcher', 'subprocess', '--run-dir', 'run')


def test_a_launched_run_looks_like_one_here(start: Start, project: Path) -> None:
    with start(*TRAIN, '--env', 'COLOUR=blue', '--json') as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert '✔ execute' in err
    assert 'epoch 3 train  loss 0.0333' in err
    lines = out.splitlines() + err.splitlines()
    said = next(line for line in lines if line.startswith('in process'))
    assert said.endswith(' blue')
    assert int(said.split()[2]) != process.pid
    data = json.loads(out.splitlines()[-1])
    assert (data['outcome'], data['model']['id'], data['metrics']['loss']) == ('succeeded', 1, pytest.approx(0.1 / 3))
    record = RunDirectory.open(project / 'run').read()
    assert record['launch'] == {'launcher': 'subprocess', 'resources': {'env': {'COLOUR': 'blue'}}}


def test_a_failure_of_the_worker_is_reported_as_one_here(start: Start) -> None:
    with start(*TRAIN, '-p', 'fail=true', '--json') as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "raise ValueError('no luck')" in err
    assert "error: step 'execute' failed: ValueError: no luck" in err
    assert err.count('no luck') <= 5
    error = json.loads(out.splitlines()[-1])['error']
    assert error['message'] == "step 'execute' failed: ValueError: no luck"


def test_ctrl_c_ends_the_run_of_the_worker(start: Start, project: Path) -> None:
    with start(*TRAIN, '-p', 'waits=true') as process:
        until((project / 'waiting').exists, process)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert 'cancelling the run, and waiting for its end' in err
    assert 'synapse-hooks resume' in err
    assert RunDirectory.open(project / 'run').status == 'cancelled'
    (project / 'finish').touch()
    # The launcher is recorded.
    with start('resume', 'run', '--json') as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out.splitlines()[-1])['model']['id'] == 1


def test_a_worker_that_is_killed_is_a_failure_and_the_run_goes_on(start: Start, project: Path) -> None:
    with start(*TRAIN, '-p', 'waits=true') as process:
        until((project / 'waiting').exists, process)
        os.kill(int((project / 'waiting').read_text()), signal.SIGKILL)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert 'it was killed (SIGKILL, out of memory), or the machine stopped' in err
    (project / 'finish').touch()
    with start('resume', 'run', '--json') as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(out.splitlines()[-1])['model']['id'] == 1


def test_a_driver_that_is_killed_leaves_the_run_at_work(start: Start, project: Path) -> None:
    with start(*TRAIN, '-p', 'waits=true') as process:
        until((project / 'waiting').exists, process)
        process.kill()
    with start('resume', 'run') as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert 'is in use by process' in err
    (project / 'finish').touch()
    until(lambda: RunDirectory.open(project / 'run').status == 'succeeded')


def test_a_worker_without_a_plugin_of_the_driver_is_refused(start: Start, project: Path) -> None:
    (project / 'hooks.py').write_text(
        'from synapse_hooks import hookimpl\n@hookimpl\ndef run_started(context): pass\n', encoding='utf-8'
    )
    text = (project / 'pyproject.toml').read_text()
    (project / 'pyproject.toml').write_text(text.replace('plugins = [', 'plugins = ["hooks.py", '), encoding='utf-8')
    with start(*TRAIN, '--env', 'SYNAPSE_HOOKS_BLOCK=hooks.py') as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert 'plugin:hooks.py: the driver has project, the worker has none' in err


def test_a_plan_that_is_none_is_a_usage_error(start: Start, project: Path) -> None:
    (project / 'plan.json').write_text('{}')
    with start('run-plan', 'plan.json') as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert 'the plan of a run cannot be read' in err


FAULTS = {
    'returns nothing': (
        "name = 'queue'\n    def run_plan(self, *given): pass",
        'must return a RunOutcome, got None',
        'failed',
    ),
    'cannot run': ("name = 'queue'", 'def run_plan(self, plan, resources, cancelled)` in Queue', 'failed'),
    'raises': (
        "name = 'queue'\n    def run_plan(self, *given): raise OSError('it is full')",
        'OSError: it is full',
        'failed',
    ),
    'runs nothing': (
        "name = 'queue'\n    def run_plan(self, plan, *given): return read_outcome(plan.run_dir)",
        'the run has not begun',
        'created',
    ),
    'has no name': ('pass', "write `name = 'queue'` in its class", None),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_a_launcher_with_a_fault_is_told_what_to_write(start: Start, project: Path, fault: str) -> None:
    body, message, status = FAULTS[fault]
    imports = 'from synapse_hooks.launching import BaseLauncher, read_outcome\n'
    (project / 'queues.py').write_text(f'{imports}class Queue(BaseLauncher):\n    {body}\n', encoding='utf-8')
    (project / 'pyproject.toml').write_text('[tool.synapse_hooks]\nplugins = ["queues:Queue"]\n', encoding='utf-8')
    with start(*TRAIN[:-3], 'queue', '--run-dir', 'run') as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert message in err
    assert 'site-packages' not in err
    assert (RunDirectory.open(project / 'run').status if (project / 'run').exists() else None) == status
    assert ('synapse-hooks resume' in err) == (status is not None)
