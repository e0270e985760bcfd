"""The metrics of a run: every number by its key, and the numbers that the run ended with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from synapse_hooks.journal.reader import attempt_of, read_events
from synapse_hooks.journal.values import number_of

_RANK: Final = {'custom': 0, 'train': 1, 'val': 2, 'final': 3}
_NONFINITE: Final = ('nan', 'inf', '-inf')


class MetricKey(NamedTuple):
    """What a number is the value of: `train, epoch, 3, box_loss`. `step` is None for a number that belongs to none."""

    phase: str
    """`train`, `valid`, `final`, ..."""
    axis: str
    """What `step` counts: `epoch`, `batch`, ..."""
    step: int | float | None
    """Which of them."""
    name: str
    """The name of the metric."""
    training: str | None = None
    """The name of the training, of which a run may hold several; None for what belongs to none."""


def metrics_table(run_dir: Path) -> dict[MetricKey, float]:
    """The metrics of a run, one number for each key, in the order in which the keys came up.

    An epoch that was trained again after an interruption counts once: the highest attempt wins, then the last event.
    Numbers recorded as `nonfinite` are there as nan and inf.

    Args:
        run_dir: The run directory.

    Raises:
        RunError: There is no such folder.
    """
    table: dict[MetricKey, tuple[int, float]] = {}
    for event in read_events(run_dir, types=('metrics',)):
        attempt = attempt_of(event)
        where = str(event.get('phase')), str(event.get('axis')), _step(event)
        training = _training(event)
        for name, value in _numbers(event):
            key = MetricKey(*where, name, training)
            if key not in table or attempt >= table[key][0]:
                table[key] = attempt, value
    return {key: value for key, (_, value) in table.items()}


def last_metrics(run_dir: Path) -> dict[str, float]:
    """The last value of each metric of a run, in the order in which their names came up; memory does not grow with it.

    The evaluation of the finished model (`final`) goes before validation, that before training, and within a phase the
    highest step is the last. A step that was trained again after an interruption counts as the later attempt has it.
    Where the run holds several trainings, a metric is called `TRAINING/NAME`.

    Raises:
        RunError: There is no such folder.

    Example:
        >>> from synapse_hooks.journal import Journal
        >>> journal = Journal(getfixture('tmp_path'))
        >>> for step in (1, 2):
        ...     journal.record('metrics', {'phase': 'val', 'step': step, 'values': {'accuracy': step / 4}})
        >>> last_metrics(journal.run_dir)
        {'accuracy': 0.5}
    """
    last: dict[tuple[str | None, str], tuple[tuple[float, ...], float]] = {}
    for event in read_events(run_dir, types=('metrics',)):
        step = _step(event)
        place = _RANK.get(str(event.get('phase')), 0), -1 if step is None else step, attempt_of(event)
        for name, value in _numbers(event):
            key = _training(event), name
            if key not in last or place >= last[key][0]:
                last[key] = place, value
    several = len({training for training, _ in last if training}) > 1
    return {f'{of}/{name}' if several and of else name: value for (of, name), (_, value) in last.items()}


def _step(event: Mapping[str, Any]) -> int | float | None:
    step = event.get('step')
    return step if isinstance(step, int | float) and abs(number_of(step) or 0.0) != math.inf else None


def _training(event: Mapping[str, Any]) -> str | None:
    training = event.get('training')
    return training if isinstance(training, str) else None


def _numbers(event: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The numbers of an event, by name; what another program wrote in their place is left out."""
    values, nonfinite = event.get('values'), event.get('nonfinite')
    if isinstance(values, dict):
        yield from ((name, number) for name, value in values.items() if (number := number_of(value)) is not None)
    if isinstance(nonfinite, dict):
        yield from ((name, float(value)) for name, value in nonfinite.items() if value in _NONFINITE)
