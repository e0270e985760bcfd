"""A project with a launcher of its own: the example of the documentation, which runs plans in other processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs.examples import ROOT, blocks

ACTION = """
import os
import time
from pathlib import Path

from synapse_hooks import BaseTrainAction, BaseTrainParams


class Params(BaseTrainParams):
    epochs: int = 3
    lr: float = 0.1
    fail: bool = False
    waits: bool = False


class Train(BaseTrainAction[Params]):
    def execute(self, data_path, checkpoint):
        print('in process', os.getpid(), os.environ.get('COLOUR'), flush=True)
        for epoch in range(1, self.params.epochs + 1):
            self.log_metrics({'loss': self.params.lr / epoch}, phase='train', step=epoch)
            if epoch == 2 and self.params.waits:
                Path('waiting').write_text(str(os.getpid()))
                while not Path('finish').exists():
                    time.sleep(0.02)
        if self.params.fail:
            raise ValueError('no luck')
        weights = self.context.output_dir / 'best.pt'
        weights.write_bytes(b'weights')
        return {'weights_path': str(weights)}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, which is the working directory."""
    folder = tmp_path / 'project'
    (folder / 'data').mkdir(parents=True)
    page = ROOT / 'docs' / 'scale-out.md'
    files = {block.file: block.text for block in blocks(page) if block.file in ('launchers.py', 'pyproject.toml')}
    for name, text in files.items():
        (folder / str(name)).write_text(text, encoding='utf-8')
    (folder / 'train.py').write_text(ACTION, encoding='utf-8')
    monkeypatch.chdir(folder)
    monkeypatch.setenv('SYNAPSE_WORKSPACE', str(tmp_path / 'workspace'))
    return folder


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(project: Path) -> Start:
    """Starts a command: `start('train', 'train.py:Train')`."""

    def start(*words: str) -> subprocess.Popen[str]:
        pipes = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE}
        command = [sys.executable, '-m', 'synapse_hooks.cli', *words]
        return subprocess.Popen(command, cwd=project, text=True, env=os.environ, start_new_session=True, **pipes)

    return start
