"""Into ultralytics and out again: which trainings are logged, where they write, and what stays behind."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from synapse_hooks.autologgers import BUILTIN
from synapse_hooks.autologgers.ultralytics import UltralyticsAutologger, resumable
from synapse_hooks.errors import ConfigError
from tests.autologgers.ultralytics_stand_in import Listing


def test_other_frameworks_are_declined():
    assert UltralyticsAutologger().autolog('lightning', None) is None


def test_the_table_of_built_in_autologgers_names_it():
    module, _, name = BUILTIN['ultralytics'].partition(':')
    assert getattr(sys.modules[module], name) is UltralyticsAutologger
    assert UltralyticsAutologger.autolog.synapse_hooks_impl


def test_importing_it_imports_no_framework():
    code = (
        'import sys; import synapse_hooks.autologgers.ultralytics, synapse_hooks.autologgers.offline; '
        "print([n for n in ('ultralytics', 'torch', 'numpy', 'matplotlib') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == '[]'


def test_missing_ultralytics_says_what_to_install(attach, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ultralytics', None)
    with pytest.raises(ConfigError, match='not installed') as caught, attach():
        pass
    assert caught.value.hint == "pip install 'synapse-hooks[ultralytics]'"
    assert caught.value.exit_code == 2


def test_broken_ultralytics_says_why(ultralytics, attach, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ultralytics.engine.validator', None)
    with pytest.raises(ConfigError, match=r'cannot be imported \(ultralytics.engine.validator\)') as caught, attach():
        pass
    assert isinstance(caught.value.__cause__, ImportError)
    assert ultralytics.is_untouched()


def test_a_model_made_before_is_logged_and_one_made_meanwhile_is_detached(ultralytics, attach, log):
    before = ultralytics.YOLO()
    with attach():
        meanwhile = ultralytics.YOLO()
        trainer = before.trainer(epochs=1)
        trainer.train()
    recorded = len(log.events)
    assert len(log.of('metrics', phase='final')) == 1
    assert ultralytics.is_untouched()
    assert [len(found) for found in trainer.callbacks.values() if found] == [1]
    before.train(epochs=1)
    meanwhile.train(epochs=1)
    trainer.train()
    assert len(log.events) == recorded


def test_output_goes_into_the_run_directory(ultralytics, attach, tmp_path):
    with attach():
        model = ultralytics.YOLO()
        folders = [model.train(epochs=1).save_dir for _ in range(2)]
    assert folders == [tmp_path / 'run/ultralytics/train', tmp_path / 'run/ultralytics/train2']
    assert ultralytics.YOLO().train(epochs=1).save_dir == tmp_path / 'runs/detect/train'


@pytest.mark.parametrize(
    ('args', 'folder'),
    [
        ({'project': 'mine'}, 'runs/detect/mine/train'),
        ({'name': 'mine'}, 'run/ultralytics/mine'),
        ({'project': 'mine', 'name': 'this'}, 'runs/detect/mine/this'),
    ],
)
def test_what_the_user_chose_holds(ultralytics, attach, tmp_path, args, folder):
    with attach():
        assert ultralytics.YOLO().train(epochs=1, **args).save_dir == tmp_path / folder
        assert ultralytics.YOLO().train(epochs=1, save_dir=str(tmp_path / 'own')).save_dir == tmp_path / 'own'


def test_the_arguments_themselves_stay_as_they_are(ultralytics, attach):
    # Integrations take `project` for a name on their server.
    with attach():
        assert ultralytics.YOLO().trainer().args.project is None


def test_a_checkpoint_of_another_run_goes_on_in_this_one(ultralytics, attach, tmp_path):
    other = tmp_path / 'other/ultralytics/train'
    (other / 'weights').mkdir(parents=True)
    (tmp_path / 'other/run.json').write_text('{}')
    given = tmp_path / 'run/donors/last.pt'
    given.parent.mkdir(parents=True)
    given.write_bytes(b'epoch 1')
    with attach():
        model = ultralytics.YOLO()
        folders = [model.train(epochs=1, name='train', **args).save_dir for args in ({}, {'save_dir': str(other)})]
        folders.append(model.train(epochs=1, name='train', resume=str(given), save_dir=str(other)).save_dir)
    run = tmp_path / 'run/ultralytics'
    # Without a checkpoint it is the folder that the user has chosen.
    assert folders == [run / 'train', other, run / 'train2']


@pytest.mark.parametrize('module', ['trainer', 'validator', 'predictor', 'model'])
def test_validation_and_prediction_write_there_too(ultralytics, attach, tmp_path, module):
    args = SimpleNamespace(project=None, name=None, save_dir=None, task='detect', mode='val')
    with attach():
        place = ultralytics.modules[f'engine.{module}'].get_save_dir
        assert place(args) == tmp_path / 'run/ultralytics/val'
        # As ultralytics calls it for a collection of datasets: without the other arguments.
        assert place(SimpleNamespace(project=None, task='x', mode='y'), name='sweep').name == 'sweep'


def test_a_failure_inside_is_one_warning_and_training_goes_on(ultralytics, attach, log):
    with attach():
        trainer = ultralytics.YOLO().trainer(epochs=3)
        trainer.label_loss_items = lambda *args, **named: {}['box']
        trainer.train()
    (warning,) = log.of('message')
    assert (warning['level'], warning['code']) == ('warning', 'autolog-failed')
    assert "reading losses failed: KeyError: 'box'; training continues" in warning['text']
    assert [list(point['values']) for point in log.of('metrics', phase='train')] == [['lr/pg0']] * 3
    assert len(log.of('metrics', phase='final')) == 1


def test_a_recorder_that_always_fails_ends_no_training(ultralytics, attach):
    class Broken:
        def record(self, type, payload) -> None:
            raise OSError('the disk is gone')

    with attach(Broken()):
        save_dir = ultralytics.YOLO().train(epochs=2).save_dir
    assert (save_dir / 'weights/best.pt').is_file()


def test_ctrl_c_passes_and_the_files_so_far_are_recorded(ultralytics, attach, log):
    def interrupt(trainer) -> None:
        if trainer.epoch == 1:
            raise KeyboardInterrupt

    model = ultralytics.YOLO()
    model.callbacks['on_train_batch_end'].append(interrupt)
    with pytest.raises(KeyboardInterrupt), attach():
        model.train(epochs=3)
    assert [event['role'] for event in log.of('artifact')] == ['args', 'best', 'last']
    assert ultralytics.is_untouched()


def test_of_nested_sessions_the_inner_one_logs(ultralytics, attach, log, tmp_path):
    inner = Listing()
    with attach():
        with attach(inner, tmp_path / 'inner'):
            assert ultralytics.YOLO().train(epochs=1).save_dir == tmp_path / 'inner/ultralytics/train'
        assert not log.events
        ultralytics.YOLO().train(epochs=1)
    assert len(inner.of('metrics', phase='final')) == len(log.of('metrics', phase='final')) == 1
    assert ultralytics.is_untouched()


def test_sessions_of_two_threads_are_kept_apart(ultralytics, attach, log, tmp_path):
    other, attached, trained = Listing(), threading.Event(), threading.Event()

    def beside() -> None:
        with attach(other, tmp_path / 'other'):
            attached.set()
            trained.wait(10)
            ultralytics.YOLO().train(epochs=2)

    thread = threading.Thread(target=beside)
    with attach():
        thread.start()
        attached.wait(10)
        ultralytics.YOLO().train(epochs=1)
        trained.set()
        thread.join(10)
    assert len(log.of('metrics', phase='val')) == 1
    assert len(other.of('metrics', phase='val')) == 2
    assert ultralytics.is_untouched()


def test_a_training_in_a_thread_of_the_action_is_logged(ultralytics, attach, log):
    with attach():
        thread = threading.Thread(target=lambda: ultralytics.YOLO().train(epochs=1))
        thread.start()
        thread.join(10)
    assert len(log.of('metrics', phase='final')) == 1


def test_a_function_that_somebody_put_around_ours_stays(ultralytics, attach, log):
    module = ultralytics.modules['utils.callbacks']
    with attach():
        ours = module.add_integration_callbacks
        module.add_integration_callbacks = lambda instance: ours(instance)
        theirs = module.add_integration_callbacks
    assert module.add_integration_callbacks is theirs
    ultralytics.YOLO().train(epochs=1)
    assert not log.events
    with attach():
        ultralytics.YOLO().train(epochs=1)
    assert len(log.of('metrics', phase='final')) == 1


def test_an_unknown_layout_is_one_warning(ultralytics, attach, log):
    del ultralytics.modules['utils.callbacks'].add_integration_callbacks
    with attach():
        pass
    (warning,) = log.of('message', code='autolog-unsupported')
    assert '8.4.104' in warning['text']


def test_trainings_in_other_processes_are_read_from_their_table(ultralytics, attach, log, tmp_path):
    args = SimpleNamespace(project=None, name=None, save_dir=None, task='detect', mode='train')
    with attach():
        save_dir = ultralytics.modules['engine.trainer'].get_save_dir(args)
        (save_dir / 'weights').mkdir(parents=True)
        (save_dir / 'weights/best.pt').write_bytes(b'best')
        (save_dir / 'results.csv').write_text(
            'epoch,time,   train/box_loss,metrics/mAP50(B),lr/pg0\n1,0.5,3.25,0.125,0.01\n2,1,2.5,nan,0.02\n'
        )
    assert [(e['phase'], e['step'], e['values']) for e in log.of('metrics')] == [
        ('train', 1, {'train/box_loss': 3.25, 'lr/pg0': 0.01}),
        ('val', 1, {'metrics/mAP50(B)': 0.125}),
        ('train', 2, {'train/box_loss': 2.5, 'lr/pg0': 0.02}),
        ('val', 2, {}),
    ]
    assert log.of('metrics')[-1]['nonfinite'] == {'metrics/mAP50(B)': 'nan'}
    assert [e['role'] for e in log.of('artifact')] == ['results', 'best']


def test_a_table_that_stays_as_it_was_is_another_training(ultralytics, attach, log, tmp_path):
    save_dir = tmp_path / 'old'
    save_dir.mkdir()
    (save_dir / 'results.csv').write_text('epoch,train/box_loss\n1,2\n')
    with attach():
        ultralytics.modules['engine.trainer'].get_save_dir(SimpleNamespace(save_dir=str(save_dir)))
    assert not log.events


def test_what_is_no_file_is_not_resumable(tmp_path: Path):
    assert not resumable(tmp_path)
    assert not resumable(tmp_path / 'last.pt')
