"""A run that belongs to a job keeps the job's record up to date."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext
from synapse_hooks.backends import Workspace
from synapse_hooks.context import TrainContext
from synapse_hooks.errors import StepFailed
from synapse_hooks.journal import Journal, SinkPump, read_events
from synapse_hooks.plugins import JobReporter, PluginSink, Settings, build

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
    assert job['meta']['run_dir'] == str(tmp_path / 'run')
    assert job['meta']['started'] == next(iter(read_events(tmp_path / 'run')))['ts']
    assert 'no luck' in job['result']['error']


@pytest.fixture
def context(tmp_path: Path) -> TrainContext:
    """Of a run that has a job and whose journal is empty."""
    workspace = Workspace(tmp_path / 'workspace')
    ctx = RuntimeContext(client=workspace, run_dir=tmp_path / 'run', job_id=workspace.create_job(action='train')['id'])
    plugins = build(Settings(), extra=(JobReporter(),), installed=())
    (tmp_path / 'run').mkdir()
    journal = Journal.join(tmp_path / 'run', run='run')
    return TrainContext(params={}, runtime_ctx=ctx, hooks=plugins.calls, recorder=journal, run_dir=tmp_path / 'run')


def deliver(context: TrainContext) -> dict[str, Any]:
    """What a process that takes over delivers: the job's record afterwards."""
    plugins = build(Settings(), extra=(JobReporter(),), installed=())
    assert isinstance(context.recorder, Journal)
    pump = SinkPump(context.recorder, [PluginSink(adapter, context) for adapter in plugins.sink_adapters()])
    assert not any(pump.close(20, insist=True).values())
    job: dict[str, Any] = context.runtime_ctx.client.get_job(context.runtime_ctx.job_id)  # type: ignore[union-attr,arg-type]
    return job


def test_what_is_delivered_later_keeps_what_was_delivered_before(context: TrainContext) -> None:
    record = context.recorder.record
    record('run_start', {'attempt': 1})
    record('progress', {'step': 'export', 'category': 'export', 'curr': 5, 'total': 5, 'overall': 0.2})
    context.log_metrics({'loss': 0.5}, phase='train', step=1)
    deliver(context)
    record('progress', {'step': 'execute', 'category': 'train', 'curr': 1, 'total': 2, 'overall': 0.6})
    context.log_metrics({'loss': 0.7}, phase='val', step=1)
    job = deliver(context)
    steps = job['progress_record']['record']['steps']
    assert {name: (step['order'], step['percent']) for name, step in steps.items()} == {
        'export': (0, 100.0),
        'execute': (1, 50.0),
    }
    assert job['metrics_record'] == {'record': {'steps': {'train': {'loss': 0.5}, 'val': {'loss': 0.7}}}}
    assert job['progress_record']['current_progress']['time_elapsed'] < 20


@pytest.mark.parametrize(
    ('phase', 'category'),
    [
        ('train', 'train'),
        ('val', 'validation'),
        ('valid', 'validation'),
        ('validation', 'validation'),
        ('test', 'test'),
        ('final', 'test'),
        ('custom', 'train'),
    ],
)
def test_a_phase_is_one_of_three_categories_in_the_log(context: TrainContext, phase: str, category: str) -> None:
    context.log_metrics({'loss': 0.5}, phase=phase, step=1)
    deliver(context)
    workspace = context.runtime_ctx.client
    assert isinstance(workspace, Workspace)
    [entry] = workspace.read_logs(context.runtime_ctx.job_id)
    assert entry['data']['category'] == category


def test_an_error_without_words_is_its_name(context: TrainContext) -> None:
    context.recorder.record('run_end', {'status': 'cancelled', 'error': {'type': 'KeyboardInterrupt', 'message': ''}})
    job = deliver(context)
    assert (job['status'], job['result']['error']) == ('STOPPED', 'KeyboardInterrupt')
