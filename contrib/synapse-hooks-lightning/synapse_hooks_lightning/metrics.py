"""The metrics of a trainer: which of them are new, and of training or of validation.

`Trainer.callback_metrics` has the last value of everything that was logged. A value that was logged in another epoch is
another tensor than before, also where both are equal; within an epoch it may be another one at each access.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synapse_hooks.autologgers.values import numbers


class Metrics:
    """What was logged since the last time, of one training."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, Any]] = {'train': {}, 'val': {}, 'batch': {}}
        self._of_validation: set[str] = set()
        self._of_epoch: dict[str, float] = {}

    def epoch_starts(self, trainer: Any) -> None:
        """The first batch of an epoch begins: Lightning has put away what was logged in the last one."""
        self._seen['train'] = self._seen['batch'] = dict(trainer.callback_metrics)

    def validation_starts(self, trainer: Any) -> None:
        """A validation begins: what was logged before is not of it."""
        self._seen['val'] = dict(trainer.callback_metrics)

    def of_validation(self, trainer: Any) -> dict[str, float]:
        """What the validation logged, which has just ended."""
        fresh = self._fresh('val', trainer)
        self._of_validation |= fresh.keys()
        return numbers(_without_duplicates(fresh))

    def of_epoch(self, trainer: Any) -> dict[str, float]:
        """What the training logged in this epoch: means over the epoch, or the value of the last batch for what was
        logged for batches only.
        """
        self._of_epoch = numbers(_without_duplicates(self._training('train', trainer)))
        return self._of_epoch

    def rest_of_epoch(self, trainer: Any) -> dict[str, float]:
        """What the training logged in this epoch after `of_epoch`."""
        before = self._of_epoch
        return {name: value for name, value in self.of_epoch(trainer).items() if before.get(name) != value == value}

    def of_batch(self, trainer: Any) -> dict[str, float]:
        """What the training logged for batches, since the last time."""
        return numbers(_without_duplicates(self._training('batch', trainer)))

    def _training(self, kind: str, trainer: Any) -> dict[str, Any]:
        return {name: value for name, value in self._fresh(kind, trainer).items() if name not in self._of_validation}

    def _fresh(self, kind: str, trainer: Any) -> dict[str, Any]:
        now, before = dict(trainer.callback_metrics), self._seen[kind]
        self._seen[kind] = now
        return {name: value for name, value in now.items() if value is not before.get(name)}


def last_metrics(trainer: Any) -> dict[str, float]:
    """The last value of everything that was logged."""
    return numbers(_without_duplicates(trainer.callback_metrics))


def learning_rates(trainer: Any) -> dict[str, float]:
    """The learning rate of each optimizer and parameter group, named as by Lightning's `LearningRateMonitor`:
    `lr-Adam`, `lr-Adam-1` of a second one, `lr-Adam/pg1` of the first group of several.
    """
    rates: dict[str, float] = {}
    counts: dict[str, int] = {}
    for optimizer in trainer.optimizers:
        kind = type(optimizer).__name__
        number = counts[kind] = counts.get(kind, -1) + 1
        name = f'lr-{kind}' + (f'-{number}' if number else '')
        groups = optimizer.param_groups
        for place, group in enumerate(groups, 1):
            rates |= numbers({f'{name}/pg{place}' if len(groups) > 1 else name: group['lr']})
    return rates


def _without_duplicates(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without `loss_step` and `loss_epoch` where there is `loss`: what is logged for both has three names."""
    return {
        name: value
        for name, value in values.items()
        if not any(name.endswith(end) and name.removesuffix(end) in values for end in ('_step', '_epoch'))
    }
