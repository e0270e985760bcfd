"""The real ultralytics, as installed: `matrix.py` holds the checks, and runs them against other versions by hand."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(importlib.util.find_spec('ultralytics') is None, reason='ultralytics is not installed'),
]


@pytest.mark.parametrize('model', ['yolo11n.yaml', 'yolo26n.yaml'])
def test_train_detach_interrupt_and_resume_without_a_network(model: str):
    command = [sys.executable, str(Path(__file__).with_name('matrix.py')), '--model', model]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ' ok ' in done.stdout


def test_only_a_whole_unfinished_checkpoint_is_resumable(tmp_path: Path):
    torch = pytest.importorskip('torch')
    from synapse_hooks.autologgers.ultralytics import resumable

    for name, content in {
        'running': {'epoch': 3, 'optimizer': {}},
        'finished': {'epoch': -1, 'optimizer': None},
    }.items():
        torch.save(content, tmp_path / f'{name}.pt')
    whole = (tmp_path / 'running.pt').read_bytes()
    (tmp_path / 'torn.pt').write_bytes(whole[: len(whole) // 2])
    (tmp_path / 'empty.pt').write_bytes(b'')
    (tmp_path / 'text.pt').write_text('not a checkpoint')
    found = {path.stem for path in tmp_path.glob('*.pt') if resumable(path)}
    assert found == {'running'}
