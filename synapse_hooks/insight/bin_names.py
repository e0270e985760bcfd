"""Names for the bins of histograms."""

from __future__ import annotations

from collections.abc import Callable

from synapse_hooks.insight.histograms import BUCKETS


def share_name(low: float | None, high: float | None) -> str:
    """The name of a bin of areas.

    Example:
        >>> share_name(None, 1e-5), share_name(1e-3, 1e-2), share_name(1.0, None)
        ('below 0.001 %', '0.1 - 1 %', '100 % and more')
    """
    if low is None or high is None:
        return _open(low, high, percent)
    return f'{percent(low).removesuffix(" %")} - {percent(high)}'


def ratio_name(low: float | None, high: float | None) -> str:
    """The name of a bin of aspect ratios.

    Example:
        >>> ratio_name(0.25, 0.5), ratio_name(1, 2), ratio_name(16, None)
        ('1:4 - 1:2', '1:1 - 2:1', '16:1 and more')
    """
    return _open(low, high, ratio) if low is None or high is None else f'{ratio(low)} - {ratio(high)}'


def count_name(low: float | None, high: float | None) -> str:
    """The name of a bin of whole numbers.

    Example:
        >>> count_name(None, 1), count_name(3, 4), count_name(5, 10), count_name(200, None)
        ('0', '3', '5 - 9', '200 and more')
    """
    if low is None or high is None:
        return '0' if low is None else f'{low:g} and more'
    return f'{low:g}' if high == low + 1 else f'{low:g} - {high - 1:g}'


def bucket_name(name: str) -> str:
    """The name of a range of box sizes.

    Example:
        >>> bucket_name('small'), bucket_name('large')
        ('small, below 32 x 32 px', 'large')
    """
    limit = BUCKETS[name]
    return name if limit is None else f'{name}, below {limit**0.5:g} x {limit**0.5:g} px'


def percent(share: float) -> str:
    """A share in percent, with two digits."""
    return f'{share * 100:.2g}'.replace('1e+02', '100').replace('1e-03', '0.001') + ' %'


def ratio(value: float) -> str:
    """A ratio, with 1 as the smaller number."""
    return f'{value:.3g}:1' if value >= 1 else f'1:{1 / value:.3g}'


def _open(low: float | None, high: float | None, name: Callable[[float], str]) -> str:
    return f'{name(low)} and more' if low is not None else f'below {name(high or 0)}'
