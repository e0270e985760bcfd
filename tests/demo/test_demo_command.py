"""The demo as a newcomer runs it, and as somebody who pulls the plug in the middle of the training."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.journal import metrics_table, read_events
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
COMMAND = [sys.executable, '-m', 'synapse_hooks.cli']


def last_json(text: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(text.splitlines()[-1])
    return loaded


def test_the_demo_trains_uploads_and_draws(tmp_path: Path) -> None:
    command = [*COMMAND, 'demo', '--workspace', str(tmp_path / 'workspace'), '--epochs', '1']
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.rstrip().splitlines()
    assert lines[-1].startswith('mAP50 0.')
    assert float(lines[-1].split()[1]) <= 1
    runs = list((tmp_path / 'workspace' / 'runs').iterdir())
    assert len(runs) == 1
    assert (runs[0] / 'predictions.png').stat().st_size > 100_000
    record = json.loads((runs[0] / 'run.json').read_text())
    assert record['status'] == 'succeeded'
    assert record['checkpoint']['id'] == 1
    assert str(record['model']['path']) in done.stdout
    # What was lost on the way is in the record too.
    convert = next(stage for stage in record['stages'] if stage['name'] == 'convert')
    assert convert['losses']['converted']
    # Nothing was written outside of the workspace.
    assert [path.name for path in tmp_path.iterdir()] == ['workspace']


def test_a_training_that_is_killed_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    workspace = tmp_path / 'workspace'
    command = [*COMMAND, 'demo', '--workspace', str(workspace), '--epochs', '3']
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=tmp_path) as demo:
        until(lambda: any([*read_events(run, types=('checkpoint',))] for run in workspace.glob('runs/*/')), demo)
        os.kill(demo.pid, signal.SIGKILL)
    run = next((workspace / 'runs').iterdir())
    assert json.loads((run / 'run.json').read_text())['status'] == 'running'
    env = {**os.environ, 'YOLO_CONFIG_DIR': str(workspace / 'ultralytics')}
    done = subprocess.run(
        [*COMMAND, 'resume', str(run), '--json'], capture_output=True, text=True, cwd=tmp_path, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    answer = last_json(done.stdout)
    assert answer['outcome'] == 'succeeded'
    assert answer['model']['id'] == 2
    trained = [
        (event['attempt'], event['step'])
        for event in read_events(run)
        if event['type'] == 'metrics' and event['phase'] == 'train' and event['axis'] == 'epoch'
    ]
    again = [step for attempt, step in trained if attempt == 2]
    # The second attempt did not begin at the first epoch again.
    assert again
    assert min(again) > 1
    assert {key.step for key in metrics_table(run) if key.phase == 'train' and key.axis == 'epoch'} == {1, 2, 3}
    stages = {stage['name']: stage for stage in json.loads((run / 'run.json').read_text())['stages']}
    assert stages['export']['status'] == stages['convert']['status'] == 'succeeded'
    assert [e['name'] for e in read_events(run) if e['type'] == 'step' and e['status'] == 'reused'] == [
        'export', 'convert', 'pre_execute',
    ]  # fmt: skip
