"""The pace of a training on a small machine: how long it may take, and on how many cores.

ultralytics has `time=` for this, but that fills the time it is given: a fast machine would train for as long as a slow
one. `TimeBudget` only ever shortens.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class TimeBudget:
    """Cuts the number of epochs so that a training ends within `seconds`, its final evaluation aside.

    After every epoch it looks at the pace so far; a batch that ends too late is the last one. The learning rate
    follows: in ultralytics' linear schedule it depends on `trainer.epochs`, so a shortened training still ends with
    small steps.

    Args:
        seconds: What the epochs may take together.
        say: Called with one sentence, the first time that epochs are cut.
        clock: Seconds that never go back; for tests.

    Example:
        model = YOLO('best.pt')
        TimeBudget(150, print).attach(model)
        model.train(data='dataset.yaml', epochs=16)
    """

    def __init__(
        self, seconds: float, say: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds = seconds
        self.say = say
        self.clock = clock
        self.wanted = 0
        self.marks: list[float] = []
        self.in_epoch = False
        self.cut = False

    def attach(self, model: Any) -> None:
        """Watch the next training of an `ultralytics.YOLO`."""
        model.add_callback('on_train_start', self.begin)
        model.add_callback('on_train_epoch_start', self.epoch_begins)
        model.add_callback('on_train_batch_end', self.batch_ends)
        model.add_callback('on_fit_epoch_end', self.epoch_ends)

    def begin(self, trainer: Any) -> None:
        """The epochs begin now."""
        self.wanted = trainer.epochs
        self.marks = [self.clock()]

    def epoch_begins(self, trainer: Any) -> None:
        """Tells epochs from the evaluation of the best weights, after which `on_fit_epoch_end` is called once more."""
        self.in_epoch = True

    def batch_ends(self, trainer: Any) -> None:
        """A machine may become slow within an epoch."""
        if self.clock() - self.marks[0] > self.seconds:
            trainer.stop = True

    def epoch_ends(self, trainer: Any) -> None:
        """An epoch was trained and validated: how many more are there time for?"""
        if not self.in_epoch:
            return
        self.in_epoch = False
        self.marks.append(self.clock())
        # The first epoch also pays for what happens once, so it counts only as long as there is no other.
        recent = self.marks[1:] if len(self.marks) > 2 else self.marks
        pace = max((recent[-1] - recent[0]) / (len(recent) - 1), 1e-6)
        left = max(int((self.seconds - (self.marks[-1] - self.marks[0])) / pace), 0)
        done = trainer.epoch + 1
        trainer.epochs = trainer.args.epochs = max(min(self.wanted, done + left), done)
        if trainer.epochs == done:
            trainer.stop = True
        # A single epoch says too little for an alarm.
        if trainer.epochs < self.wanted and (len(self.marks) > 2 or trainer.stop) and not self.cut:
            self.cut = True
            self.say(f'{pace:.0f} s an epoch: training about {trainer.epochs} epochs instead of {self.wanted}')


def use_one_core(trainer: Any) -> None:
    """A callback for `on_train_start`: compute on one thread, whatever the number of cores.

    Networks this small gain a quarter from a second thread on an idle machine. On a busy one, or in a container that
    shows more cores than it gets, threads wait for each other, and an epoch can take ten times as long.
    """
    import torch

    torch.set_num_threads(1)
