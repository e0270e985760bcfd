"""`run()` says where the run is, on a terminal only; and nothing about an action raises when it is looked at."""

from __future__ import annotations

import inspect
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext
from synapse_hooks.errors import StepFailed
from tests.support.terminals import read_terminal

SCRIPT = """
import sys
from pathlib import Path
from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext

class Action(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path, checkpoint):
        if 'fail' in sys.argv:
            raise OSError('the power went')

try:
    Action({'data_path': Path.cwd()}, RuntimeContext(run_dir=Path('run'), discover=False)).run()
except Exception:
    pass
"""


class Fail(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        raise OSError('the power went')


@pytest.mark.parametrize(('word', 'status'), [('work', 'succeeded'), ('fail', 'failed')])
def test_a_terminal_gets_one_line(word: str, status: str, elsewhere: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, '-c', SCRIPT, word], stdin=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    assert read_terminal(ours) == f'run {elsewhere}/run: {status}\r\n'
    assert process.wait(60) == 0


def test_a_pipe_gets_nothing(elsewhere: Path) -> None:
    done = subprocess.run([sys.executable, '-c', SCRIPT, 'work'], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b'', b'')


def test_nothing_about_an_action_raises_when_it_is_looked_at(tmp_path: Path) -> None:
    action = Fail({'data_path': tmp_path}, RuntimeContext(run_dir=tmp_path / 'run', discover=False))
    assert inspect.getmembers(action)
    with pytest.raises(StepFailed):
        action.run()
    members = dict(inspect.getmembers(action))
    assert members['last_run'].status == 'failed'
    assert set(members) <= set(dir(action))
    assert not hasattr(action, 'context')
    shutil.rmtree(tmp_path / 'run')
    assert action.last_run is None
    assert inspect.getmembers(action)
