"""A search, as a backend sends it or a file has it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.searches.config import SearchConfig, config_of
from synapse_hooks.searches.faults import Faults
from synapse_hooks.searches.space import SearchParam, space_of

if TYPE_CHECKING:
    from synapse_hooks.launches import Resources

MODELS: Final = ('best', 'all', 'none')
"""Which trials' models are uploaded."""
_FORM: Final = ('hyperparameters', 'tune_config', 'is_tune')
_HINT: Final = (
    'write `hyperparameters: [{name: lr, type: uniform, min: 0.01, max: 0.1}]` and '
    '`tune_config: {metric: loss, mode: min, num_samples: 10}`'
)


@dataclass(frozen=True)
class Search:
    """What a launcher needs to know of a search.

    Example:
        >>> search, params = search_of({
        ...     'dataset': 176,
        ...     'hyperparameters': [{'name': 'lr', 'type': 'uniform', 'min': 0.01, 'max': 0.1}],
        ...     'tune_config': {'metric': 'mAP50', 'mode': 'max', 'num_samples': 4, 'scheduler': 'asha'},
        ... })
        >>> search.names, search.config.scheduler.name, params
        (['lr'], 'asha', {'dataset': 176})
    """

    space: tuple[SearchParam, ...]
    """The parameters that are searched."""
    config: SearchConfig
    """How, and what is best."""
    models: str = 'best'
    """Which trials' models are uploaded: `best`, `all` or `none`."""

    @property
    def names(self) -> list[str]:
        """The names of the parameters that are searched."""
        return [param.name for param in self.space]

    @property
    def example(self) -> dict[str, Any]:
        """Parameters that a trial may have."""
        return {param.name: param.examples[0][1] for param in self.space}

    @property
    def total(self) -> int:
        """How many trials there are: `num_samples`, for every point of the grid."""
        grid = math.prod(len(param.options or ()) for param in self.space if param.type == 'grid_search')
        return self.config.num_samples * grid

    def to_dict(self) -> dict[str, Any]:
        """The form in which a backend sends it, and `models`."""
        space = [param.to_dict() for param in self.space]
        return {'hyperparameters': space, 'tune_config': self.config.to_dict(), 'models': self.models}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Search:
        """The search that `to_dict` wrote.

        Raises:
            ParamsError: It is not one.
        """
        return search_of({name: values.get(name) for name in _FORM}, models=values.get('models') or 'best')[0]


@dataclass(frozen=True)
class SearchRequest:
    """A search, and who does it."""

    search: Search
    """What is searched, and how."""
    launcher: str | None = None
    """The name of the launcher that runs the trials; None is the only one that is installed."""
    resources: Resources | None = None
    """What each trial gets, and where."""


def search_of(
    form: Any, config: Mapping[str, Any] | None = None, *, models: str = 'best'
) -> tuple[Search, dict[str, Any]]:
    """A search, and the parameters that all of its trials have.

    Args:
        form: What a backend sends: `hyperparameters`, `tune_config` and parameters; or the list `hyperparameters`.
        config: Fields of `tune_config` that take precedence.
        models: Which trials' models are uploaded.

    Raises:
        ParamsError: Every fault, with field, value and rule.
    """
    faults = Faults()
    whole = form if isinstance(form, Mapping) else {'hyperparameters': form}
    space = space_of(whole.get('hyperparameters'), faults)
    given = whole.get('tune_config')
    given = {} if given is None else given
    found = config_of({**given, **(config or {})} if isinstance(given, Mapping) else given, faults)
    if models not in MODELS:
        faults.add('models', models, f'must be one of {", ".join(MODELS)}')
    params = {name: value for name, value in whole.items() if name not in _FORM}
    for param in space:
        if param.name in params:
            faults.add(param.name, params[param.name], 'is searched, so it cannot have a value')
    faults.check(_HINT)
    return Search(space, found, models), params
