"""Values of transformers as the journal takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_TIMES: Final = ('_runtime', '_per_second', '_model_preparation_time')


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """What is a number, as a float; without the epoch, which is not a metric."""
    found = {}
    for name, value in values.items():
        try:
            found[str(name)] = float(value)
        except (TypeError, ValueError, RuntimeError):  # a tensor of several values
            continue
    for name in ('epoch', 'step'):
        found.pop(name, None)
    return found


def scores(values: Mapping[str, Any]) -> dict[str, float]:
    """The numbers that say how good a model is, without those that say how fast it was."""
    return {name: value for name, value in numbers(values).items() if not name.endswith(_TIMES)}


def plain(value: Any) -> Any:
    """JSON values as they are, everything else as text."""
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and value - value == 0):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return str(value)
