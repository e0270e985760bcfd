"""What one training records, in the shape of each version of ultralytics."""

from __future__ import annotations

import pytest

from synapse_hooks.autologgers.ultralytics import training
from synapse_hooks.journal import read_evaluation
from tests.autologgers.ultralytics_stand_in import V50, V52, V104, V104_26, Shape, Tensor

SHAPES = pytest.mark.parametrize('shape', [V50, V52, V104, V104_26], ids=['8.4.50', '8.4.52', '8.4.104', 'yolo26'])


@SHAPES
def test_losses_come_by_name_once_an_epoch(ultralytics, attach, log, shape: Shape):
    with attach():
        ultralytics.YOLO(shape).train(epochs=3)
    points = log.of('metrics', phase='train')
    assert [point['step'] for point in points] == [1, 2, 3]
    box, second, third = (f'train/{name}' for name in shape.names)
    assert points[1]['values'] == {box: 20.0, second: 21.0, third: 22.0, 'lr/pg0': 0.05}
    assert {point['axis'] for point in points} == {'epoch'}


@SHAPES
def test_the_final_evaluation_is_told_apart(ultralytics, attach, log, shape: Shape):
    with attach():
        ultralytics.YOLO(shape).train(epochs=3)
    validated = log.of('metrics', phase='val')
    assert [(point['step'], point['values']['metrics/mAP50(B)']) for point in validated] == [
        (1, 0.5),
        (2, 0.9),
        (3, 0.52),
    ]
    assert [(point['step'], point['values']) for point in log.of('metrics', phase='final')] == [
        (2, {'metrics/mAP50(B)': 0.9})
    ]


@SHAPES
def test_early_stop_ends_at_full_progress(ultralytics, attach, log, shape: Shape):
    with attach():
        trainer = ultralytics.YOLO(shape).trainer(epochs=9)
        trainer.stop_after = 2
        trainer.train()
    assert [point['step'] for point in log.of('metrics', phase='val')] == [1, 2]
    assert len(log.of('metrics', phase='final')) == 1
    assert [event['epoch'] for event in log.of('checkpoint')] == [1]
    assert (log.of('progress')[-1]['curr'], log.of('progress')[-1]['total']) == (9, 9)


def test_without_validation_no_stale_metrics_are_logged(ultralytics, attach, log):
    with attach():
        ultralytics.YOLO().train(epochs=3, val=False)
    assert [point['step'] for point in log.of('metrics', phase='train')] == [1, 2, 3]
    assert [point['step'] for point in log.of('metrics', phase='val')] == [3]


def test_a_resumed_training_keeps_counting(ultralytics, attach, log, tmp_path):
    with attach():
        trainer = ultralytics.YOLO().trainer(epochs=4, save_dir=str(tmp_path / 'run' / 'ultralytics' / 'train'))
        trainer.start_epoch = 2
        trainer.train()
    assert [point['step'] for point in log.of('metrics', phase='val')] == [3, 4]
    assert log.of('progress')[0]['curr'] == 2
    assert [event['epoch'] for event in log.of('checkpoint')] == [3]
    # The best of epochs 3 and 4, since what came before was another process's.
    assert [point['step'] for point in log.of('metrics', phase='final')] == [4]


def test_progress_is_finer_than_an_epoch_and_throttled(ultralytics, attach, log, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(training.time, 'monotonic', lambda: now[0])

    def tick(trainer) -> None:
        now[0] += training.PROGRESS_SECONDS / 2

    with attach():
        model = ultralytics.YOLO()
        model.callbacks['on_train_batch_end'].append(tick)
        model.train(epochs=2)
    progress = [event['curr'] for event in log.of('progress', category='train', total=2)]
    assert progress == [0, 0.25, 0.75, 1, 1.25, 1.75, 2, 2]


def test_no_tensor_is_read_during_an_epoch(ultralytics, attach):
    reads = []
    with attach():
        model = ultralytics.YOLO()
        model.callbacks['on_train_epoch_start'].append(lambda trainer: reads.append(Tensor.reads))
        model.callbacks['on_train_epoch_end'].append(lambda trainer: reads.append(Tensor.reads))
        model.train(epochs=2)
    assert reads[0] == reads[1]
    assert reads[2] == reads[3]


def test_parameters_are_json_values(ultralytics, attach, log, tmp_path):
    with attach():
        ultralytics.YOLO().train(epochs=1, data=tmp_path, freeze=(1, tmp_path), classes={1: None}, lr0=0.01)
    values = log.of('params')[0]['values']
    assert values['epochs'] == 1
    assert values['data'] == str(tmp_path)
    assert values['freeze'] == [1, str(tmp_path)]
    assert values['classes'] == {'1': None}


def test_the_checkpoint_is_a_whole_copy_from_which_an_epoch_follows(ultralytics, attach, log, tmp_path):
    seen = []
    with attach():
        model = ultralytics.YOLO()
        model.callbacks['on_train_epoch_start'].append(
            lambda trainer: seen.append(
                (tmp_path / 'run/checkpoints/train/last.pt').read_text() if trainer.epoch else None
            )
        )
        model.train(epochs=3)
    assert seen == [None, 'epoch 0', 'epoch 1']
    path = tmp_path / 'run/checkpoints/train/last.pt'
    assert path.read_text() == 'epoch 1'
    assert [(e['path'], e['epoch'], e['best'], e['fitness']) for e in log.of('checkpoint', resumable=True)] == [
        ('checkpoints/train/last.pt', 1, True, 0.5),
        ('checkpoints/train/last.pt', 2, True, 0.9),
    ]
    assert [file.name for file in path.parent.iterdir()] == ['last.pt']


def test_a_copy_that_fails_leaves_the_previous_one(ultralytics, attach, log, tmp_path, monkeypatch):
    def torn(source, target) -> None:
        target.write_text('half')
        raise OSError(28, 'No space left on device')

    with attach():
        model = ultralytics.YOLO()
        model.callbacks['on_fit_epoch_end'].append(
            lambda trainer: monkeypatch.setattr('synapse_hooks.autologgers.ultralytics.files.shutil.copyfile', torn)
        )
        model.train(epochs=5)
    assert (tmp_path / 'run/checkpoints/train/last.pt').read_text() == 'epoch 0'
    assert [event['epoch'] for event in log.of('checkpoint')] == [1]
    (warning,) = log.of('message')
    assert 'keeping a checkpoint failed: OSError: [Errno 28] No space left' in warning['text']
    assert len(log.of('metrics', phase='final')) == 1


def test_files_are_recorded_once(ultralytics, attach, log):
    with attach():
        ultralytics.YOLO().train(epochs=1)
    assert [(e['kind'], e['role'], e['path']) for e in log.of('artifact')] == [
        ('table', 'evaluation', 'evaluations/train.json'),
        ('image', 'results', 'ultralytics/train/results.png'),
        ('image', 'train_batch0', 'ultralytics/train/train_batch0.jpg'),
        ('table', 'results', 'ultralytics/train/results.csv'),
        ('file', 'args', 'ultralytics/train/args.yaml'),
        ('weights', 'best', 'ultralytics/train/weights/best.pt'),
        ('weights', 'last', 'ultralytics/train/weights/last.pt'),
    ]


def test_the_metrics_of_each_class_and_the_confusion_matrix_are_recorded(ultralytics, attach, log, tmp_path):
    with attach():
        ultralytics.YOLO().train(epochs=2)
    (event,) = log.of('artifact', role='evaluation')
    assert event['training'] == 'train'
    found = read_evaluation(tmp_path / 'run' / event['path'])
    assert found.classes == {
        'cat': {'images': 3.0, 'precision': 0.25, 'mAP50': 0.5},
        'dog': {'precision': 0.75},
    }
    assert found.confusion is not None
    assert found.confusion.labels == ['cat', 'dog', 'background']
    assert found.confusion.matrix == [[5, 0, 3], [1, 7, 0], [2, 0, 0]]
    assert log.of('message', level='warning') == []
