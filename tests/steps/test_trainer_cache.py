"""The cache of the trainer is where a run trains, and no part of what the run has made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext
from synapse_hooks.backends import Workspace
from synapse_hooks.errors import StepFailed
from synapse_hooks.formats import trainer_cache
from synapse_hooks.journal import read_events
from tests.formats.format_kit import add_item, box

pytestmark = pytest.mark.usefixtures('elsewhere')


class Action(BaseTrainAction[BaseTrainParams]):
    target_format = 'yolo'
    fails = False

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        if self.fails:
            raise RuntimeError('no')
        return {}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(trainer_cache, 'version', lambda: '1.0.12')
    for split, stem in (('train', 'a'), ('train', 'b'), ('valid', 'c')):
        add_item(tmp_path / 'source' / split, stem, {'bounding_box': [box(1, 2, 30, 40)]})
    made = Workspace(tmp_path / 'workspace')
    made.add_dataset(tmp_path / 'source', name='small')
    return made


def run(workspace: Workspace, name: str, *, fails: bool = False, **runtime: Any) -> Path:
    """The folder that the run has trained on."""
    folder = workspace.root.parent / name
    ctx = RuntimeContext(client=workspace, run_dir=folder, project=workspace.root.parent, **runtime)
    kind = type('Action', (Action,), {'fails': fails})
    if fails:
        with pytest.raises(StepFailed):
            kind({'dataset': 'small'}, ctx).run()
    else:
        kind({'dataset': 'small'}, ctx).run()
    return folder / 'stages' / 'convert'


def hash_of(root: Path) -> str:
    """What ultralytics computes of two images."""
    digest = hashlib.sha256()
    for name in ('labels/train/a.txt', 'labels/train/b.txt', 'images/train/a.png', 'images/train/b.png'):
        state = (root / name).stat()
        digest.update(f'{root / name}\0{state.st_size}:{state.st_mtime_ns}\0'.encode())
    digest.update(b'(False, 1, None, False)\0\0')
    return digest.hexdigest()


def written(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = np.load(folder / 'labels' / 'train.cache', allow_pickle=True).item()
    return found


def test_runs_that_share_a_conversion_share_its_cache(workspace: Workspace) -> None:
    first = run(workspace, 'first')
    cache = written(first)
    assert first.is_symlink()
    assert cache['labels'][0]['im_file'] == str(first.resolve() / 'images' / 'train' / 'a.png')
    assert cache['hash'] == hash_of(first.resolve())
    before = (first / 'labels' / 'train.cache').stat()
    second = run(workspace, 'second')
    assert (second / 'labels' / 'train.cache').stat() == before
    assert second.samefile(first)


def test_a_run_that_cannot_link_to_a_kept_conversion_has_its_own_with_its_cache(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(1, 'Operation not permitted')

    run(workspace, 'first')
    monkeypatch.setattr(Path, 'symlink_to', refused)
    second = run(workspace, 'second')
    assert not second.is_symlink()
    assert written(second)['hash'] == hash_of(second)


def test_a_stage_with_its_cache_is_used_again_also_when_that_was_written_anew(workspace: Workspace) -> None:
    folder = run(workspace, 'run', keep_conversions=False, fails=True)
    assert written(folder)['hash'] == hash_of(folder)
    cache = folder / 'labels' / 'train.cache'
    changes: list[Callable[[], Any]] = [lambda: None, lambda: cache.write_bytes(b'another'), cache.unlink]
    for change in changes:
        change()
        run(workspace, 'run', keep_conversions=False, fails=True, resume=True)
        steps = [one for one in read_events(folder.parent.parent) if one['type'] == 'step']
        assert [step['status'] for step in steps if step['name'] == 'convert'][-1] == 'reused'
