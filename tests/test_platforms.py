"""Systems other than Linux, by a Python that lacks what they lack."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from synapse_hooks.platforms import usable_cores
from tests.docs.examples import ROOT
from tests.formats.format_kit import add_item, box

WINDOWS = """
import os, signal, sys
for name in ('fcntl', 'resource', 'pwd', 'grp', 'termios'):
    sys.modules[name] = None
for name in ('fork', 'register_at_fork', 'pread', 'geteuid', 'statvfs', 'sched_getaffinity', 'uname', 'nice'):
    delattr(os, name)
for name in ('SIGHUP', 'SIGKILL', 'SIGVTALRM', 'SIGPROF', 'SIGALRM', 'setitimer', 'pthread_sigmask'):
    delattr(signal, name)
"""
OTHER_UNIX = """
import os, sys
del os.sched_getaffinity

def without_proc(event, arguments):
    if event == 'open' and isinstance(arguments[0], str) and arguments[0].startswith('/proc/'):
        raise FileNotFoundError(arguments[0])

sys.addaudithook(without_proc)
"""
COMMAND = 'import sys\nfrom synapse_hooks.cli import main\nsys.exit(main())'


def run(system: str, code: str, *words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, '-c', system + code, *map(str, words)],
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'SYNAPSE_WORKSPACE': str(cwd / 'workspace')},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize('word', ['--help', '--version'])
def test_without_fork_the_command_says_what_it_is(word: str, tmp_path: Path) -> None:
    done = run(WINDOWS, COMMAND, word, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, '')


@pytest.mark.parametrize('command', ['formats', 'doctor', 'train', 'convert'])
def test_without_fork_a_command_says_that_it_does_not_run(command: str, tmp_path: Path) -> None:
    done = run(WINDOWS, COMMAND, command, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith('error: synapse-hooks does not run on this system')
    assert 'WSL' in done.stderr
    assert 'Traceback' not in done.stderr


@pytest.mark.parametrize('room', ['', '.formats', '.runs', '.steps', '.testing', '.launching', '.report'])
def test_without_fork_a_name_says_why_it_cannot_be_imported(room: str, tmp_path: Path) -> None:
    code = f"""
import synapse_hooks{room} as room
try:
    getattr(room, room.__all__[-1])
except ImportError as error:
    print(error)
"""
    done = run(WINDOWS, code, cwd=tmp_path)
    assert done.stdout.startswith('synapse-hooks does not run on this system'), done.stderr


def test_a_conversion_and_a_run_need_nothing_that_only_linux_has(tmp_path: Path) -> None:
    """A stand-in for macOS, as far as Linux can be one: no /proc and no affinity."""
    for name in ('a', 'b'):
        add_item(tmp_path / 'dm' / 'train', name, {'bounding_box': [box(1, 2, 30, 40, 'car')]})
    add_item(tmp_path / 'dm' / 'valid', 'c', {'bounding_box': [box(1, 2, 30, 40, 'car')]})
    done = run(OTHER_UNIX, COMMAND, 'convert', 'dm', 'yolo', '--to', 'yolo', '--workers', '2', cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (tmp_path / 'action.py').write_text(
        'from synapse_hooks import BaseTrainAction, BaseTrainParams\n\n\n'
        'class Action(BaseTrainAction[BaseTrainParams]):\n'
        "    target_format = 'coco'\n\n"
        '    def execute(self, data_path, checkpoint):\n'
        "        self.log_metrics({'loss': 0.5}, phase='train', step=1)\n"
    )
    for words in (
        ('workspace', 'import', 'dm', '--name', 'small'),
        ('train', 'action.py:Action', '-p', 'dataset=small'),
    ):
        done = run(OTHER_UNIX, COMMAND, *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr


def test_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    assert usable_cores() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, 'sched_getaffinity')
    assert usable_cores() == os.cpu_count()
