"""Shares of an image's width and height as text, a whole batch at once: `0.123456`."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

WIDTH = 9
"""Bytes of a number: a blank, one digit, the point, six digits."""
_SCALE = 1_000_000


def digits(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Numbers from 0 to 1 with six decimals, each after a blank: `WIDTH` bytes a number, in rows as they come.

    Example:
        >>> digits(np.array([[0.5, 1.0, 0.1234567]])).tobytes()
        b' 0.500000 1.000000 0.123457'
        >>> digits(np.zeros((0, 4))).shape
        (0, 36)
    """
    whole = np.rint(shares.ravel() * _SCALE).astype(np.int64)
    text = np.empty((len(whole), WIDTH), np.uint8)
    text[:, 0] = ord(' ')
    text[:, 1] = ord('0') + whole // _SCALE
    text[:, 2] = ord('.')
    high, low = np.divmod(whole % _SCALE, 1000)
    table = _thousand()
    text[:, 3:6] = table[high]
    text[:, 6:9] = table[low]
    return text.reshape(len(shares), shares.shape[1] * WIDTH)


@cache
def _thousand() -> NDArray[np.uint8]:
    """The digits of 000 to 999."""
    numbers = np.arange(1000)
    return (np.stack([numbers // 100, numbers // 10 % 10, numbers % 10], axis=1) + ord('0')).astype(np.uint8)
