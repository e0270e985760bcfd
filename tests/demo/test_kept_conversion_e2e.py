"""A real training uses the conversion of another one, with the cache that ultralytics has beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks import RuntimeContext
from synapse_hooks.backends import Workspace

pytest.importorskip('ultralytics')
pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures('elsewhere')]


def test_the_second_training_finds_a_warm_cache(tmp_path: Path) -> None:
    from synapse_hooks.demo.action import YOLOTrainAction
    from synapse_hooks.demo.base import write_base_model
    from synapse_hooks.demo.scenes import write_scenes

    workspace = Workspace(tmp_path / 'workspace')
    write_scenes(tmp_path / 'scenes')
    dataset = workspace.add_dataset(tmp_path / 'scenes', name='scenes')['id']
    base = workspace.create_model(write_base_model(tmp_path / 'base'), name='base')['id']
    params = {'dataset': dataset, 'checkpoint': base, 'epochs': 1, 'image_size': 64}

    def train(run: str) -> tuple[dict[str, Any], dict[str, tuple[int, int]]]:
        ctx = RuntimeContext(client=workspace, run_dir=tmp_path / run, project=tmp_path)
        YOLOTrainAction(params, ctx).run()
        stages = json.loads((tmp_path / run / 'run.json').read_text())['stages']
        folder = tmp_path / run / 'stages' / 'convert' / 'labels'
        states = {file.name: file.stat() for file in folder.glob('*.cache')}
        caches = {name: (state.st_ino, state.st_mtime_ns) for name, state in states.items()}
        return next(stage for stage in stages if stage['name'] == 'convert'), caches

    first, caches = train('r1')
    second, afterwards = train('r2')
    assert first['kept']['run'] == second['kept']['run'] == 'r1'
    assert set(caches) >= {'train.cache', 'val.cache'}
    # Where ultralytics cannot use one it scans, and writes another.
    assert afterwards == caches
    assert (tmp_path / 'r1' / 'stages' / 'convert').samefile(tmp_path / 'r2' / 'stages' / 'convert')
