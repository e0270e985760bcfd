"""One training: callbacks of Lightning, turned into events of the session."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks_lightning.checkpoints import artifacts, saved
from synapse_hooks_lightning.metrics import Metrics, last_metrics, learning_rates
from synapse_hooks_lightning.params import params_of

if TYPE_CHECKING:
    from synapse_hooks.context import AutologSession, TrainingLog

PROGRESS_SECONDS: Final = 0.5
"""The least time between two progress events within an epoch."""


class Training:
    """What one call of `Trainer.fit` logs. The callback calls the methods with the names of Lightning's hooks."""

    def __init__(self, session: AutologSession, log: TrainingLog) -> None:
        self.session = session
        self.log = log
        self.callback: Any = None
        self.metrics = Metrics()
        self.started = False
        self.rates: dict[str, float] = {}
        self.epoch = 0
        self.in_epoch = False
        self.due = 0.0

    def detach(self, trainer: Any) -> None:
        """Take the callback off the trainer."""
        trainer.callbacks[:] = [one for one in trainer.callbacks if one is not self.callback]

    def end(self, trainer: Any) -> None:
        """`fit` has returned: log its files, and that it has finished, unless it was interrupted."""
        with self.session.guard('logging files'):
            for path, kind, role in artifacts(trainer):
                self.log.log_artifact(path, kind=kind, role=role)
        if trainer.interrupted:
            return
        if not self.started:
            self._end_of_workers(trainer)
        with self.session.guard('ending'):
            self.log.finish()

    def on_train_start(self, trainer: Any, module: Any) -> None:
        """Everything is set up, and restored from the checkpoint if there is one."""
        self.started = True
        with self.session.guard('logging parameters'):
            self.log.log_params(params_of(trainer))
        self._progress(trainer)

    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        """What the module itself logged at the end of the epoch before is there now."""
        self._rest(trainer)
        with self.session.guard('reading learning rates'):
            # At the end of the epoch, schedulers have set those of the next one.
            self.rates = learning_rates(trainer)
        self.in_epoch = False

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_index: int) -> None:
        """Of interest for the first batch of an epoch only."""
        if not self.in_epoch:
            self.in_epoch = True
            with self.session.guard('reading metrics'):
                self.metrics.epoch_starts(trainer)

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_index: int) -> None:
        """Runs for every batch: it reads metrics as often as Lightning's loggers do."""
        with self.session.guard('logging a batch'):
            every = trainer.log_every_n_steps
            if every and trainer.global_step % every == 0:
                self.log.log_metrics(
                    self.metrics.of_batch(trainer), phase='train', step=trainer.global_step, axis='batch'
                )
        if time.monotonic() >= self.due:
            self.due = time.monotonic() + PROGRESS_SECONDS
            self._progress(trainer, (batch_index + 1) / max(float(trainer.num_training_batches), 1))

    def on_validation_start(self, trainer: Any, module: Any) -> None:
        """A validation begins, or the sanity check before the training."""
        with self.session.guard('reading metrics'):
            self.metrics.validation_starts(trainer)

    def on_validation_end(self, trainer: Any, module: Any) -> None:
        """Within an epoch the step is the batch: there may be several validations in one epoch."""
        with self.session.guard('logging a validation'):
            if trainer.sanity_checking:
                return
            found = self.metrics.of_validation(trainer)
            if trainer.is_last_batch:
                self.log.log_metrics(found, phase='val', step=trainer.current_epoch + 1)
            else:
                self.log.log_metrics(found, phase='val', step=trainer.global_step, axis='batch')

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """Runs before the module's own hook; what that logs is added by `_rest`."""
        self.epoch = trainer.current_epoch + 1
        with self.session.guard('logging an epoch'):
            values = self.rates | self.metrics.of_epoch(trainer)
            self.log.log_metrics(values, phase='train', step=self.epoch)
        self._progress(trainer, 1)

    def on_train_end(self, trainer: Any, module: Any) -> None:
        """The last epoch has ended."""
        self._rest(trainer)

    def saved(self, trainer: Any, path: Any, weights_only: bool) -> None:
        """`Trainer.save_checkpoint` has written a checkpoint; it renames a complete file."""
        with self.session.guard('logging a checkpoint'):
            if not Path(path).exists():
                return  # written later, by a thread, or elsewhere
            self._rest(trainer)
            found = saved(trainer, str(path))
            # Lightning counts from 0, and has not counted on when it saves.
            self.log.log_checkpoint(
                path,
                epoch=trainer.current_epoch + 1,
                fitness=found.fitness,
                best=found.best,
                resumable=not weights_only,
            )

    def _rest(self, trainer: Any) -> None:
        with self.session.guard('logging an epoch'):
            if self.epoch and (rest := self.metrics.rest_of_epoch(trainer)):
                self.log.log_metrics(rest, phase='train', step=self.epoch)

    def _progress(self, trainer: Any, part: float = 0) -> None:
        with self.session.guard('reporting progress'):
            if (trainer.max_epochs or -1) > 0:
                self.log.set_progress(min(trainer.current_epoch + part, trainer.max_epochs), trainer.max_epochs)
            else:
                self.log.set_progress(trainer.global_step, max(trainer.max_steps, 0))

    def _end_of_workers(self, trainer: Any) -> None:
        """It trained in processes of its own. Forked ones have logged; of others, only the end is known here."""
        with self.session.guard('logging the last metrics'):
            if getattr(trainer.strategy.launcher, '_start_method', None) == 'fork':
                return
            self.log.log_metrics(last_metrics(trainer), phase='final')
            self.log.set_progress(1, 1)
            self.log.log_message(
                f'training {self.log.name} ran in processes that Lightning started: its last metrics and its '
                "checkpoints are logged, not each epoch; strategy='ddp_fork' logs each epoch",
                level='warning',
                code='autolog-unsupported',
            )


def make_callback(training: Training | None, base: Any) -> Any:
    """A callback of Lightning that calls a training, on the first rank. One sent to another process does nothing.

    Args:
        training: None for one that does nothing.
        base: The class `Callback` of one of its two packages.
    """
    hooks = {name: _calling(name) for name in vars(Training) if name.startswith('on_')}
    kind = type('SynapseHooksCallback', (base,), {**hooks, 'training': training, '__reduce__': _reduce})
    return kind()


def _calling(name: str) -> Any:
    def hook(callback: Any, trainer: Any, *args: Any, **named: Any) -> None:
        if callback.training is not None and trainer.is_global_zero:
            getattr(callback.training, name)(trainer, *args, **named)

    hook.__name__ = name
    return hook


def _reduce(callback: Any) -> tuple[Any, ...]:
    return make_callback, (None, type(callback).__mro__[1])
