"""The space of a search as Ray Tune has it."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from synapse_hooks.searches import Search, SearchParam

_DOMAINS: Final[Mapping[str, Callable[[Any, SearchParam], Any]]] = {
    'choice': lambda tune, p: tune.choice(list(p.options or ())),
    'grid_search': lambda tune, p: tune.grid_search(list(p.options or ())),
    'uniform': lambda tune, p: tune.uniform(p.min, p.max),
    'quniform': lambda tune, p: tune.quniform(p.min, p.max, p.q),
    'loguniform': lambda tune, p: tune.loguniform(p.min, p.max, *_base(p)),
    'qloguniform': lambda tune, p: tune.qloguniform(p.min, p.max, p.q, *_base(p)),
    'randn': lambda tune, p: tune.randn(p.mean, p.sd),
    'qrandn': lambda tune, p: tune.qrandn(p.mean, p.sd, p.q),
    'randint': lambda tune, p: tune.randint(p.min, p.max),
    'qrandint': lambda tune, p: tune.qrandint(p.min, p.max, p.q),
    'lograndint': lambda tune, p: tune.lograndint(p.min, p.max, *_base(p)),
    'qlograndint': lambda tune, p: tune.qlograndint(p.min, p.max, p.q, *_base(p)),
}
"""By type. With `q` Ray includes the upper end, without it integers stay below, as the protocol has it."""


def _base(param: SearchParam) -> tuple[float, ...]:
    """The base, unless it is Ray's own: Ray warns of the argument."""
    return () if param.base in (None, 10) else (param.base,)


def param_space(search: Search) -> dict[str, Any]:
    """The `param_space` of a search, by the name of the parameter."""
    from ray import tune

    return {param.name: _DOMAINS[param.type](tune, param) for param in search.space}


def missing_points(search: Search, known: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The points of the grid that no trial has, each as often as it is missing; none where there is no grid.

    Args:
        search: The search.
        known: The parameters of the trials that there are.
    """
    grids = [param for param in search.space if param.type == 'grid_search']
    if not grids:
        return []
    names = [param.name for param in grids]
    there = Counter(json.dumps([params.get(name) for name in names], sort_keys=True) for params in known)
    found = []
    for values in itertools.product(*(param.options or () for param in grids)):
        count = search.config.num_samples - there[json.dumps(list(values), sort_keys=True)]
        found += [dict(zip(names, values, strict=True)) for _ in range(count)]
    return found


def drawn(search: Search, config: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a trial as JSON values, from the `config` that Ray has drawn: it may hold numbers of NumPy."""
    return {name: _plain(config[name]) for name in search.names if name in config}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    item = getattr(value, 'item', None)
    return item() if callable(item) else value
