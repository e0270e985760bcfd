"""What the log hooks get has the types that `synapse_hooks.context` states."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NotRequired, get_args, get_origin, get_type_hints

import pytest
from pydantic import TypeAdapter

from synapse_hooks import BaseTrainAction, BaseTrainParams, hookimpl
from synapse_hooks.context import (
    ArtifactEvent,
    MessageEvent,
    MetricsEvent,
    ParamsEvent,
    ProgressEvent,
    RunEndEvent,
    RunStartEvent,
)
from synapse_hooks.testing import run_action

KINDS = {
    'params': ParamsEvent,
    'metrics': MetricsEvent,
    'message': MessageEvent,
    'artifact': ArtifactEvent,
    'progress': ProgressEvent,
    'run_start': RunStartEvent,
    'run_end': RunEndEvent,
}


class Chatty(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> dict[str, int]:
        self.log_params({'epochs': 3})
        self.log_metrics({'loss': 0.5, 'accuracy': float('nan')}, phase='train', step=1)
        self.log_metrics({'loss': 1})
        self.log_message('half of it is done')
        self.log_artifact(data_path, kind='table', role='best')
        self.set_progress(1, 2)
        self.set_progress(1.5, 2, transferred=7)
        with self.start_training('fold') as fold:
            fold.log_message('x' * 100_000, level='warning', code='long')
        if data_path.name == 'wrong':
            raise ValueError('wrong data')
        return {'epochs': 3}


class Collector:
    def __init__(self) -> None:
        self.events: list[Mapping[str, Any]] = []

    @hookimpl.log_params
    def log_params(self, params):
        self.events += params

    @hookimpl.log_metrics
    def log_metrics(self, points):
        self.events += points

    @hookimpl.log_message
    def log_message(self, messages):
        self.events += messages

    @hookimpl.log_artifact
    def log_artifact(self, artifacts):
        self.events += artifacts

    @hookimpl.progress_changed
    def progress_changed(self, progress):
        self.events.append(progress)

    @hookimpl.log_status
    def log_status(self, statuses):
        self.events += statuses


@pytest.mark.parametrize('name', ['right', 'wrong'])
def test_events_have_the_types_that_are_stated(tmp_path: Path, name: str) -> None:
    data = tmp_path / name
    data.touch()
    collector = Collector()
    run_action(Chatty, {'data_path': data}, plugins=[collector], folder=tmp_path / 'run', check=False)
    assert {event['type'] for event in collector.events} == set(KINDS)
    for event in collector.events:
        stated = get_type_hints(KINDS[event['type']], include_extras=True)
        assert set(event) <= set(stated)
        for key, kind in stated.items():
            optional = get_origin(kind) is NotRequired
            if key in event:
                TypeAdapter(get_args(kind)[0] if optional else kind).validate_python(event[key], strict=True)
            else:
                assert optional, f'{event["type"]} has no {key}'
