"""Real trainings on the CPU: what is logged, how they are resumed, and that nothing is left behind."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from synapse_hooks.context import AutologSession
from synapse_hooks.journal import Journal, read_events
from synapse_hooks.testing import AutologConformance, Recording, recording_session

torch = pytest.importorskip('torch')
pl: ModuleType = pytest.importorskip('lightning.pytorch')

from synapse_hooks_lightning import LightningAutologger  # noqa: E402
from synapse_hooks_lightning.training import make_callback  # noqa: E402

torch.set_num_threads(1)
DATA = torch.utils.data.TensorDataset(torch.randn(16, 4), torch.randn(16, 1))


class Line(pl.LightningModule):  # type: ignore[name-defined, misc]
    """Four numbers to one, logged in every way that Lightning has."""

    def __init__(self, rate: float = 0.1, width: int = 4, fails_at: int | None = None) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(4, 1)
        self.rate, self.fails_at = rate, fails_at

    def training_step(self, batch: Any, index: int) -> Any:
        if self.current_epoch == self.fails_at:
            raise RuntimeError('out of memory')
        loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
        self.log('train_loss', loss, on_step=True, on_epoch=True)
        self.log('last', float(index))
        return loss

    def on_train_epoch_end(self) -> None:
        self.log('own', float(self.current_epoch + 1))

    def validation_step(self, batch: Any, index: int) -> None:
        self.log('val_loss', torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1]))

    def test_step(self, batch: Any, index: int) -> None:
        self.log('test_loss', torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1]))

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.SGD(self.parameters(), lr=self.rate)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)]


def trainer(**settings: Any) -> Any:
    """A trainer without output in the terminal."""
    quiet = {'enable_progress_bar': False, 'enable_model_summary': False, 'accelerator': 'cpu', 'log_every_n_steps': 2}
    return pl.Trainer(**{**quiet, 'max_epochs': 2, **settings})


def loader(batch: int = 4) -> Any:
    """Sixteen samples."""
    return torch.utils.data.DataLoader(DATA, batch_size=batch)


class TestConformance(AutologConformance):
    """The contract."""

    autologger = LightningAutologger()
    framework = 'lightning'
    metrics = ('train_loss', 'val_loss', 'lr-SGD')

    def train(self, folder: Path) -> Any:
        """Two epochs."""
        trainer(default_root_dir=folder).fit(Line(), loader(), loader())

    def state(self) -> Any:
        """The functions of `Trainer`, which are all that is replaced."""
        import lightning.pytorch as pl

        return {name: id(value) for name, value in vars(pl.Trainer).items()}


@pytest.fixture
def session(tmp_path: Path) -> Any:
    return recording_session('lightning', tmp_path / 'run')


def attach(session: Any) -> Any:
    return LightningAutologger().autolog('lightning', session[0])


def steps(log: Recording, name: str, **fields: Any) -> list[Any]:
    return [event['step'] for event in log.of('metrics', **fields) if name in event['values']]


def test_each_epoch_has_its_metrics_and_its_learning_rate(session: Any) -> None:
    with attach(session):
        trainer(max_epochs=3).fit(Line(rate=0.4), loader(), loader())
    log = session[1]
    assert steps(log, 'train_loss', phase='train', axis='epoch') == [1, 2, 3]
    assert steps(log, 'val_loss', phase='val', axis='epoch') == [1, 2, 3]
    rates = [e['values']['lr-SGD'] for e in log.of('metrics', phase='train') if 'lr-SGD' in e['values']]
    assert rates == [0.4, 0.2, 0.1]
    assert [e['values']['own'] for e in log.of('metrics') if 'own' in e['values']] == [1, 2, 3]
    assert steps(log, 'own', phase='train', axis='epoch') == [1, 2, 3]
    names = {name for event in log.of('metrics') for name in event['values']}
    assert names == {'train_loss', 'val_loss', 'lr-SGD', 'own', 'last'}, 'no name twice'


def test_batches_are_logged_as_often_as_loggers_of_lightning_do(session: Any) -> None:
    with attach(session):
        trainer(log_every_n_steps=3, max_epochs=3).fit(Line(), loader())
    assert steps(session[1], 'train_loss', axis='batch') == [3, 6, 9, 12]
    assert not steps(session[1], 'own', axis='batch'), 'it is logged for epochs'
    assert [e['values']['last'] for e in session[1].of('metrics', axis='batch')] == [2, 1, 0, 3]


def test_validations_within_an_epoch_are_all_there(session: Any) -> None:
    with attach(session):
        trainer(val_check_interval=2, max_epochs=1).fit(Line(), loader(), loader())
    found = session[1].of('metrics', phase='val')
    assert [(event['axis'], event['step']) for event in found] == [('batch', 2), ('epoch', 1)]


def test_parameters_of_module_trainer_and_optimizer(session: Any) -> None:
    with attach(session):
        trainer(gradient_clip_val=0.5).fit(Line(rate=0.4), loader())
    (params,) = session[1].of('params')
    values = params['values']
    assert (values['rate'], values['model'], values['trainable_parameters']) == (0.4, 'Line', 5)
    assert values['trainer']['gradient_clip_val'] == 0.5
    assert values['optimizers'][0]['name'] == 'SGD'


def test_checkpoints_are_logged_with_their_epoch_and_the_best_one_is_marked(session: Any, tmp_path: Path) -> None:
    keep = pl.callbacks.ModelCheckpoint(monitor='own', mode='max', save_top_k=-1, save_last=True)
    with attach(session):
        made = trainer(max_epochs=3, callbacks=[keep])
        made.fit(Line(), loader(), loader())
    log = session[1]
    numbered = [event for event in log.of('checkpoint') if 'last' not in event['path']]
    assert [(e['epoch'], e['fitness'], e['best'], e['resumable']) for e in numbered] == [
        (1, 1, True, True), (2, 2, True, True), (3, 3, True, True)
    ]  # fmt: skip
    assert all((tmp_path / 'run' / event['path']).is_file() for event in log.of('checkpoint'))
    weights = {event['role']: event['path'] for event in log.of('artifact', kind='weights')}
    assert weights.keys() == {'best', 'last'}
    assert made.default_root_dir == str(tmp_path / 'run' / 'lightning')
    assert log.of('artifact', kind='table', role='metrics')


def test_less_of_a_loss_is_fitter(session: Any) -> None:
    keep = pl.callbacks.ModelCheckpoint(monitor='val_loss', save_top_k=-1)
    with attach(session):
        trainer(callbacks=[keep]).fit(Line(), loader(), loader())
    assert all(event['fitness'] < 0 for event in session[1].of('checkpoint'))


def test_weights_alone_are_not_resumable(session: Any) -> None:
    with attach(session):
        trainer(callbacks=[pl.callbacks.ModelCheckpoint(save_weights_only=True)]).fit(Line(), loader())
    assert [event['resumable'] for event in session[1].of('checkpoint')] == [False, False]


def test_a_training_that_failed_is_resumed_from_its_checkpoint(session: Any, tmp_path: Path) -> None:
    def train(**settings: Any) -> None:
        keep = pl.callbacks.ModelCheckpoint(save_top_k=-1)
        model = Line(fails_at=settings.pop('fails_at', None))
        trainer(max_epochs=4, callbacks=[keep]).fit(model, loader(), **settings)

    with pytest.raises(RuntimeError, match='out of memory'), attach(session):
        train(fails_at=2)
    log = session[1]
    assert [event['status'] for event in log.of('training')] == ['started']
    last = log.of('checkpoint')[-1]
    assert last['epoch'] == 2
    again, resumed = recording_session('lightning', tmp_path / 'run', resume_from=tmp_path / 'run' / last['path'])
    with LightningAutologger().autolog('lightning', again):
        train(ckpt_path=again.resume_from)
    assert steps(resumed, 'train_loss', axis='epoch') == [3, 4]
    assert [event['status'] for event in resumed.of('training')] == ['started', 'finished']


def test_validate_and_test_on_their_own(session: Any) -> None:
    with attach(session):
        made = trainer()
        made.fit(Line(), loader(), loader())
        made.validate(Line(), loader(), verbose=False)
        made.test(Line(), loader(), verbose=False)
    found = {event['training']: event for event in session[1].of('metrics') if event['step'] is None}
    assert found['validate']['phase'] == 'val'
    assert found['validate']['values'].keys() == {'val_loss'}
    assert found['test']['phase'] == 'final'


def test_a_trainer_made_before_is_logged_and_keeps_nothing(session: Any, tmp_path: Path) -> None:
    made = trainer(default_root_dir=tmp_path / 'elsewhere')
    before = list(made.callbacks)
    with attach(session):
        made.fit(Line(), loader())
    assert steps(session[1], 'train_loss', axis='epoch') == [1, 2]
    assert made.callbacks == before


def test_a_training_in_a_thread_is_logged(session: Any) -> None:
    with attach(session):
        thread = threading.Thread(target=lambda: trainer().fit(Line(), loader()))
        thread.start()
        thread.join()
    assert steps(session[1], 'train_loss', axis='epoch') == [1, 2]


def test_sessions_of_two_threads_get_their_own_trainings(tmp_path: Path) -> None:
    together = threading.Barrier(2)
    found: dict[int, list[Any]] = {}

    def run(epochs: int) -> None:
        session = recording_session('lightning', tmp_path / str(epochs))
        with attach(session):
            together.wait()
            trainer(max_epochs=epochs).fit(Line(), loader())
            together.wait()
        found[epochs] = steps(session[1], 'train_loss', axis='epoch')

    threads = [threading.Thread(target=run, args=(epochs,)) for epochs in (1, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {1: [1], 3: [1, 2, 3]}


def test_a_search_for_a_learning_rate_is_no_training(session: Any) -> None:
    with attach(session):
        made = trainer()
        pl.tuner.Tuner(made).lr_find(Line(), loader(), attr_name='rate', num_training=4, update_attr=False)
        assert not session[1].of('training')
        made.fit(Line(), loader())
    assert [event['training'] for event in session[1].of('training')] == ['train', 'train']


def test_the_other_import_name_is_logged_too(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    other = pytest.importorskip('pytorch_lightning')

    class Other(other.LightningModule):  # type: ignore[name-defined, misc]
        training_step, configure_optimizers = Line.training_step, Line.configure_optimizers

        def __init__(self) -> None:
            super().__init__()
            self.layer, self.rate, self.fails_at = torch.nn.Linear(4, 1), 0.1, None

    def train() -> None:
        quiet = {'enable_progress_bar': False, 'enable_model_summary': False, 'accelerator': 'cpu'}
        other.Trainer(max_epochs=1, enable_checkpointing=False, **quiet).fit(Other(), loader())

    for framework in ('lightning', 'pytorch_lightning'):
        with LightningAutologger().autolog(framework, session[0]):  # type: ignore[union-attr]
            train()
            trainer(max_epochs=1).fit(Line(), loader())
    assert not session[1].warnings
    assert [event['training'] for event in session[1].of('training', status='finished')] == [
        'train', 'train2', 'train3', 'train4'
    ]  # fmt: skip
    monkeypatch.delitem(sys.modules, 'pytorch_lightning')
    with attach(session):
        sys.modules['pytorch_lightning'] = other
        train()
    assert "pytorch_lightning was imported after autolog('lightning')" in session[1].warnings[0]


def test_other_ranks_log_nothing(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl.Trainer, 'is_global_zero', property(lambda self: False))
    with attach(session):
        trainer(enable_checkpointing=False).fit(Line(), loader())
    assert not session[1].events


@pytest.mark.skipif(not torch.distributed.is_available(), reason='torch is built without torch.distributed')
def test_forked_ranks_log_once(tmp_path: Path) -> None:
    run = tmp_path / 'run'
    run.mkdir()
    session = AutologSession('lightning', Journal(run), run)
    with LightningAutologger().autolog('lightning', session):  # type: ignore[union-attr]
        trainer(devices=2, strategy='ddp_fork').fit(Line(), loader(), loader())
    events = list(read_events(run))
    assert [event['epoch'] for event in events if event['type'] == 'checkpoint'] == [1, 2]
    assert [event['step'] for event in events if event['type'] == 'metrics' and 'val_loss' in event['values']] == [1, 2]
    assert [event['status'] for event in events if event['type'] == 'training'] == ['started', 'finished']
    assert not [event for event in events if event['type'] == 'message']


def test_a_strategy_that_starts_the_program_again_is_reported(session: Any) -> None:
    with attach(session):
        made = trainer(devices=2, strategy='ddp', enable_checkpointing=False)
        # It would start the tests again.
        made.strategy._launcher.launch = lambda function, *args, trainer=None, **named: None
        made.fit(Line(), loader())
    assert 'DDPStrategy starts this program again for each device' in session[1].warnings[0]


def test_a_callback_sent_to_another_process_does_nothing() -> None:
    callback = make_callback(object(), pl.Callback)  # type: ignore[arg-type]
    sent = pickle.loads(pickle.dumps(callback))
    assert isinstance(sent, pl.Callback)
    assert sent.training is None
    sent.on_train_start(None, None)


def test_checkpoints_hold_nothing_of_the_callback(session: Any, tmp_path: Path) -> None:
    with attach(session):
        trainer().fit(Line(), loader())
    saved = torch.load(tmp_path / 'run' / session[1].of('checkpoint')[-1]['path'], weights_only=False)
    assert 'SynapseHooks' not in repr(saved['callbacks'])


def test_nothing_is_imported_before_it_is_entered() -> None:
    code = """
import sys
from synapse_hooks_lightning import LightningAutologger
LightningAutologger().autolog('keras', None)
assert not {'torch', 'lightning', 'pytorch_lightning'} & set(sys.modules)
"""
    subprocess.run(
        [sys.executable, '-c', code], check=True, env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}
    )
