"""Values of a framework as the journal takes them, for autologgers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from synapse_hooks.safe_text import text_of

_LONGEST: Final = 500
"""Characters of a text."""
_MANY: Final = 1000
"""Items of a list."""


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """What is a number, as a float, for `log_metrics`; anything else (a curve, a tensor of several values) is left out.

    Args:
        values: Numbers of Python, numpy or torch, by name, among other values.

    Example:
        >>> numbers({'loss': 1, 'curve': [1, 2], 'best': None})
        {'loss': 1.0}
    """
    found = {}
    for name, value in values.items():
        try:
            found[str(name)] = float(value)
        except (TypeError, ValueError, OverflowError, RuntimeError):
            continue
    return found


def json_value(value: Any) -> Any:
    """A value for `log_params`: JSON as it is, numbers of numpy and torch as numbers, everything else as text.

    The journal does so too, but with the `repr` of an object, and later than a framework may change it.

    Args:
        value: Anything. Texts of other values are shortened to about 500 characters, and so are lists of more than
            1000 items.

    Example:
        >>> json_value({'rate': 0.1, 'shape': (2, 3), 'gain': 1j, 'limit': float('inf')})
        {'rate': 0.1, 'shape': [2, 3], 'gain': '1j', 'limit': 'inf'}
    """
    if getattr(value, 'ndim', None) == 0 and callable(item := getattr(value, 'item', None)):
        value = item()
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Mapping):
        return {str(key): json_value(one) for key, one in value.items()}
    if isinstance(value, list | tuple) and len(value) <= _MANY:
        return [json_value(one) for one in value]
    return ' '.join(text_of(value, _LONGEST).split())
