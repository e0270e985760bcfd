"""Runs of the real ultralytics: moved, copied, and with several trainings in them."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.journal import metrics_table, read_trainings
from tests.autologgers.matrix import make_dataset

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.skipif(importlib.util.find_spec('ultralytics') is None, reason='ultralytics is not installed'),
]

ACTION = """
import os
from pathlib import Path

from synapse_hooks import BaseTrainAction, BaseTrainParams
from synapse_hooks.autologgers.offline import go_offline

go_offline(os.environ['OFFLINE'])
QUICK = dict(imgsz=32, batch=4, device='cpu', pretrained=False, amp=False, verbose=False, plots=False)


def power_failure(trainer):
    if trainer.epoch == int(os.environ.get('FAILS_AT', -1)):
        raise OSError('the power went')


class Resuming(BaseTrainAction[BaseTrainParams]):
    target_format = 'yolo'

    def execute(self, data_path, checkpoint):
        from ultralytics import YOLO

        # Before the autologger is attached: what the model remembers of its checkpoint is the original's.
        last = self.context.resume_from
        model = YOLO(last or 'yolo11n.yaml')
        self.autolog('ultralytics')
        model.add_callback('on_train_epoch_start', power_failure)
        if last:
            results = model.train(resume=True)
        else:
            results = model.train(data=str(data_path), epochs=3, **QUICK)
        model.val(imgsz=32, device='cpu', plots=False)
        return {'weights_path': str(results.save_dir / 'weights' / 'best.pt')}


class Folds(BaseTrainAction[BaseTrainParams]):
    target_format = 'yolo'

    def execute(self, data_path, checkpoint):
        from ultralytics import YOLO

        self.autolog('ultralytics')
        for fold in range(2):
            model = YOLO('yolo11n.yaml')
            if fold:
                model.add_callback('on_train_epoch_start', power_failure)
            results = model.train(data=str(data_path), epochs=2, seed=fold, **QUICK)
        return {'weights_path': str(results.save_dir / 'weights' / 'best.pt'), 'offered': str(self.context.resume_from)}
"""


class Runs:
    """A workspace with a small dataset, and the command line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = folder / 'workspace'
        (folder / 'act.py').write_text(ACTION)
        make_dataset(folder / 'set')
        config = folder / 'set' / 'dataset.yaml'
        config.write_text('train: images/train\nval: images/train\nnames: [blue, red]\n')
        self.hooks('workspace', 'import', 'set', '--name', 'set')

    def hooks(self, *words: str, code: int = 0, **env: str) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, '-m', 'synapse_hooks.cli', *words, '--json'],
            cwd=self.folder,
            env={
                **os.environ,
                'SYNAPSE_WORKSPACE': str(self.workspace),
                'OFFLINE': str(self.folder / 'offline'),
                **env,
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder, by content."""
    files = (path for path in sorted(folder.rglob('*')) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def check_resumed(answer: dict[str, Any], run: Path, original: Path) -> None:
    assert answer['run_dir'] == str(run)
    assert answer['result']['weights_path'] == str(run / 'ultralytics' / 'train' / 'weights' / 'best.pt')
    table = metrics_table(run)
    assert [key.step for key in table if key.name == 'train/box_loss' and key.training == 'train'] == [1, 2, 3]
    assert any(key.training == 'val' and key.name == 'metrics/mAP50(B)' for key in table)
    assert {'train/metrics/mAP50(B)', 'val/metrics/mAP50(B)'} <= answer['metrics'].keys()
    # Only the journal, which is never changed, still speaks of what is in the original.
    naming = {
        str(path.relative_to(run))
        for path in run.rglob('*')
        if path.is_file() and f'{original}/'.encode() in path.read_bytes()
    }
    assert naming <= {'events.jsonl'}


def test_a_copied_run_leaves_the_original_alone_and_a_moved_one_goes_on_where_it_is(runs: Runs, tmp_path: Path) -> None:
    original = tmp_path / 'first'
    words = ('train', 'act.py:Resuming', '-p', 'dataset=set', '--run-dir', str(original))
    runs.hooks(*words, code=1, FAILS_AT='2')
    before = digests(original)

    copy = tmp_path / 'copies' / 'second'
    shutil.copytree(original, copy)
    check_resumed(runs.hooks('resume', str(copy)), copy, original)
    assert digests(original) == before

    # As `cp -r` copies: with new times.
    third = tmp_path / 'copies' / 'third'
    shutil.copytree(original, third, copy_function=shutil.copyfile)
    moved = tmp_path / 'elsewhere'
    original.rename(moved)
    check_resumed(runs.hooks('resume', str(moved)), moved, original)
    check_resumed(runs.hooks('resume', str(third)), third, original)
    assert not original.exists()


def test_of_two_trainings_the_finished_one_is_not_offered(runs: Runs, tmp_path: Path) -> None:
    run = tmp_path / 'folds'
    answer = runs.hooks('train', 'act.py:Folds', '-p', 'dataset=set', '--run-dir', str(run), code=1, FAILS_AT='0')
    assert answer['model'] is None
    trainings = read_trainings(run)
    assert [(state.name, state.finished, state.resume_from) for state in trainings.values()] == [
        ('train', True, None),
        ('train2', False, None),
    ]
    answer = runs.hooks('resume', str(run))
    assert answer['result']['offered'] == 'None'
    assert {'train/metrics/mAP50(B)', 'train2/metrics/mAP50(B)'} <= answer['metrics'].keys()
    steps = [(key.training, key.step) for key in metrics_table(run) if key.name == 'train/box_loss']
    assert steps == [('train', 1), ('train', 2), ('train2', 1), ('train2', 2)]


def test_weights_that_name_the_original_are_rewritten(tmp_path: Path) -> None:
    from types import SimpleNamespace

    torch = pytest.importorskip('torch')
    from synapse_hooks.autologgers.ultralytics.relocation import rewrite_weights
    from synapse_hooks.testing import recording_session
    from synapse_hooks.trainings import Trainings, TrainingState

    run, old = tmp_path / 'run', tmp_path / 'old'
    session, _ = recording_session('ultralytics', run)
    session.trainings = Trainings([TrainingState('train', True, folder=run / 'ultralytics' / 'train')])
    session.moved_from = (old,)
    weights = run / 'ultralytics' / 'train' / 'weights'
    weights.mkdir(parents=True)
    model = SimpleNamespace(args={'data': f'{old}/stages/convert/dataset.yaml', 'epochs': 3})
    torch.save({'train_args': {'data': f'{old}/stages/convert/dataset.yaml'}, 'ema': model}, weights / 'best.pt')
    torch.save({'train_args': {'data': '/elsewhere/dataset.yaml'}}, weights / 'last.pt')
    untouched = (weights / 'last.pt').read_bytes()
    rewrite_weights(session)
    found = torch.load(weights / 'best.pt', weights_only=False)
    assert found['train_args'] == {'data': f'{run}/stages/convert/dataset.yaml'}
    assert found['ema'].args == {'data': f'{run}/stages/convert/dataset.yaml', 'epochs': 3}
    assert (weights / 'last.pt').read_bytes() == untouched
    assert sorted(path.name for path in weights.iterdir()) == ['best.pt', 'last.pt']
