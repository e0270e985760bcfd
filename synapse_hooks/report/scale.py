"""The axis of a plot: its range, its ticks, and numbers as they are written beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_DECADES: Final = 3
"""Values that are all above zero, and further apart than these powers of ten, get a logarithmic axis."""

_MOST: Final = 1e250
"""Larger values are drawn at the edge; with them, the length of an axis would overflow."""


@dataclass(frozen=True)
class Scale:
    """A linear or logarithmic axis from `low` to `high`, which differ.

    Example:
        >>> axis = Scale.of([0.2, 0.9])
        >>> axis.ticks(4), round(axis.place(0.9), 2)
        ([0.2, 0.4, 0.6, 0.8], 1.0)
        >>> Scale.of([0.001, 50], margin=0.01).ticks(4)
        [0.001, 0.01, 0.1, 1.0, 10.0]
    """

    low: float
    high: float
    logarithmic: bool = False

    @classmethod
    def of(cls, values: Iterable[float], *, margin: float = 0.0, may_be_logarithmic: bool = True) -> Scale:
        """The axis that finite values need.

        Args:
            values: At least one.
            margin: The share of its length that is added at both ends; without it, the axis is linear.
            may_be_logarithmic: Whether it is, if the values are of many magnitudes.
        """
        values = list(values)
        low, high = (min(max(end, -_MOST), _MOST) for end in (min(values), max(values)))
        if low == high:
            around = abs(low) / 10 or 1.0
            return cls(low - around, high + around)
        if may_be_logarithmic and margin and low > 1 / _MOST and math.log10(high) - math.log10(low) >= _DECADES:
            factor = 10 ** ((math.log10(high) - math.log10(low)) * margin)
            return cls(low / factor, high * factor, logarithmic=True)
        around = (high - low) * margin
        # An axis of what is never negative does not show negative numbers.
        return cls(max(low - around, 0.0) if low >= 0 else low - around, high + around)

    def place(self, value: float) -> float:
        """Where a value is: 0 at `low`, 1 at `high`."""
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)

    def ticks(self, most: int, *, whole: bool = False) -> list[float]:
        """Round numbers within the axis, about `most` of them; `whole` are integers only."""
        if self.logarithmic:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            powers = range(first, last + 1, max(1, math.ceil((last - first + 1) / (most + 1))))
            return [10.0**power for power in powers]
        step = _round_step((self.high - self.low) / most)
        step = max(step, 1.0) if whole else step
        numbers = range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
        return [float(f'{number * step:.12g}') for number in numbers]


def _round_step(width: float) -> float:
    power = 10.0 ** math.floor(math.log10(width))
    return power * next((factor for factor in (1, 2, 5) if factor * power >= width * 0.75), 10)


def number_text(value: float) -> str:
    """A number as it is shown: four digits, as far as they count.

    Example:
        >>> number_text(12000), number_text(0.00012345), number_text(0.5), number_text(float('nan'))
        ('12,000', '0.0001234', '0.5', 'nan')
    """
    if math.isfinite(value) and (value == round(value) and abs(value) < 1e7):
        return f'{round(value):,}'
    return f'{value:,.1f}' if 1000 <= abs(value) < 1e7 else f'{value:.4g}'
