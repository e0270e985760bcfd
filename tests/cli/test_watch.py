"""`watch`: a run that goes on in another process, in the terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from synapse_hooks.cli import main
from synapse_hooks.journal import Journal, RunDirectory
from tests.support.waiting import until

ACTION = """
import time
from pathlib import Path
from synapse_hooks import BaseTrainAction, BaseTrainParams


class Trains(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path, checkpoint):
        for epoch in range(1, 100):
            self.log_metrics({'loss': 1 / epoch}, phase='train', step=epoch)
            if epoch >= 3:
                while not Path('finish').exists() and not Path('fail').exists():
                    time.sleep(0.02)
                if Path('fail').exists():
                    raise ValueError('it diverged')
                return {}
"""


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], subprocess.Popen[bytes]]:
    """Starts a run that waits in the middle for a file `finish` or `fail`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('SYNAPSE_WORKSPACE', str(tmp_path / 'workspace'))
    (tmp_path / 'data').mkdir()
    (tmp_path / 'action.py').write_text(ACTION)

    def run() -> subprocess.Popen[bytes]:
        words = ['train', 'action.py:Trains', '-p', 'data_path=data', '--run-dir', 'workspace/runs/slow']
        started = subprocess.Popen([sys.executable, '-m', 'synapse_hooks.cli', *words], stderr=subprocess.DEVNULL)
        journal = tmp_path / 'workspace' / 'runs' / 'slow' / 'events.jsonl'
        until(lambda: b'"step":3' in journal.read_bytes(), started)
        return started

    return run


@pytest.mark.parametrize(('file', 'code', 'status'), [('finish', 0, 'succeeded'), ('fail', 1, 'failed')])
def test_a_run_is_watched_until_it_ends(
    start: Callable[[], subprocess.Popen[bytes]],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    file: str,
    code: int,
    status: str,
) -> None:
    with start() as running:
        words = [sys.executable, '-m', 'synapse_hooks.cli', 'watch', 'last']
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watching:
            assert watching.stderr is not None
            seen = [watching.stderr.readline()]
            while 'epoch 3' not in seen[-1]:
                seen.append(watching.stderr.readline())
            assert running.poll() is None
            (tmp_path / file).touch()
            out, rest = watching.communicate(timeout=30)
    shown = ''.join(seen) + rest
    assert watching.returncode == code
    assert f'slow, {status}' in out
    assert 'loss 0.5' in shown
    assert ('it diverged' in shown) == (file == 'fail')


def test_the_end_of_the_display_is_not_that_of_the_run(
    start: Callable[[], subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    with start() as running:
        words = [sys.executable, '-m', 'synapse_hooks.cli', 'watch', 'slow']
        with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as watching:
            assert watching.stderr is not None
            while 'epoch 3' not in watching.stderr.readline():
                pass
            watching.send_signal(signal.SIGINT)
            _, rest = watching.communicate(timeout=30)
        assert watching.returncode == 130
        assert 'the run goes on' in rest
        assert running.poll() is None
        (tmp_path / 'finish').touch()
        assert running.wait(30) == 0


def test_a_killed_run_has_ended(
    start: Callable[[], subprocess.Popen[bytes]], capfd: pytest.CaptureFixture[str]
) -> None:
    with start() as running:
        os.kill(running.pid, signal.SIGKILL)
    assert main(['watch', 'slow']) == 1
    assert 'killed' in capfd.readouterr().out


def test_the_last_attempt_is_shown_and_of_many_metrics_the_last(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    directory = RunDirectory.create(tmp_path / 'runs' / 'one', action='train', params={})
    for attempt in (1, 2):
        directory.update(attempts=attempt, status='running')
        journal = Journal(directory.path, run='one')
        journal.record('message', {'level': 'info', 'text': f'attempt {attempt}'})
        for epoch in range(1, 31):
            journal.record(
                'metrics', {'phase': 'train', 'axis': 'epoch', 'step': epoch, 'values': {f'loss{attempt}': 0.5}}
            )
        journal.record('run_end', {'status': 'finished'})
        journal.close()
    with (directory.path / 'events.jsonl').open('a') as lines:
        lines.write('{"type":"metrics","attempt":2,"values":7}\n{"type":"step"}\n{"type":"message","text":[]}\n')
    directory.update(status='succeeded')
    assert main(['watch', str(directory.path)]) == 0
    shown = capfd.readouterr().err
    assert 'attempt 1' not in shown
    assert 'attempt 2' in shown
    assert [f'epoch {epoch} ' in shown for epoch in (21, 22, 30)] == [False, True, True]
    assert 'loss1' not in shown
