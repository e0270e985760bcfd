"""The numbers among the values of ultralytics."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def numbers(values: Iterable[tuple[str, Any]]) -> dict[str, float]:
    """What is a number, as a float; anything else (a curve, None) is left out."""
    found = {}
    for name, value in values:
        try:
            found[str(name)] = float(value)
        except (TypeError, ValueError):
            continue
    return found
