"""A time limit for a training on a small machine, and the number of cores it uses.

ultralytics has `time=` for this, but that uses up the given time: a fast machine would train for as long as a slow one.
`TimeBudget` only reduces the number of epochs.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class TimeBudget:
    """Reduces the number of epochs so that a training ends within `seconds`, without its final evaluation.

    After every epoch it measures the time of an epoch; a batch that ends too late is the last one. The learning rate
    adapts: in ultralytics' linear schedule it depends on `trainer.epochs`, so a shortened training still ends with
    small steps.

    Args:
        seconds: The time limit of all epochs together.
        log: Called with one message, the first time that the number of epochs is reduced.
        clock: Returns monotonic seconds; for tests.

    Example:
        model = YOLO('best.pt')
        TimeBudget(150, print).attach(model)
        model.train(data='dataset.yaml', epochs=16)
    """

    def __init__(
        self, seconds: float, log: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds = seconds
        self.log = log
        self.clock = clock
        self.requested = 0
        self.times: list[float] = []
        self.in_epoch = False
        self.is_cut = False

    def attach(self, model: Any) -> None:
        """Register callbacks with an `ultralytics.YOLO`."""
        model.add_callback('on_train_start', self.on_train_start)
        model.add_callback('on_train_epoch_start', self.on_train_epoch_start)
        model.add_callback('on_train_batch_end', self.on_train_batch_end)
        model.add_callback('on_fit_epoch_end', self.on_fit_epoch_end)

    def on_train_start(self, trainer: Any) -> None:
        """Start the clock."""
        self.requested = trainer.epochs
        self.times = [self.clock()]

    def on_train_epoch_start(self, trainer: Any) -> None:
        """Mark an epoch: `on_fit_epoch_end` is also called after the evaluation of the best weights."""
        self.in_epoch = True

    def on_train_batch_end(self, trainer: Any) -> None:
        """Stop the training if the limit is exceeded within an epoch."""
        if self.clock() - self.times[0] > self.seconds:
            trainer.stop = True

    def on_fit_epoch_end(self, trainer: Any) -> None:
        """Reduce the number of epochs to those that there is time for."""
        if not self.in_epoch:
            return
        self.in_epoch = False
        self.times.append(self.clock())
        # The first epoch includes one-time costs, so it is used only while there is no other.
        recent = self.times[1:] if len(self.times) > 2 else self.times
        epoch_seconds = max((recent[-1] - recent[0]) / (len(recent) - 1), 1e-6)
        left = max(int((self.seconds - (self.times[-1] - self.times[0])) / epoch_seconds), 0)
        done = trainer.epoch + 1
        trainer.epochs = trainer.args.epochs = max(min(self.requested, done + left), done)
        if trainer.epochs == done:
            trainer.stop = True
        # The time of a single epoch is too unreliable for a message.
        if trainer.epochs < self.requested and (len(self.times) > 2 or trainer.stop) and not self.is_cut:
            self.is_cut = True
            self.log(
                f'{epoch_seconds:.0f} s an epoch: training about {trainer.epochs} epochs instead of {self.requested}'
            )


def use_one_core(trainer: Any) -> None:
    """A callback for `on_train_start`: compute on one thread, for any number of cores.

    Networks this small gain a quarter from a second thread on an idle machine. On a busy one, or in a container that
    shows more cores than it gets, threads wait for each other, and an epoch can take ten times as long.
    """
    import torch

    torch.set_num_threads(1)
