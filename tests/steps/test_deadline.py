"""A stage that takes longer than its deadline is ended, whatever it waits for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext, hookimpl
from synapse_hooks.backends import Workspace
from synapse_hooks.errors import ConfigError, DeadlineExceeded, StepFailed, Terminated
from synapse_hooks.journal import RunDirectory, read_events
from synapse_hooks.plugins import load_settings
from synapse_hooks.steps.processes import Processes

pytestmark = pytest.mark.usefixtures('elsewhere')

PROGRAM = """
import ctypes, signal, subprocess, sys
from pathlib import Path
from synapse_hooks import BaseTrainAction, BaseTrainParams
from synapse_hooks.steps import deadline

deadline.GRACE, deadline.AGAIN = 1.0, 0.5


class Deaf(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path, checkpoint):
        child = subprocess.Popen(['sleep', '600'])
        Path('child').write_text(str(child.pid))
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGVTALRM])
        ctypes.CDLL(None).sleep(600)


if __name__ == '__main__':
    from synapse_hooks.cli import main

    sys.argv[1:1] = ['train', __file__ + ':Deaf', '-p', 'data_path=.', '--run-dir', 'run']
    sys.exit(main())
"""


class Hanging(BaseTrainAction[BaseTrainParams]):
    """Does `work`, then returns."""

    work: Callable[[], object]

    def execute(self, data_path: Path, checkpoint: Any) -> Any:
        type(self).work()


class Watcher:
    """Remembers how a run ended, and would always try again."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.asked = 0

    @hookimpl
    def cleanup(self, outcome: str) -> None:
        self.outcomes.append(outcome)

    @hookimpl
    def retry_step(self) -> float:
        self.asked += 1
        return 0.0


def run(tmp_path: Path, work: Callable[[], object], *plugins: Any, seconds: float = 0.3) -> None:
    kind = type('Action', (Hanging,), {'work': staticmethod(work)})
    ctx = RuntimeContext(
        client=Workspace(tmp_path / 'workspace'),
        run_dir=tmp_path / 'run',
        plugins=plugins,
        deadlines={'execute': seconds},
        discover=False,
    )
    kind({'data_path': tmp_path}, ctx).run()


def hang() -> None:
    time.sleep(600)


def is_alive(pid: int) -> bool:
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


def test_a_stage_that_hangs_is_ended_and_not_tried_again(tmp_path: Path) -> None:
    watcher, begun = Watcher(), time.monotonic()
    with pytest.raises(StepFailed) as caught:
        run(tmp_path, hang, watcher)
    assert time.monotonic() - begun < 30
    cause = caught.value.__cause__
    assert isinstance(cause, DeadlineExceeded)
    assert (cause.step, cause.seconds) == ('execute', 0.3)
    line = hang.__code__.co_firstlineno + 1
    assert cause.problem == (
        f"stage 'execute' took longer than its deadline of 0.3 s; it was in {__file__}, line {line}"
    )
    assert (watcher.outcomes, watcher.asked) == (['failed'], 0)
    record = RunDirectory.open(tmp_path / 'run').read()
    assert record['status'] == 'failed'
    assert record['stages'][-1]['error'].startswith('DeadlineExceeded: ')
    assert [event['status'] for event in read_events(tmp_path / 'run', types=('run_end',))] == ['failed']


def test_processes_of_the_stage_are_killed_and_earlier_ones_are_not(tmp_path: Path) -> None:
    started: list[subprocess.Popen[str]] = []

    def work() -> None:
        script = 'sleep 600 & echo $!; wait'
        started.append(subprocess.Popen(['sh', '-c', script], stdout=subprocess.PIPE, encoding='utf-8'))
        assert started[0].stdout
        grandchild.append(int(started[0].stdout.readline()))
        started[0].wait()

    grandchild: list[int] = []
    earlier = subprocess.Popen(['sleep', '600'])
    try:
        with pytest.raises(StepFailed):
            run(tmp_path, work, seconds=1.0)
        assert started[0].wait(10) == -signal.SIGKILL
        until = time.monotonic() + 10
        while is_alive(grandchild[0]) and time.monotonic() < until:
            time.sleep(0.01)
        assert not is_alive(grandchild[0])
        assert earlier.poll() is None
    finally:
        earlier.kill()
        earlier.wait()


def test_code_that_catches_everything_does_not_get_away(tmp_path: Path) -> None:
    def work() -> None:
        try:
            hang()
        except BaseException:
            return

    with pytest.raises(StepFailed) as caught:
        run(tmp_path, work)
    assert isinstance(caught.value.__cause__, DeadlineExceeded)


def test_code_that_tries_again_whatever_fails_does_not_either(tmp_path: Path) -> None:
    def work() -> None:
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                continue

    with pytest.raises(StepFailed) as caught:
        run(tmp_path, work)
    assert isinstance(caught.value.__cause__, DeadlineExceeded)


def test_a_stage_in_time_knows_nothing_of_it(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    run(tmp_path, lambda: None, seconds=60.0)
    assert signal.getsignal(signal.SIGVTALRM) == before
    assert RunDirectory.open(tmp_path / 'run').status == 'succeeded'


def test_an_error_in_time_is_itself(tmp_path: Path) -> None:
    with pytest.raises(StepFailed) as caught:
        run(tmp_path, lambda: 1 / 0, seconds=60.0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_signal_cancels_as_ever(tmp_path: Path) -> None:
    with pytest.raises(Terminated):
        run(tmp_path, lambda: os.kill(os.getpid(), signal.SIGTERM), seconds=60.0)
    assert RunDirectory.open(tmp_path / 'run').status == 'cancelled'


def test_waiting_for_another_attempt_counts(tmp_path: Path) -> None:
    class Patient(Watcher):
        @hookimpl
        def retry_step(self) -> float:
            return 600.0

    with pytest.raises(StepFailed) as caught:
        run(tmp_path, lambda: 1 / 0, Patient())
    assert isinstance(caught.value.__cause__, DeadlineExceeded)


def test_the_project_sets_deadlines_too_and_the_call_goes_first(tmp_path: Path) -> None:
    (tmp_path / 'pyproject.toml').write_text('[tool.synapse_hooks]\ndeadline = { execute = 0.2, other = 5 }\n')
    client = Workspace(tmp_path / 'workspace')
    kind = type('Action', (Hanging,), {'work': staticmethod(hang)})
    for seconds, given in ((0.2, {}), (0.4, {'execute': 0.4})):
        ctx = RuntimeContext(client=client, project=tmp_path, deadlines=given, discover=False)
        with pytest.raises(StepFailed) as caught:
            kind({'data_path': tmp_path}, ctx).run()
        assert caught.value.__cause__.seconds == seconds  # type: ignore[union-attr]


@pytest.mark.parametrize('value', ['0', '-1', 'true', '"soon"', 'nan', 'inf', '[]'])
def test_a_deadline_is_a_number_of_seconds(value: str, tmp_path: Path) -> None:
    (tmp_path / 'pyproject.toml').write_text(f'[tool.synapse_hooks]\ndeadline.export = {value}\n')
    with pytest.raises(ConfigError, match=r'deadline\.export must be a number of seconds above 0'):
        load_settings(tmp_path, env={})
    (tmp_path / 'pyproject.toml').write_text(f'[tool.synapse_hooks]\ndeadline = {value}\n')
    with pytest.raises(ConfigError, match='deadline must be a table'):
        load_settings(tmp_path, env={})


def test_a_deadline_of_a_stage_that_is_not_there_is_refused(tmp_path: Path) -> None:
    ctx = RuntimeContext(client=Workspace(tmp_path / 'w'), deadlines={'exprot': 1.0}, discover=False)
    with pytest.raises(ConfigError, match="there is no stage 'exprot'") as caught:
        Hanging({'data_path': tmp_path}, ctx).run()
    assert "did you mean 'export'?" in caught.value.hint


def test_native_code_that_does_not_return_ends_with_its_process(tmp_path: Path) -> None:
    script = tmp_path / 'deaf.py'
    script.write_text(PROGRAM)
    ended = subprocess.run(
        [sys.executable, script, '--deadline', 'execute=0.5', '--workspace', 'w', '--json'],
        cwd=tmp_path,
        capture_output=True,
        encoding='utf-8',
        timeout=60,
    )
    assert ended.returncode == 1, ended.stderr
    answer = json.loads(ended.stdout.splitlines()[-1])
    assert answer['error']['cause']['type'] == 'DeadlineExceeded'
    assert 'in execute' in ended.stderr
    record = RunDirectory.open(tmp_path / 'run').read()
    assert (record['status'], record['stages'][-1]['status']) == ('failed', 'failed')
    assert f'{script}, line ' in record['error']['message']
    assert record['runtime']['deadlines'] == {'execute': 0.5}
    assert [event['status'] for event in read_events(tmp_path / 'run', types=('run_end',))] == ['failed']
    assert not is_alive(int((tmp_path / 'child').read_text()))


def test_later_processes_are_told_from_earlier_ones() -> None:
    earlier = subprocess.Popen(['sleep', '600'])
    known = Processes.of_this_one()
    later = subprocess.Popen(['sleep', '600'])
    try:
        known.kill_later_ones()
        assert later.wait(10) == -signal.SIGKILL
        assert earlier.poll() is None
    finally:
        for process in (earlier, later):
            process.kill()
            process.wait()
