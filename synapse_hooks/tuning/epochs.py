"""The metrics of a trial, once for each epoch, from the journal of its run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from synapse_hooks.journal.follow import Follower
from synapse_hooks.journal.reader import attempt_of
from synapse_hooks.journal.values import number_of

_RANK = {'custom': 0, 'train': 1, 'val': 2, 'final': 3}


class Epoch(NamedTuple):
    """What a trial has logged of one epoch."""

    number: int
    """From 1."""
    values: dict[str, float]
    """By the name of the metric; what belongs to a validation goes before what belongs to the training."""


class EpochMetrics:
    """Reads the metrics of a run, epoch by epoch, each once: also if a training goes on from a checkpoint.

    Args:
        run_dir: The run directory.
        metric: The metric of the search. An epoch counts once it has a value of this.
        after: The last epoch that was reported before.
        since: Attempts of the run up to this one do not count.

    Example:
        >>> from synapse_hooks.journal import Journal
        >>> journal = Journal(getfixture('tmp_path'))
        >>> epochs = EpochMetrics(journal.run_dir, 'mAP50')
        >>> journal.record('metrics', {'phase': 'train', 'axis': 'epoch', 'step': 1, 'values': {'loss': 0.5}})
        >>> epochs.read(), epochs.names
        ([], ['loss'])
        >>> journal.record('metrics', {'phase': 'val', 'axis': 'epoch', 'step': 1, 'values': {'mAP50': 0.1}})
        >>> epochs.read()
        [Epoch(number=1, values={'loss': 0.5, 'mAP50': 0.1})]
    """

    def __init__(self, run_dir: Path, metric: str, *, after: int = 0, since: int = 0) -> None:
        self.metric = metric
        self._since = since
        self.last = after
        """The last epoch that was returned."""
        self._follower = Follower(run_dir, ('metrics',))
        self._names: dict[str, None] = {}
        self._epochs: dict[int, dict[str, tuple[int, float]]] = {}

    @property
    def names(self) -> list[str]:
        """The metrics that were logged for epochs, in the order in which they came up."""
        return list(self._names)

    def read(self) -> list[Epoch]:
        """The epochs that have a value of the metric since the last call, in order."""
        while events := self._follower.read():
            for event in events:
                self._add(event)
        ready = sorted(number for number, values in self._epochs.items() if self.metric in values)
        found = []
        for number in ready:
            values = self._epochs[number]
            found.append(Epoch(number, {name: value for name, (_, value) in values.items()}))
            self.last = number
        # Those before an epoch that was reported come too late.
        self._epochs = {number: values for number, values in self._epochs.items() if number > self.last}
        return found

    def _add(self, event: dict[str, Any]) -> None:
        step, values, nonfinite = event.get('step'), event.get('values'), event.get('nonfinite')
        if event.get('axis') != 'epoch' or not isinstance(values, Mapping):
            return
        if self._since and attempt_of(event) <= self._since:
            return
        given = {**values, **(nonfinite if isinstance(nonfinite, Mapping) else {})}
        self._names.update(dict.fromkeys(given))
        if not isinstance(step, int) or step <= self.last:
            return
        rank = _RANK.get(str(event.get('phase')), 0)
        known = self._epochs.setdefault(step, {})
        for name, value in given.items():
            number = float(value) if value in ('nan', 'inf', '-inf') else number_of(value)
            if number is not None and rank >= known.get(name, (-1, 0.0))[0]:
                known[name] = rank, number
