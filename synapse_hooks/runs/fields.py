"""The fields of runs by name: what runs are filtered and sorted by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from synapse_hooks.errors import ConfigError, suggest
from synapse_hooks.runs.headline import higher_is_better, metric_value
from synapse_hooks.runs.run import Run
from synapse_hooks.runs.summary import model_text


def _seconds(run: Run) -> float | None:
    return None if run.duration is None else run.duration.total_seconds()


FIELDS: Final[Mapping[str, Callable[[Run], Any]]] = {
    'name': lambda run: run.path.name,
    'status': lambda run: run.status,
    'action': lambda run: run.action,
    'dataset': lambda run: run.dataset_name,
    'model': model_text,
    'metric': lambda run: None if run.best_metric is None else run.best_metric.value,
    'duration': _seconds,
    'note': lambda run: run.note or None,
    'started': lambda run: None if run.started is None else run.started.isoformat(),
    'attempts': lambda run: run.attempts,
    'error': lambda run: None if run.error is None else f'{run.error.get("type")}: {run.error.get("message")}',
    'git': lambda run: None if run.git is None else run.git.get('sha'),
}
"""Fields besides parameters and metrics. `metric` is the best metric, `duration` is in seconds."""


def value_of(run: Run, field: str) -> Any:
    """The value of a field of a run: one of `FIELDS`, `params.NAME`, `metrics.NAME`, or the name of a metric or of a
    parameter. None where the run has no such field.

    Example:
        >>> from synapse_hooks.journal import RunDirectory
        >>> folder = getfixture('tmp_path') / 'first'
        >>> RunDirectory.create(folder, params={'model': {'size': 3}}).update(metrics={'val/loss': 0.5})
        >>> [value_of(Run(folder), name) for name in ('status', 'params.model.size', 'val/loss', 'epochs')]
        ['created', 3, 0.5, None]
    """
    if field in FIELDS:
        return FIELDS[field](run)
    if field.startswith('params.'):
        return _nested(run.params, field.removeprefix('params.'))
    if field.startswith('metrics.'):
        return metric_value(run.last_values, field.removeprefix('metrics.'))
    for value in (run.last_values.get(field), _nested(run.params, field)):
        if value is not None:
            return value
    return metric_value(run.last_values, field)


def check_field(runs: Sequence[Run], field: str) -> None:
    """Refuse a field that is none of `FIELDS` and that no run has.

    Raises:
        ConfigError: It names the fields that there are.
    """
    if field in FIELDS or not runs or any(value_of(run, field) is not None for run in runs):
        return
    params = dict.fromkeys(f'params.{name}' for run in runs for name in run.params)
    metrics = dict.fromkeys(name for run in runs for name in run.last_values)
    known = [*FIELDS, *params, *metrics]
    near = suggest(field, known)
    raise ConfigError(
        f'no run has a field {field!r}', hint=near or f'the fields are {", ".join(known[:40])}', field=field
    )


def sorted_runs(runs: Sequence[Run], field: str) -> list[Run]:
    """The runs sorted by a field, those that do not have it last.

    A metric whose name says which values are better begins with the best, anything else with the smallest.

    Args:
        runs: The runs.
        field: See `value_of`. A `-` before it reverses the order.

    Raises:
        ConfigError: No run has such a field.
    """
    is_reversed, name = field.startswith('-'), field.removeprefix('-')
    check_field(runs, name)
    having = [run for run in runs if value_of(run, name) is not None]
    numbers = [run for run in having if _is_number(value_of(run, name))]
    texts = [run for run in having if not _is_number(value_of(run, name))]
    downwards = is_reversed != _begins_with_highest(numbers, name)
    ordered = [
        *sorted(numbers, key=lambda run: _sortable(value_of(run, name), downwards), reverse=downwards),
        *sorted(texts, key=lambda run: str(value_of(run, name)), reverse=is_reversed),
    ]
    return [*ordered, *(run for run in runs if value_of(run, name) is None)]


def _sortable(value: float, downwards: bool) -> tuple[bool, float]:
    """Not a number comes last in either direction."""
    is_nan = value != value
    return is_nan != downwards, 0.0 if is_nan else value


def _begins_with_highest(runs: Sequence[Run], field: str) -> bool:
    if field == 'metric':
        return any(run.best_metric is not None and run.best_metric.higher_is_better for run in runs)
    name = field.removeprefix('metrics.')
    return bool(higher_is_better(name)) and any(metric_value(run.last_values, name) is not None for run in runs)


def _nested(values: Mapping[str, Any], name: str) -> Any:
    if name in values:
        return values[name]
    first, _, rest = name.partition('.')
    inner = values.get(first)
    return _nested(inner, rest) if rest and isinstance(inner, dict) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
