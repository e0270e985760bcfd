"""The public client of Synapse, unmodified, runs its own train flow against the development server."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from synapse_hooks.backends import Workspace
from tests.backends.synapse.conftest import make_dm
from tests.support.dev_server import TOKEN, dev_server

pytestmark = pytest.mark.e2e
CLIENT = 'synapse-sdk==2026.2.17'
ACTION = """
from pathlib import Path
from synapse_sdk.plugins.actions.train import BaseTrainAction, BaseTrainParams

class TrainParams(BaseTrainParams):
    epochs: int = 2

class TrainAction(BaseTrainAction[TrainParams]):
    action_name = 'train'
    params_model = TrainParams

    def execute(self, data_path, checkpoint):
        assert checkpoint is not None and Path(checkpoint['path']).exists()
        folder = Path(data_path)
        root = folder if folder.is_dir() else folder.parent
        assert len(list(root.rglob('*.png'))) == 5, sorted(root.rglob('*'))
        for epoch in range(self.params.epochs):
            self.ctx.log_metric('train', 'epoch', epoch + 1, loss=0.5)
        weights = Path('weights')
        weights.mkdir()
        (weights / 'best.pt').write_bytes(b'weights')
        return {'weights_path': str(weights)}
"""


def python_for_it() -> Path | None:
    """An interpreter that the public client runs on: Python 3.12 or newer."""
    names = [shutil.which(f'python3.{minor}') for minor in range(12, 16)]
    found = [sys.executable, *filter(None, names), *map(str, Path.home().glob('.pyenv/versions/3.1[2-9]*/bin/python'))]
    for path in found:
        asked = subprocess.run(
            [path, '-c', 'import sys, venv; sys.exit(sys.version_info < (3, 12))'], capture_output=True, check=False
        )
        if asked.returncode == 0:
            return Path(path)
    return None


@pytest.fixture(scope='module')
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the public client."""
    base = python_for_it()
    if base is None:
        pytest.skip('the public client needs Python 3.12 or newer, and there is none here')
    root = tmp_path_factory.mktemp('public')
    subprocess.run([base, '-m', 'venv', root], check=True)
    python = root / 'bin' / 'python'
    pip = [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', CLIENT]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f'{CLIENT} cannot be installed: {done.stderr.strip().splitlines()[-1:]}')
    return python


@pytest.mark.timeout(300)
def test_its_train_flow(public: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / 'there')
    workspace.add_dataset(make_dm(tmp_path / 'in', {'train': 3, 'valid': 2}), name='street')
    (tmp_path / 'base.pt').write_bytes(b'base')
    base = workspace.create_model(tmp_path / 'base.pt', name='base', category='base')
    job = workspace.create_job()['id']
    (tmp_path / 'act.py').write_text(ACTION)
    # It keeps datasets in one folder of the machine, by id alone: this one must be nobody else's.
    dataset = str(secrets.randbelow(10**9) + 10**9)
    with dev_server(workspace, alias=dataset) as server:
        env = {
            **{name: value for name, value in os.environ.items() if not name.startswith('PYTHON')},
            'HOME': str(tmp_path),
            'TMPDIR': str(tmp_path),
            'PYTHONPATH': str(tmp_path),
            'SYNAPSE_HOST': server.host,
            'SYNAPSE_ACCESS_TOKEN': TOKEN,
            'SYNAPSE_JOB_ID': str(job),
            'SYNAPSE_ACTION_PARAMS': f'{{"dataset": {dataset}, "checkpoint": {base["id"]}}}',
            'SYNAPSE_ACTION_ENTRYPOINT': 'act.TrainAction',
        }
        words = [public, '-m', 'synapse_sdk.plugins.entrypoint']
        done = subprocess.run(words, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    record = workspace.get_job(job)
    assert record['status'] == 'SUCCEEDED'
    assert record['progress_record']['current_progress']['overall'] == 100
    made = workspace.list_models()[-1]
    assert made['plugin'] == 'synapse-hooks-dev'
    assert made['checkpoint'] == base['id']
    logged = [entry['data'] for entry in workspace.read_logs(job) if entry['event'] == 'metric']
    assert [entry['value'] for entry in logged] == [1, 2]
