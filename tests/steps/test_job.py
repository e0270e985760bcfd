"""A run that belongs to a job keeps the job's record up to date."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext
from synapse_hooks.backends import Workspace
from synapse_hooks.errors import StepFailed

pytestmark = pytest.mark.usefixtures('elsewhere')


class Action(BaseTrainAction[BaseTrainParams]):
    fails = False

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        assert self.ctx.client is not None
        until = time.monotonic() + 20
        while self.ctx.client.get_job(self.ctx.job_id)['status'] != 'RUNNING':  # type: ignore[attr-defined]
            assert time.monotonic() < until
            time.sleep(0.01)
        self.log_metrics({'loss': 0.5}, phase='train', step=1)
        self.set_progress(1, 2)
        if self.fails:
            raise ValueError('no luck')
        (self.context.output_dir / 'best.pt').write_bytes(b'w')
        return {'weights_path': str(self.context.output_dir / 'best.pt')}


def run(tmp_path: Path, kind: type[Action]) -> dict[str, Any]:
    workspace = Workspace(tmp_path / 'workspace')
    job = workspace.create_job(action='train')['id']
    ctx = RuntimeContext(client=workspace, run_dir=tmp_path / 'run', job_id=job)
    try:
        kind({'data_path': tmp_path}, ctx).run()
    except StepFailed:
        assert kind.fails
    return workspace.get_job(job)


def test_a_run_that_succeeds(tmp_path: Path) -> None:
    job = run(tmp_path, Action)
    assert job['status'] == 'SUCCEEDED'
    assert job['result']['model']['id'] == 1
    assert job['metrics_record'] == {'record': {'steps': {'train': {'loss': 0.5}}}}
    assert job['progress_record']['current_progress']['overall'] == 100
    assert job['progress_record']['record']['steps']['upload']['percent'] == 100


def test_a_run_that_fails(tmp_path: Path) -> None:
    job = run(tmp_path, type('Failing', (Action,), {'fails': True}))
    assert job['status'] == 'FAILED'
    assert job['meta'] == {'run_dir': str(tmp_path / 'run')}
    assert 'no luck' in job['result']['error']
