"""The search algorithms and schedulers of Ray Tune that a search can name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from synapse_hooks.errors import LaunchError, suggest
from synapse_hooks.safe_text import repr_of
from synapse_hooks.searches import Method, Search
from synapse_hooks_ray.space import param_space

_RANDOM: Final = ('basicvariantgenerator', 'basic', 'random')
_OPTUNA: Final = ('optunasearch', 'optuna')
_SCHEDULERS: Final = {
    'fifo': 'FIFOScheduler',
    'asha': 'ASHAScheduler',
    'asynchyperband': 'ASHAScheduler',
    'hyperband': 'HyperBandScheduler',
    'median': 'MedianStoppingRule',
    'pbt': 'PopulationBasedTraining',
}
_PBT: Final = 'PopulationBasedTraining'
_OF_THE_SEARCH: Final = ('metric', 'mode', 'time_attr')
_EPOCH: Final = 'training_iteration'
"""What counts the reports of a trial: one for each epoch."""


def uses_checkpoints(search: Search) -> bool:
    """Whether the scheduler starts trials from checkpoints of others."""
    method = search.config.scheduler
    return method is not None and _SCHEDULERS.get(method.name) == _PBT


def unsupported(search: Search) -> list[str]:
    """What of a search Ray Tune cannot do, as far as that is known without Ray: a sentence each."""
    faults = []
    method, grid = search.config.search_alg, [param.name for param in search.space if param.type == 'grid_search']
    if method is not None and method.name not in (*_RANDOM, *_OPTUNA):
        near = suggest(method.name, ('random', 'optuna'))
        faults.append(f'there is no search_alg {method.name!r}, but random and optuna{f"; {near}" if near else ""}')
    if method is not None and method.name in _OPTUNA and grid:
        faults.append(f'optuna proposes the values of all parameters: {", ".join(grid)} must be of type choice')
    method = search.config.scheduler
    if method is not None and method.name not in _SCHEDULERS:
        near = suggest(method.name, _SCHEDULERS)
        names = ', '.join(_SCHEDULERS)
        faults.append(f'there is no scheduler {method.name!r}, but {names}{f"; {near}" if near else ""}')
    elif method is not None and _SCHEDULERS[method.name] == _PBT and method.options.get('synch'):
        faults.append('scheduler.options.synch: a trial that fails would let all others wait for it forever')
    return faults


def algorithm(search: Search, points: Sequence[Mapping[str, Any]] = ()) -> tuple[Any, int | None]:
    """What proposes parameters, and the limit of concurrent trials that is left to `TuneConfig`.

    Args:
        search: The search.
        points: Parameters to try first.

    Raises:
        LaunchError: It is not installed, or an option is not one of it. `unsupported` has accepted it.
    """
    method, config = search.config.search_alg or Method('random'), search.config
    first = [dict(point) for point in points] or None
    if method.name in _RANDOM:
        from ray.tune.search.basic_variant import BasicVariantGenerator

        _check(method, 'search_alg', ('seed',))
        limit = config.max_concurrent_trials or 0
        return BasicVariantGenerator(
            points_to_evaluate=first, max_concurrent=limit, random_state=method.options.get('seed')
        ), None
    try:
        import optuna  # noqa: F401 (Ray imports it later)
        from ray.tune.search.optuna import OptunaSearch
    except ImportError as error:
        raise LaunchError('optuna is not installed', hint='`pip install "synapse-hooks-ray[tune]"`') from error
    _check(method, 'search_alg', ('seed',))
    return OptunaSearch(
        metric=config.metric, mode=config.mode, points_to_evaluate=first, **method.options
    ), config.max_concurrent_trials


def scheduler(search: Search, params: Mapping[str, Any]) -> Any:
    """What ends trials early; None where they all finish.

    Args:
        search: The search.
        params: The parameters that all trials have.

    Raises:
        LaunchError: An option is not one of it, or cannot be used. `unsupported` has accepted it.
    """
    method = search.config.scheduler
    if method is None:
        return None
    from ray.tune import schedulers

    kind = getattr(schedulers, _SCHEDULERS[method.name])
    if kind is schedulers.MedianStoppingRule:
        kind = _median(kind)
    known = [name for name in inspect.signature(kind.__init__).parameters if name not in ('self', *_OF_THE_SEARCH)]
    _check(method, 'scheduler', known)
    options = dict(method.options)
    if 'time_attr' in inspect.signature(kind.__init__).parameters:
        options['time_attr'] = _EPOCH
    if 'max_t' in known and (epochs := _epochs(search, params)) and options.get('max_t') in (None, epochs):
        # A trial that reaches `max_t` is stopped, and one that has trained to its end has its result to make.
        options['max_t'] = epochs + 1
    if 'min_time_slice' in known:
        # Else it interrupts trials, so that all have their turn.
        options.setdefault('min_time_slice', math.inf)
    if kind.__name__ == _PBT:
        options.setdefault('hyperparam_mutations', _mutations(search))
        options.setdefault('perturbation_interval', 4)
    try:
        return kind(**options)
    except (TypeError, ValueError, AssertionError) as error:
        raise LaunchError(
            f'the scheduler {method.name} cannot be used with {repr_of(dict(method.options))}: {error}',
            hint='change `scheduler`',
        ) from error


def _median(kind: Any) -> Any:
    """The median rule, for trials that fail before their first epoch: it would look for the metric in their results."""

    class Median(kind):
        def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
            if self._metric in result:
                super().on_trial_complete(tune_controller, trial, result)

    return Median


def _check(method: Method, field: str, known: Sequence[str]) -> None:
    for name in method.options:
        if name in known:
            continue
        what = 'is given in tune_config' if name in ('metric', 'mode') else 'is not an option of it'
        raise LaunchError(
            f'tune_config.{field}.options.{name}: {what}',
            hint=suggest(name, known) or f'the options of {method.name} are {", ".join(known) or "none"}',
        )


def _epochs(search: Search, params: Mapping[str, Any]) -> int | None:
    """How many epochs a trial has at most, as far as that is known."""
    for param in search.space:
        if param.name == 'epochs':
            values = [value for _, value in param.examples if isinstance(value, int | float)]
            return int(max(values)) if values else None
    epochs = params.get('epochs')
    return epochs if isinstance(epochs, int) and epochs > 0 else None


def _mutations(search: Search) -> dict[str, Any]:
    """PBT draws from the same space; a grid is a choice for it."""
    space = param_space(search)
    grids = {param.name: list(param.options or ()) for param in search.space if param.type == 'grid_search'}
    return {**space, **grids}
