"""Amounts that are typed or written in settings: seconds and bytes."""

from __future__ import annotations

import math
import re
import threading
from contextlib import suppress
from typing import Any, Final

from synapse_hooks.errors import ConfigError

_UNITS: Final = {'': 1, 'K': 10**3, 'M': 10**6, 'G': 10**9, 'T': 10**12}


def seconds_of(value: Any, setting: str, *, least: float | None = None) -> float:
    """A deadline or an interval, from the value of a setting or a flag.

    Args:
        value: A number, or the text of one.
        setting: How to name the setting in a sentence.
        least: The least value; without it, anything above 0.

    Raises:
        ConfigError: It is something else, or less.
    """
    with suppress(ValueError):
        seconds = (
            math.nan if isinstance(value, bool) else float(value if isinstance(value, int | float) else str(value))
        )
        if (seconds > 0 or seconds == least) and seconds <= threading.TIMEOUT_MAX:
            return seconds
    bound = 'above 0' if least is None else f'of {least:g} or more'
    field = 'deadline' if least is None else 'system_seconds'
    raise ConfigError(
        f'{setting} must be a number of seconds {bound}, got {value!r}', hint='for example 3600', field=field
    )


def size_of(value: Any, setting: str) -> int:
    """Bytes, of a number with a unit or without.

    Args:
        value: A number, or a text such as `20G`.
        setting: How to name the setting in a sentence.

    Raises:
        ConfigError: It is neither.

    Example:
        >>> size_of('1.5G', '--to'), size_of('20 MB', '--to'), size_of(0, 'keep_conversions')
        (1500000000, 20000000, 0)
    """
    match = re.fullmatch(r'(\d+(?:\.\d+)?)\s*([KMGT]?)B?', str(value).strip(), re.IGNORECASE | re.ASCII)
    if match is None:
        field = setting.rpartition(' ')[2].lstrip('-')
        raise ConfigError(f'{setting}: expected a size, got {value!r}', hint='for example 5G, or 500M', field=field)
    return int(float(match[1]) * _UNITS[match[2].upper()])
