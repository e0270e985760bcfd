"""The metrics among what transformers logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from synapse_hooks.autologgers.values import numbers

_TIMES: Final = ('_runtime', '_per_second', '_model_preparation_time')
_PLACES: Final = ('epoch', 'step')
"""Where a training is, which is not a metric."""


def metrics(values: Mapping[str, Any]) -> dict[str, float]:
    """The numbers without epoch and step."""
    return {name: value for name, value in numbers(values).items() if name not in _PLACES}


def scores(values: Mapping[str, Any]) -> dict[str, float]:
    """The metrics that say how good a model is, without those that say how fast it was."""
    return {name: value for name, value in metrics(values).items() if not name.endswith(_TIMES)}
