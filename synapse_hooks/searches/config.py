"""How a search proceeds: `tune_config`, as a backend sends it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from synapse_hooks.searches.faults import Faults

_MODES: Final = ('min', 'max')


@dataclass(frozen=True)
class Method:
    """A search algorithm or a scheduler, by name; the launcher says which there are.

    Example:
        >>> Method('asha', {'grace_period': 2}).to_dict()
        {'name': 'asha', 'options': {'grace_period': 2}}
    """

    name: str
    """In lower case."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What it is configured with, as JSON values."""

    def to_dict(self) -> dict[str, Any]:
        """The form in which a backend sends it."""
        return {'name': self.name, 'options': dict(self.options)}


@dataclass(frozen=True)
class SearchConfig:
    """How a search proceeds, and what is best."""

    metric: str
    """The metric that trials are compared by, as it is logged."""
    mode: str
    """`max` if larger values are better, else `min`."""
    num_samples: int = 1
    """How many trials there are; with `grid_search` how often the grid is tried."""
    max_concurrent_trials: int | None = None
    """How many trials run at once, at most; None leaves it to the launcher."""
    search_alg: Method | None = None
    """What proposes parameters; None draws them at random."""
    scheduler: Method | None = None
    """What ends trials early; None lets all of them finish."""

    def to_dict(self) -> dict[str, Any]:
        """The form in which a backend sends it."""
        values: dict[str, Any] = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value.to_dict() if isinstance(value, Method) else value for name, value in values.items()}


def config_of(form: Any, faults: Faults, name: str = 'tune_config') -> SearchConfig:
    """The configuration of a search.

    Args:
        form: The mapping that a backend sends; a field that is None is one that is missing.
        faults: Gets what is wrong with it. What is returned can be used if nothing is.
        name: What the mapping is called in faults.
    """
    if not isinstance(form, Mapping):
        faults.add(name, form, 'must be a mapping with metric, mode and num_samples')
        return SearchConfig('', 'max')
    given = {key: value for key, value in form.items() if value is not None}
    faults.check_names(name, given, [each.name for each in fields(SearchConfig)], near_only=True)
    metric, mode = given.get('metric'), given.get('mode')
    if not isinstance(metric, str) or not metric.strip():
        faults.add(f'{name}.metric', metric, 'must be the name of the metric that trials are compared by')
    if mode not in _MODES:
        faults.add(f'{name}.mode', mode, 'must be `max` if larger values of the metric are better, or `min`')
    for key in ('num_samples', 'max_concurrent_trials'):
        value = given.get(key, 1)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            faults.add(f'{name}.{key}', value, 'must be a whole number of at least 1')
    methods = {key: _method(given.get(key), f'{name}.{key}', faults) for key in ('search_alg', 'scheduler')}
    return SearchConfig(
        metric=str(metric), mode=str(mode), num_samples=given.get('num_samples', 1),
        max_concurrent_trials=given.get('max_concurrent_trials'), **methods,
    )  # fmt: skip


def _method(value: Any, name: str, faults: Faults) -> Method | None:
    if value is None:
        return None
    form = {'name': value} if isinstance(value, str) else value
    if not isinstance(form, Mapping) or not isinstance(form.get('name'), str) or not form['name'].strip():
        faults.add(name, value, 'must be a name, or {name: ..., options: {...}}')
        return None
    options = form.get('options') or {}
    if not isinstance(options, Mapping) or not all(isinstance(key, str) for key in options):
        faults.add(f'{name}.options', options, 'must be a mapping of names to values')
        return None
    faults.check_names(name, form, ('name', 'options'), near_only=True)
    for key, option in options.items():
        if isinstance(option, float) and not math.isfinite(option):
            faults.add(f'{name}.options.{key}', option, 'must be finite')
    return Method(form['name'].strip().lower(), dict(options))
