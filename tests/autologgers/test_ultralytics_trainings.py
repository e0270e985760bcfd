"""Several trainings in one session, validations on their own, and runs that were moved: with the stand-in."""

from __future__ import annotations

import sys
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from synapse_hooks.autologgers.ultralytics import UltralyticsAutologger
from synapse_hooks.context import AutologSession
from synapse_hooks.trainings import Trainings, TrainingState


def test_two_trainings_have_two_names(ultralytics, attach, log, tmp_path):
    with attach():
        for epochs in (2, 3):
            ultralytics.YOLO().train(epochs=epochs)
    assert [(e['training'], e['step']) for e in log.of('metrics', phase='val')] == [
        *[('train', step) for step in (1, 2)],
        *[('train2', step) for step in (1, 2, 3)],
    ]
    for type in ('params', 'progress', 'artifact', 'checkpoint'):
        assert {e['training'] for e in log.of(type)} == {'train', 'train2'}, type
    assert (tmp_path / 'run/checkpoints/train/last.pt').read_text() == 'epoch 0'
    assert (tmp_path / 'run/checkpoints/train2/last.pt').read_text() == 'epoch 1'
    assert [(e['training'], e['status']) for e in log.of('training')] == [
        ('train', 'started'),
        ('train', 'finished'),
        ('train2', 'started'),
        ('train2', 'finished'),
    ]


def test_a_training_is_called_as_the_user_calls_it_and_stays_in_the_run(ultralytics, attach, log, tmp_path):
    with attach():
        saved = [ultralytics.YOLO().train(epochs=1, name='fold1').save_dir for _ in range(2)]
    assert saved == [tmp_path / 'run/ultralytics/fold1', tmp_path / 'run/ultralytics/fold12']
    assert [e['training'] for e in log.of('training', status='started')] == ['fold1', 'fold1-2']


def test_a_training_that_breaks_off_is_not_finished(ultralytics, attach, log):
    def stop(trainer: Any) -> None:
        raise OSError('the power went')

    with attach():
        trainer = ultralytics.YOLO().trainer()
        trainer.callbacks['on_fit_epoch_end'].append(stop)
        with pytest.raises(OSError, match='the power went'):
            trainer.train()
    assert [e['status'] for e in log.of('training')] == ['started']


class DetectionValidator:
    """As a validator on its own: it shares the callbacks of its model."""

    def __init__(self, callbacks: dict[str, list[Any]], save_dir: Path, name: str | None = None) -> None:
        self.args = SimpleNamespace(name=name)
        self.callbacks, self.save_dir = callbacks, save_dir
        self.metrics = SimpleNamespace(
            results_dict={'metrics/mAP50(B)': 0.25, 'fitness': 0.5}, summary=lambda: [{'top1_acc': 0.5}]
        )
        save_dir.mkdir(parents=True)
        (save_dir / 'confusion_matrix.png').write_bytes(b'x')

    def __call__(self) -> None:
        sys.modules['ultralytics.utils.callbacks'].add_integration_callbacks(self)
        for callback in self.callbacks['on_val_end']:
            callback(self)


def test_a_validation_on_its_own_is_recorded_under_a_name_of_its_own(ultralytics, attach, log, tmp_path):
    callbacks: dict[str, list[Any]] = defaultdict(list)
    with attach():
        ultralytics.YOLO().train(epochs=1)
        for number, name in enumerate((None, None, 'on-test')):
            DetectionValidator(callbacks, tmp_path / f'run/ultralytics/{number}', name)()
    found = log.of('metrics')[-3:]
    assert [(e['training'], e['phase'], e['step']) for e in found] == [
        (name, 'val', None) for name in ('val', 'val2', 'on-test')
    ]
    assert found[0]['values'] == {'metrics/mAP50(B)': 0.25}
    assert [e['path'] for e in log.of('artifact', training='val2')] == ['ultralytics/1/confusion_matrix.png']
    # It is no training, and the model is as it was.
    assert {e['training'] for e in log.of('training')} == {'train'}
    assert callbacks['on_val_end'] == []


def test_the_validator_of_a_training_reports_to_its_training(ultralytics, attach, log, tmp_path):
    with attach():
        trainer = ultralytics.YOLO().trainer(epochs=1)
        trainer.validator = DetectionValidator(defaultdict(list), tmp_path / 'val')
        trainer.validator()
        trainer.train()
    assert {e['training'] for e in log.of('metrics')} == {'train'}


# -- moved and copied runs -------------------------------------------------------------------------------------------


def moved_session(tmp_path: Path, log: Any, folder: str = 'ultralytics/train') -> AutologSession:
    """The run was in `tmp_path/old`, and is in `tmp_path/run` now."""
    last = tmp_path / 'run/checkpoints/train/last.pt'
    last.parent.mkdir(parents=True)
    last.write_text('epoch 1')
    state = TrainingState('train', False, last, None, tmp_path / 'run' / folder)
    trainings = Trainings([state])
    return AutologSession('ultralytics', log, tmp_path / 'run', last, trainings, (tmp_path / 'old',))


def resume(ultralytics: Any, session: AutologSession, **saved: Any) -> Any:
    """A trainer with the arguments that its checkpoint holds, after ultralytics has read them."""
    with UltralyticsAutologger().autolog('ultralytics', session):
        trainer = ultralytics.YOLO().trainer(resume=str(session.resume_from), **saved)
        trainer.train()
    return trainer


def test_what_led_to_where_the_run_was_leads_to_where_it_is(ultralytics, log, tmp_path):
    old, run = tmp_path / 'old', tmp_path / 'run'
    trainer = resume(
        ultralytics,
        moved_session(tmp_path, log),
        data=str(old / 'stages/convert/dataset.yaml'),
        save_dir=str(old / 'ultralytics/train'),
        project=str(old / 'ultralytics'),
        lr0=0.01,
        batch=4,
    )
    assert trainer.save_dir == run / 'ultralytics/train'
    assert trainer.args.data == str(run / 'stages/convert/dataset.yaml')
    assert trainer.args.project == str(run / 'ultralytics')
    assert (trainer.args.lr0, trainer.args.batch) == (0.01, 4)
    assert not old.exists()
    assert {e['training'] for e in log.of('training')} == {'train'}


@pytest.mark.parametrize('data', ['run/mine.yaml', 'elsewhere/data.yaml', 'older/data.yaml'])
def test_what_the_user_gives_and_what_was_never_in_the_run_stays(data: str, ultralytics, log, tmp_path):
    saved = {'data': str(tmp_path / data), 'save_dir': str(tmp_path / 'old/ultralytics/train')}
    assert resume(ultralytics, moved_session(tmp_path, log), **saved).args.data == str(tmp_path / data)


def test_a_copy_inside_of_the_original_is_led_there_once(ultralytics, log, tmp_path):
    run = tmp_path / 'old' / 'copy'
    last = run / 'checkpoints/train/last.pt'
    last.parent.mkdir(parents=True)
    last.write_text('epoch 1')
    trainings = Trainings([TrainingState('train', False, last, None, run / 'ultralytics/train')])
    session = AutologSession('ultralytics', log, run, last, trainings, (tmp_path / 'old',))
    saved = {'data': str(run / 'mine.yaml'), 'save_dir': str(tmp_path / 'old/ultralytics/train')}
    trainer = resume(ultralytics, session, **saved)
    assert (trainer.args.data, trainer.save_dir) == (str(run / 'mine.yaml'), run / 'ultralytics/train')


@pytest.mark.parametrize('is_copy', [True, False])
def test_a_folder_outside_belongs_to_the_original_as_long_as_there_is_one(is_copy: bool, ultralytics, log, tmp_path):
    big = tmp_path / 'big' / 'exp'
    if is_copy:
        (tmp_path / 'old').mkdir()
        (tmp_path / 'old' / 'run.json').write_text('{}')
    trainer = resume(ultralytics, moved_session(tmp_path, log, folder=str(big)), save_dir=str(big))
    assert trainer.save_dir == (tmp_path / 'run/ultralytics/train' if is_copy else big)
    assert big.exists() is not is_copy
    assert bool(log.of('message')) is is_copy
