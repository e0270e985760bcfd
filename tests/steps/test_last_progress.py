"""The last progress of every step arrives, before the end of the run is announced."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext, hookimpl
from synapse_hooks.backends import Workspace
from tests.formats.format_kit import add_item, box

pytestmark = pytest.mark.usefixtures('elsewhere')


class Action(BaseTrainAction[BaseTrainParams]):
    target_format = 'yolo'

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        for epoch in range(3):
            self.set_progress(epoch, 10)
        return None


class Watcher:
    """Keeps the progress of every step, and what it was when it heard of the end."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self.overall = 0.0
        self.at_the_end: tuple[dict[str, float], float] | None = None

    @hookimpl
    def progress_changed(self, progress: Mapping[str, Any]) -> None:
        time.sleep(0.01)
        self.steps[progress['step']] = progress['curr'] / (progress['total'] or 1)
        self.overall = progress['overall']

    @hookimpl
    def run_finished(self) -> None:
        self.at_the_end = dict(self.steps), self.overall


def test_every_step_ends_at_one_hundred_percent_before_the_run_does(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / 'workspace')
    for split in ('train', 'valid'):
        add_item(tmp_path / 'source' / split, split, {'bounding_box': [box(1, 2, 30, 40)]})
    dataset = workspace.add_dataset(tmp_path / 'source', name='small')['id']
    job = workspace.create_job(action='train')['id']
    watcher = Watcher()
    ctx = RuntimeContext(client=workspace, run_dir=tmp_path / 'run', plugins=(watcher,), job_id=job, discover=False)
    Action({'dataset': dataset}, ctx).run()
    names = ['export', 'convert', 'pre_execute', 'execute', 'upload']
    assert watcher.at_the_end == (dict.fromkeys(names, 1.0), 1.0)
    progress = workspace.get_job(job)['progress_record']
    assert {name: step['percent'] for name, step in progress['record']['steps'].items()} == dict.fromkeys(names, 100)
    assert progress['current_progress']['overall'] == 100
