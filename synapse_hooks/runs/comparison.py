"""What differs between runs: outcome, parameters, dataset, versions, code and metrics, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any

from synapse_hooks.runs.dataframes import flat_columns
from synapse_hooks.runs.headline import higher_is_better
from synapse_hooks.runs.run import Run
from synapse_hooks.runs.summary import duration_of, error_text
from synapse_hooks.safe_text import text_of


@dataclass(frozen=True, slots=True)
class ComparedField:
    """One field with its value in each run; None where a run does not have it."""

    name: str
    """For example `params.epochs`, `metrics.val/loss`, `git.sha`."""
    values: tuple[Any, ...]
    best: int | None = None
    """Of a metric whose name says which values are better: which run has the best one. None if all are equal."""

    @property
    def differs(self) -> bool:
        """Whether the values are not all equal."""
        # nan is not equal to itself.
        return any(one != other and not (one != one and other != other) for one, other in pairwise(self.values))


def compare(runs: Sequence[Run]) -> list[ComparedField]:
    """The fields of runs, in the order: outcome, parameters, dataset, checkpoint, versions, code, git, metrics.

    Args:
        runs: Two or more.

    Example:
        >>> from synapse_hooks.journal import RunDirectory
        >>> folder = getfixture('tmp_path')
        >>> for name, epochs in (('a', 1), ('b', 2)):
        ...     RunDirectory.create(folder / name, params={'epochs': epochs, 'seed': 0}).update(status='failed')
        >>> fields = compare([Run(folder / 'a'), Run(folder / 'b')])
        >>> [(field.name, field.values) for field in fields if field.differs]
        [('params.epochs', (1, 2))]
    """
    columns = flat_columns([_facts(run) for run in runs])
    return [
        ComparedField(name, tuple(values), _best(name.removeprefix('metrics.'), values) if _is_metric(name) else None)
        for name, values in columns.items()
        if any(value is not None for value in values)
    ]


def value_text(value: Any) -> str:
    """A value of a compared field; six digits of a number, so that those that differ look different.

    Example:
        >>> value_text(2 / 3), value_text(['a', 1])
        ('0.666667', "['a', 1]")
    """
    return f'{value:.6g}' if isinstance(value, float) else text_of(value)


def _facts(run: Run) -> dict[str, Any]:
    dataset: Mapping[str, Any] = run.dataset or {}
    checkpoint: Mapping[str, Any] = run.checkpoint or {}
    code = run.record.get('code')
    return {
        'status': run.status,
        'error': error_text(run),
        'duration': duration_of(run),
        'action': run.action,
        'target': run.target,
        'params': run.params,
        'dataset': {name: dataset.get(name) for name in ('format', 'digest', 'splits')},
        'checkpoint': {name: checkpoint.get(name) for name in ('id', 'name')},
        'environment': {name: value for name, value in run.environment.items() if name != 'executable'},
        'plugins': run.plugins,
        'code': code if isinstance(code, dict) else {},
        'git': run.git or {},
        'metrics': run.last_values,
    }


def _is_metric(name: str) -> bool:
    return name.startswith('metrics.')


def _best(name: str, values: Sequence[Any]) -> int | None:
    is_better_high = higher_is_better(name)
    numbers = [(value, place) for place, value in enumerate(values) if value is not None and isfinite(value)]
    if is_better_high is None or len({value for value, _ in numbers}) < 2:
        return None
    # Of equal values, the first.
    best = max if is_better_high else min
    return best(numbers, key=lambda each: each[0])[1]
