"""Tables as DataFrames of pandas or polars. Neither is a dependency: the one that is installed is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final

from synapse_hooks.errors import ConfigError

LIBRARIES: Final = ('pandas', 'polars')


def dataframe(columns: Mapping[str, Sequence[Any]], library: str | None = None) -> Any:
    """A DataFrame.

    Args:
        columns: The values by column; None is a missing value.
        library: `pandas` or `polars`; None takes the first of them that is installed.

    Raises:
        ConfigError: The library is not installed, or is neither of the two.
    """
    if library not in (None, *LIBRARIES):
        raise ConfigError(f'library must be pandas or polars, got {library!r}', library=library)
    installed = [name for name in LIBRARIES if find_spec(name) is not None and library in (None, name)]
    if not installed:
        raise ConfigError(
            f'a DataFrame needs {library}, which is not installed'
            if library
            else 'a DataFrame needs pandas or polars, and neither is installed',
            hint=f'pip install {library or "pandas"}',
            library=library,
        )
    module = import_module(installed[0])
    if installed[0] == 'polars':
        # A parameter may be a number in one run and a text in another.
        return module.DataFrame(
            {name: module.Series(name, _plain(values), strict=False) for name, values in columns.items()}
        )
    return module.DataFrame({name: _plain(values) for name, values in columns.items()})


def flat_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Nested JSON objects as columns: `{'params': {'epochs': 3}}` has the column `params.epochs`.

    Example:
        >>> flat_columns([{'name': 'a', 'params': {'epochs': 3}}, {'name': 'b', 'params': {}}])
        {'name': ['a', 'b'], 'params.epochs': [3, None]}
    """
    flat = [dict(_flat(row, '')) for row in rows]
    names = dict.fromkeys(name for row in flat for name in row)
    return {name: [row.get(name) for row in flat] for name in names}


def _flat(value: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for name, item in value.items():
        pairs += _flat(item, f'{prefix}{name}.') if isinstance(item, dict) else [(f'{prefix}{name}', item)]
    return pairs


def _plain(values: Sequence[Any]) -> list[Any]:
    """Values that any column may hold: a column with lists has them as text."""
    if any(isinstance(value, list | dict) for value in values):
        return [None if value is None else str(value) for value in values]
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) > 1 and not kinds <= {int, float}:
        return [None if value is None else str(value) for value in values]
    return list(values)
