"""Shares of an image's width and height as text, a whole batch at once: `0.123456`."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

WIDTH = 9
"""Bytes of a number: a blank, one digit, the point, six digits."""
_SCALE = 1_000_000
_THOUSAND = np.uint32(1000)
_NUMBER = np.dtype([('begin', 'V3'), ('high', 'V3'), ('low', 'V3')])
_BEGIN = np.frombuffer(b' 0. 1.', 'V3')


def digits(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Numbers from 0 to 1 with six decimals, each after a blank: `WIDTH` bytes a number, in rows as they come.

    Example:
        >>> digits(np.array([[0.5, 1.0, 0.1234567]])).tobytes()
        b' 0.500000 1.000000 0.123457'
        >>> digits(np.zeros((0, 4))).shape
        (0, 36)
    """
    # Three bytes at a time are copied as one value, which is several times as quick as byte by byte.
    whole = np.rint(shares.ravel() * _SCALE).astype(np.uint32)
    high = whole // _THOUSAND
    low = whole - high * _THOUSAND
    ones = np.flatnonzero(high == _THOUSAND)
    high[ones] = 0
    text = np.empty(len(whole), _NUMBER)
    table = _thousand()
    text['begin'], text['high'], text['low'] = _BEGIN[0], table.take(high), table.take(low)
    text['begin'][ones] = _BEGIN[1]
    return text.view(np.uint8).reshape(len(shares), shares.shape[1] * WIDTH)


@cache
def _thousand() -> NDArray[np.void]:
    """The digits of 000 to 999."""
    return np.frombuffer(b''.join(b'%03d' % number for number in range(1000)), 'V3')
