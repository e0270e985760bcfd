"""What cannot be made again is on the disk before the run's record counts on it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext
from synapse_hooks.backends import Workspace
from synapse_hooks.journal import Journal
from synapse_hooks.journal.record import RECORD

pytestmark = pytest.mark.usefixtures('elsewhere')


class Action(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        weights = self.context.output_dir / 'train' / 'weights'
        weights.mkdir(parents=True)
        (weights / 'best.pt').write_bytes(b'trained')
        return {'weights_path': str(weights)}


def watch_syncs(monkeypatch: pytest.MonkeyPatch, note: Callable[[str], object]) -> None:
    """Call `note` with the name of everything that is written to the disk."""
    fsync = os.fsync

    def noted(handle: int) -> None:
        note(Path(f'/proc/self/fd/{handle}').readlink().name)
        fsync(handle)

    monkeypatch.setattr(os, 'fsync', noted)


def test_weights_are_on_the_disk_before_the_training_counts_as_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, str] = {}

    def note(name: str) -> None:
        record = json.loads((tmp_path / 'run' / RECORD).read_text())
        seen.setdefault(name, {stage['name']: stage['status'] for stage in record['stages']}.get('execute', ''))

    workspace = Workspace(tmp_path / 'workspace')
    (tmp_path / 'data').mkdir()
    ctx = RuntimeContext(client=workspace, run_dir=tmp_path / 'run', discover=False)
    action = Action({'data_path': tmp_path / 'data'}, ctx)
    watch_syncs(monkeypatch, lambda name: note(name) if (tmp_path / 'run' / RECORD).exists() else None)
    action.run()
    assert [seen.get(name) for name in ('best.pt', 'weights', 'train')] == ['running'] * 3


def test_a_checkpoint_is_on_the_disk_before_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / 'run')
    file = tmp_path / 'run' / 'train' / 'last.pt'
    file.parent.mkdir()
    file.write_bytes(b'epoch 1')
    seen: dict[str, bool] = {}
    watch_syncs(monkeypatch, lambda name: seen.setdefault(name, '"checkpoint"' in journal_text()))

    def journal_text() -> str:
        return journal.path.read_text() if journal.path.exists() else ''

    journal.record('checkpoint', {'path': 'train/last.pt', 'epoch': 1})
    assert seen['last.pt'] is False
    assert seen['train'] is False
    assert seen['events.jsonl'] is True


@pytest.mark.parametrize('payload', [{}, {'path': 'gone.pt'}, {'path': None}])
def test_a_checkpoint_that_is_not_there_is_recorded_all_the_same(tmp_path: Path, payload: dict[str, Any]) -> None:
    journal = Journal(tmp_path / 'run')
    journal.record('checkpoint', payload)
    assert '"checkpoint"' in journal.path.read_text()
