"""Real trainings on the CPU: what is logged, how they are resumed, and that nothing is left behind."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.testing import AutologConformance, Recording, recording_session

torch = pytest.importorskip('torch')
os.environ.setdefault('HF_HUB_OFFLINE', '1')
transformers = pytest.importorskip('transformers')
pytest.importorskip('accelerate')

from synapse_hooks_transformers import TransformersAutologger  # noqa: E402
from synapse_hooks_transformers.training import make_callback  # noqa: E402

torch.set_num_threads(1)
CONFIG = transformers.BertConfig(
    vocab_size=20, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=8, num_labels=2
)


class Sentences(torch.utils.data.Dataset):  # type: ignore[name-defined, misc]
    """Sixteen sentences of four words; those that begin with an even word are of class 0."""

    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> dict[str, Any]:
        words = torch.tensor([index, 1, 2, 3])
        return {'input_ids': words, 'attention_mask': torch.ones_like(words), 'labels': index % 2}


def accuracy(found: Any) -> dict[str, float]:
    return {'accuracy': float((found.predictions.argmax(-1) == found.label_ids).mean())}


def trainer(callbacks: Any = None, **settings: Any) -> Any:
    """A trainer for four steps an epoch, without output in the terminal."""
    given = {
        'num_train_epochs': 2, 'per_device_train_batch_size': 4, 'logging_strategy': 'epoch', 'eval_strategy': 'epoch',
        'save_strategy': 'epoch', 'report_to': 'none', 'use_cpu': True, 'disable_tqdm': True, 'seed': 1,
    }  # fmt: skip
    arguments = transformers.TrainingArguments(**{**given, **settings})
    data = Sentences()
    return transformers.Trainer(
        transformers.BertForSequenceClassification(CONFIG),
        arguments,
        train_dataset=data,
        eval_dataset=data,
        compute_metrics=accuracy,
        callbacks=callbacks,
    )


class TestConformance(AutologConformance):
    """The contract of autologgers."""

    autologger = TransformersAutologger()
    framework = 'transformers'
    metrics = ('loss', 'eval_loss', 'eval_accuracy', 'learning_rate')
    # TrainingArguments resets the state of accelerate, which all trainers of the process share.
    trains_at_once = False

    def train(self, folder: Path) -> Any:
        """One epoch."""
        trainer(num_train_epochs=1, output_dir=str(folder), save_strategy='no').train()

    def state(self) -> Any:
        """What could be replaced: to look at all of transformers imports all of its models."""
        owners = (transformers.Trainer, transformers.TrainingArguments, transformers.trainer)
        found = {f'{owner.__name__}.{key}': id(value) for owner in owners for key, value in vars(owner).items()}
        return {**found, 'DEFAULT_CALLBACKS': list(transformers.trainer.DEFAULT_CALLBACKS)}


@pytest.fixture
def session(tmp_path: Path) -> Any:
    return recording_session('transformers', tmp_path / 'run')


def attach(session: Any) -> Any:
    return TransformersAutologger().autolog('transformers', session[0])


def steps(log: Recording, name: str, **fields: Any) -> list[Any]:
    return [event['step'] for event in log.of('metrics', **fields) if name in event['values']]


def test_each_epoch_has_its_metrics(session: Any) -> None:
    with attach(session):
        trainer(num_train_epochs=3).train()
    log = session[1]
    assert steps(log, 'loss', phase='train', axis='epoch') == [1, 2, 3]
    assert steps(log, 'learning_rate', phase='train', axis='epoch') == [1, 2, 3]
    assert steps(log, 'eval_accuracy', phase='val', axis='epoch') == [1, 2, 3]
    (final,) = log.of('metrics', phase='final')
    assert final['values'].keys() >= {'train_loss', 'train_runtime'}
    assert not [e for e in log.of('metrics', phase='val') if any('runtime' in name for name in e['values'])]


def test_batches_are_logged_where_transformers_logs_them(session: Any) -> None:
    with attach(session):
        trainer(logging_strategy='steps', logging_steps=3, eval_strategy='steps', eval_steps=4).train()
    log = session[1]
    assert steps(log, 'loss', phase='train', axis='batch') == [3, 6]
    assert steps(log, 'eval_loss', phase='val', axis='batch') == [4, 8]


def test_parameters_of_the_arguments_and_the_model(session: Any) -> None:
    with attach(session):
        trainer(num_train_epochs=1, learning_rate=0.25, hub_token='hf_secret').train()
    (params,) = session[1].of('params')
    values = params['values']
    assert (values['learning_rate'], values['per_device_train_batch_size']) == (0.25, 4)
    assert values['model']['class'] == 'BertForSequenceClassification'
    assert values['model']['hidden_size'] == 8
    assert values['trainable_parameters'] > 100
    assert 'hf_secret' not in str(values)


def test_checkpoints_are_logged_with_their_epoch_and_the_best_one_is_marked(session: Any, tmp_path: Path) -> None:
    with attach(session):
        trainer(num_train_epochs=3, metric_for_best_model='loss', learning_rate=0.01).train()
    log = session[1]
    assert [(e['epoch'], e['path'], e['resumable']) for e in log.of('checkpoint')] == [
        (epoch, f'transformers/checkpoint-{4 * epoch}', True) for epoch in (1, 2, 3)
    ]
    losses = [e['values']['eval_loss'] for e in log.of('metrics', phase='val')]
    assert [-e['fitness'] for e in log.of('checkpoint')] == losses
    assert [e['best'] for e in log.of('checkpoint')] == [one == min(losses[: n + 1]) for n, one in enumerate(losses)]
    best = log.of('artifact', kind='weights', role='best')
    assert [Path(event['path']).name for event in best] == ['model.safetensors']


def test_weights_alone_are_not_resumable(session: Any) -> None:
    with attach(session):
        trainer(num_train_epochs=1, save_only_model=True).train()
    assert [event['resumable'] for event in session[1].of('checkpoint')] == [False]


class Fails(transformers.TrainerCallback):  # type: ignore[name-defined, misc]
    """Ends a training in its third epoch."""

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.epoch >= 2:
            raise RuntimeError('out of memory')


def test_a_training_that_failed_is_resumed_from_its_checkpoint(session: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match='out of memory'), attach(session):
        trainer([Fails()], num_train_epochs=4).train()
    log = session[1]
    assert [event['status'] for event in log.of('training')] == ['started']
    last = tmp_path / 'run' / log.of('checkpoint')[-1]['path']
    assert last.name == 'checkpoint-8'
    again, resumed = recording_session('transformers', tmp_path / 'run', resume_from=last)
    with TransformersAutologger().autolog('transformers', again):
        trainer(num_train_epochs=4).train(resume_from_checkpoint=again.resume_from)
    assert steps(resumed, 'loss', axis='epoch') == [3, 4]
    assert [event['status'] for event in resumed.of('training')] == ['started', 'finished']


def test_evaluate_and_predict_on_their_own(session: Any) -> None:
    with attach(session):
        made = trainer(num_train_epochs=1)
        made.train()
        made.evaluate()
        made.evaluate({'first': Sentences(), 'second': Sentences()})
        made.predict(Sentences())
    found = {event['training']: event for event in session[1].of('metrics') if event['training'] != 'train'}
    assert found.keys() == {'evaluate', 'evaluate2', 'predict'}
    assert found['evaluate']['values'].keys() == {'eval_loss', 'eval_accuracy'}
    assert 'eval_second_accuracy' in found['evaluate2']['values']
    assert found['predict']['phase'] == 'final'
    assert found['predict']['values']['test_accuracy'] >= 0


def test_a_trainer_made_before_is_logged_and_keeps_nothing(session: Any, tmp_path: Path) -> None:
    made = trainer(output_dir=str(tmp_path / 'elsewhere'))
    before = list(made.callback_handler.callbacks)
    with attach(session):
        made.train()
    assert steps(session[1], 'loss', axis='epoch') == [1, 2]
    assert made.callback_handler.callbacks == before


def test_a_training_in_a_thread_is_logged(session: Any) -> None:
    with attach(session):
        thread = threading.Thread(target=lambda: trainer().train())
        thread.start()
        thread.join()
    assert steps(session[1], 'loss', axis='epoch') == [1, 2]


def test_other_ranks_log_nothing(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transformers.Trainer, 'is_world_process_zero', lambda self: False)
    with attach(session):
        trainer(save_strategy='no').train()
    assert not session[1].events


def test_a_callback_sent_to_another_process_does_nothing() -> None:
    callback = make_callback(object(), transformers.TrainerCallback)  # type: ignore[arg-type]
    sent = pickle.loads(pickle.dumps(callback))
    assert isinstance(sent, transformers.TrainerCallback)
    assert sent.training is None
    sent.on_step_end(None, None, None)


def test_nothing_is_imported_before_it_is_entered() -> None:
    code = """
import sys
from synapse_hooks_transformers import TransformersAutologger
TransformersAutologger().autolog('keras', None)
assert not {'torch', 'transformers'} & set(sys.modules)
"""
    subprocess.run(
        [sys.executable, '-c', code], check=True, env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    )
