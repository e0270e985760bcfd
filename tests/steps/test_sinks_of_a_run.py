"""Sinks of plugins in a run: fed while it goes on, closed at its end, and never in its way."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext, hookimpl
from synapse_hooks.backends import Workspace
from synapse_hooks.journal import RunDirectory, SinkState
from synapse_hooks.plugins import PluginWarning
from synapse_hooks.steps.delivery import deliver
from synapse_hooks.testing import run_action

RECEIVED = threading.Event()


class Waits(BaseTrainAction[BaseTrainParams]):
    """A training that ends once the sink has its metric, long before anything would be delivered at the end."""

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> dict[str, bool]:
        self.log_metrics({'loss': 0.5}, phase='train', step=1)
        self.log_artifact(data_path)
        return {'received': RECEIVED.wait(20)}


class Plain(Waits):
    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> dict[str, bool]:
        self.log_metrics({'loss': 0.5}, phase='train', step=1)
        return {'received': True}


class Tracker:
    def __init__(self, name: str = 'tracker') -> None:
        self.name = name
        self.calls: list[str] = []
        self.closed: list[int] = []
        self.away = False

    @hookimpl.log_status
    def log_status(self, context, statuses):
        if self.away:
            raise ConnectionError('down')
        SinkState(context.run_dir, self.name).setdefault('run_id', statuses[0]['run'])
        self.calls += [event['type'] for event in statuses]

    @hookimpl.log_metrics
    def log_metrics(self, context, points):
        assert SinkState(context.run_dir, self.name)['run_id']
        self.calls.append('metrics')
        RECEIVED.set()

    @hookimpl.log_artifact
    def log_artifact(self, context, artifacts):
        assert SinkState(context.run_dir, self.name)['run_id'], 'the run exists before its first artifact'
        self.calls.append('artifact')

    @hookimpl.run_finished
    def run_finished(self):
        assert not self.closed
        self.calls.append('run_finished')

    @hookimpl.sink_closed
    def sink_closed(self, undelivered):
        self.closed.append(undelivered)


def test_a_sink_is_fed_while_a_short_run_goes_on_and_closed_after_it(tmp_path: Path) -> None:
    RECEIVED.clear()
    tracker = Tracker()
    run = run_action(Waits, {'data_path': tmp_path}, plugins=[tracker], folder=tmp_path / 'run')
    assert run.result == {'received': True}
    assert sorted(tracker.calls) == ['artifact', 'metrics', 'run_end', 'run_finished', 'run_start']
    assert tracker.calls[0] == 'run_start'
    assert tracker.calls[-2:] == ['run_finished', 'run_end']
    assert tracker.closed == [0]


@pytest.mark.filterwarnings('ignore::synapse_hooks.plugins.PluginWarning')
def test_what_a_sink_missed_comes_with_a_sync_and_it_is_closed_each_time(tmp_path: Path) -> None:
    tracker = Tracker()
    tracker.away = True
    run = run_action(Plain, {'data_path': tmp_path}, plugins=[tracker], folder=tmp_path / 'run')
    assert run.result == {'received': True}
    (missing,) = tracker.closed
    assert missing >= 3
    tracker.away = False
    ctx = RuntimeContext(client=Workspace(tmp_path / 'workspace'), plugins=(tracker,), discover=False, project=tmp_path)
    assert deliver(ctx, RunDirectory.open(run.run_dir)) == ({}, {})
    assert tracker.calls == ['run_finished', 'run_start', 'metrics', 'run_end']
    assert tracker.closed == [missing, 0]


def test_a_sink_that_fails_to_close_is_a_warning_that_names_it(tmp_path: Path) -> None:
    class Bad(Tracker):
        @hookimpl.sink_closed
        def sink_closed(self, undelivered):
            raise OSError('cannot flush')

    with pytest.warns(PluginWarning, match=r'Bad.* failed in sink_closed: OSError: cannot flush'):
        run = run_action(Plain, {'data_path': tmp_path}, plugins=[Bad()], folder=tmp_path / 'run')
    assert run.result == {'received': True}
    ctx = RuntimeContext(client=run.workspace, plugins=(Bad(),), discover=False, project=tmp_path)
    with pytest.warns(PluginWarning, match='cannot flush'):
        deliver(ctx, RunDirectory.open(run.run_dir))
