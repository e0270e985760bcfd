"""Trials of a search, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from synapse_hooks.searches.config import SearchConfig


@dataclass(frozen=True)
class Trial:
    """A trial as it is now.

    Example:
        >>> Trial('0001', {'lr': 0.1}, 'succeeded', {'mAP50': 0.8}).to_dict()['metrics']
        {'mAP50': 0.8}
    """

    id: str
    """Its number in the search, such as `0001`."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """The values of the parameters that are searched."""
    status: str = 'running'
    """`running`, `succeeded`, `failed`, or `cancelled`."""
    metrics: Mapping[str, float] = field(default_factory=dict)
    """The last value of each metric; of the metric of the search, that of the epoch by which it is compared."""
    run_dir: str | None = None
    """Its run directory."""
    error: Mapping[str, Any] | None = None
    """Of a trial that failed: `type` and `message`, as in run.json."""
    stopped: str = ''
    """Why it was ended early, as a phrase such as `by the scheduler after 3 epochs`."""
    model: Mapping[str, Any] | None = None
    """The model that was uploaded."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.status != 'running'

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Trial:
        """The trial that `to_dict` wrote. What this version does not know is left out."""
        return cls(**{each.name: values[each.name] for each in fields(cls) if each.name in values})


@dataclass(frozen=True)
class SearchOutcome:
    """How a search ended.

    Example:
        >>> SearchOutcome('succeeded', (Trial('0001', status='failed'),)).best is None
        True
    """

    outcome: str
    """`succeeded`, `failed` (there is no best trial) or `cancelled`."""
    trials: tuple[Trial, ...] = ()
    """All trials, in the order of their ids."""
    best: Trial | None = None
    """The best one."""
    error: Mapping[str, Any] | None = None
    """Why it failed: `type` and `message`."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SearchOutcome:
        """The outcome that `to_dict` wrote."""
        best = values.get('best')
        trials = tuple(map(Trial.from_dict, values.get('trials') or ()))
        return cls(values['outcome'], trials, None if best is None else Trial.from_dict(best), values.get('error'))


def best_trial(trials: Iterable[Trial], config: SearchConfig) -> Trial | None:
    """The trial with the best value of the metric; None where no trial has one. The first of several is the best.

    A trial that was stopped early counts, one that failed does not.

    Args:
        trials: The trials, in any order.
        config: It says which metric is compared, and whether more is better.
    """
    sign = 1 if config.mode == 'max' else -1
    best, reached = None, -math.inf
    for trial in sorted(trials, key=lambda trial: trial.id):
        value = trial.metrics.get(config.metric)
        may_count = trial.status == 'succeeded' or (trial.status == 'cancelled' and trial.stopped)
        if may_count and value is not None and math.isfinite(value) and (best is None or sign * value > reached):
            best, reached = trial, sign * value
    return best
