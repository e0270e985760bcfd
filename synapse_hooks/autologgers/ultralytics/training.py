"""One training: callbacks of ultralytics, turned into events of the session.

Order of events in every 8.4 version: pretrain_routine_start, train_start, then for each epoch epoch_start, batches,
train_epoch_end, validation, model_save, fit_epoch_end; then the evaluation of the best weights, which fires one more
fit_epoch_end (numbered like the last epoch up to 8.4.51, one higher since 8.4.52); then train_end.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.autologgers.ultralytics.classes import evaluation_of
from synapse_hooks.autologgers.ultralytics.files import log_files, publish_checkpoint
from synapse_hooks.autologgers.values import json_value, numbers
from synapse_hooks.journal.evaluation import log_evaluation

if TYPE_CHECKING:
    from synapse_hooks.context import AutologSession, TrainingLog

PROGRESS_SECONDS: Final = 0.5
"""The least time between two progress events within an epoch."""
EVENTS: Final = (
    'on_train_start',
    'on_train_epoch_start',
    'on_train_batch_end',
    'on_train_epoch_end',
    'on_model_save',
    'on_fit_epoch_end',
    'on_train_end',
)


class Training:
    """The callbacks of one trainer. A trainer's attributes used here exist, with one meaning, since 8.4.50:
    `epoch` (from 0), `epochs`, `start_epoch`, `tloss`, `lr`, `metrics`, `fitness`, `best_fitness`, `stop`, `last`,
    `save_dir`, `train_loader`, `args`, `label_loss_items`.
    """

    def __init__(self, session: AutologSession, log: TrainingLog) -> None:
        self.session = session
        self.log = log
        self.save_dir: Path | None = None
        self.logged: set[str] = set()
        self.in_epoch = False
        self.batch = 0
        self.batches = 1
        self.due = 0.0
        self.seen_metrics: object = None
        self.best_epoch: int | None = None

    def attach(self, trainer: Any) -> None:
        """Add the callbacks to this trainer alone."""
        self.save_dir = Path(trainer.save_dir)
        for event in EVENTS:
            trainer.callbacks[event].append(getattr(self, event))

    def detach(self, trainer: Any | None) -> None:
        """Take the callbacks off the trainer, if it still lives, and log the files that a failed training left."""
        if trainer is not None:
            for event in EVENTS:
                ours = getattr(self, event)
                if ours in trainer.callbacks[event]:
                    trainer.callbacks[event].remove(ours)
        self._log_files()

    def on_train_start(self, trainer: Any) -> None:
        """The data are loaded, and every automatic argument has its value."""
        with self.session.guard('logging parameters'):
            # These metrics are placeholders (zeros): with `val=False` they stay until the last epoch.
            self.seen_metrics = trainer.metrics
            self.log.log_params({name: json_value(value) for name, value in vars(trainer.args).items()})
            self.log.set_progress(trainer.start_epoch, trainer.epochs)

    def on_train_epoch_start(self, trainer: Any) -> None:
        """An epoch begins, or begins again (out of memory, not-a-number losses)."""
        with self.session.guard('counting batches'):
            self.in_epoch = True
            self.batch = 0
            self.batches = max(len(trainer.train_loader), 1)

    def on_train_batch_end(self, trainer: Any) -> None:
        """Runs for every batch, so it reads the clock only, and no tensor."""
        self.batch += 1
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + PROGRESS_SECONDS
        with self.session.guard('reporting progress'):
            done = trainer.epoch + min(self.batch / self.batches, 1)
            self.log.set_progress(round(done, 3), trainer.epochs)

    def on_train_epoch_end(self, trainer: Any) -> None:
        """The losses are means over the epoch now, and `lr` is the epoch's; `metrics` are still the previous one's."""
        values: dict[str, float] = {}
        with self.session.guard('reading losses'):
            values |= numbers(trainer.label_loss_items(trainer.tloss, prefix='train'))
        with self.session.guard('reading learning rates'):
            values |= numbers(trainer.lr)
        with self.session.guard('logging losses'):
            self.log.log_metrics(values, phase='train', step=trainer.epoch + 1)

    def on_model_save(self, trainer: Any) -> None:
        """last.pt was written. Only one that another epoch follows can be resumed from: ultralytics refuses others."""
        with self.session.guard('keeping a checkpoint'):
            if trainer.stop or trainer.epoch + 1 >= trainer.epochs:
                return
            copy = publish_checkpoint(Path(trainer.last), self.log)
            fitness = None if trainer.fitness is None else float(trainer.fitness)
            self.log.log_checkpoint(copy, epoch=trainer.epoch + 1, fitness=fitness, best=_is_best(trainer))

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """An epoch was validated; or, when none began since the last call, the best weights were."""
        final, self.in_epoch = not self.in_epoch, False
        with self.session.guard('logging metrics'):
            if not final and _is_best(trainer):
                self.best_epoch = trainer.epoch + 1
            # Each validation makes a new dictionary; the one of before means that none took place.
            if trainer.metrics is not None and trainer.metrics is not self.seen_metrics:
                self.seen_metrics = trainer.metrics
                self.log.log_metrics(
                    numbers(trainer.metrics),
                    phase='final' if final else 'val',
                    step=self.best_epoch if final else trainer.epoch + 1,
                )
        if final:
            with self.session.guard('logging the metrics of classes'):
                found = evaluation_of(trainer.validator)
                if found is not None:
                    log_evaluation(self.log, self.log.name, found)
        else:
            with self.session.guard('reporting progress'):
                self.log.set_progress(trainer.epoch + 1, trainer.epochs)

    def on_train_end(self, trainer: Any) -> None:
        """The best weights were evaluated, and the plots are drawn."""
        with self.session.guard('reporting progress'):
            # A training that stopped early is complete.
            self.log.set_progress(trainer.epochs, trainer.epochs)
        with self.session.guard('logging files'):
            self._log_files()
        with self.session.guard('ending'):
            self.log.finish()

    def _log_files(self) -> None:
        if self.save_dir is not None:
            self.logged |= log_files(self.log, self.save_dir, self.logged)


def _is_best(trainer: Any) -> bool:
    return trainer.fitness is not None and bool(trainer.fitness == trainer.best_fitness)
