"""Shares of an image's width and height as text, and back, a whole batch at once: `0.123456`."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

WIDTH = 9
"""Bytes of a number: a blank, one digit, the point, six digits."""
_SCALE = 1_000_000
_THOUSAND = np.uint32(1000)
_NUMBER = np.dtype({'names': ['blank', 'digits'], 'formats': ['S1', np.uint64], 'offsets': [0, 1], 'itemsize': WIDTH})
_DIGITS = [1, 3, 4, 5, 6, 7, 8]
_RANKS = 10.0 ** np.arange(6, -1, -1)
_ZERO = ord('0')
_TOGETHER = 8192
"""Numbers that are made together: what is computed on the way is to stay in the processor's cache."""


def digits(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Numbers from 0 to 1 with six decimals, each after a blank: `WIDTH` bytes a number, in rows as they come.

    Example:
        >>> digits(np.array([[0.5, 1.0, 0.1234567]])).tobytes()
        b' 0.500000 1.000000 0.123457'
        >>> digits(np.zeros((0, 4))).shape
        (0, 36)
    """
    numbers = shares.ravel()
    text = np.empty(len(numbers), _NUMBER)
    text['blank'] = b' '
    begins, ends = _eight_bytes()
    for start in range(0, len(numbers), _TOGETHER):
        low = np.rint(numbers[start : start + _TOGETHER] * _SCALE).astype(np.uint32)
        high = low // _THOUSAND
        low -= high * _THOUSAND
        text['digits'][start : start + _TOGETHER] = begins.take(high) | ends.take(low)
    return text.view(np.uint8).reshape(len(shares), shares.shape[1] * WIDTH)


def values(text: bytes) -> NDArray[np.float64]:
    """The numbers in a text that `digits` made, or in any that has a blank before each number.

    Example:
        >>> values(b' 0.500000 1.000000').tolist(), values(b' -0.500000 2').tolist(), values(b'').tolist()
        ([0.5, 1.0], [-0.5, 2.0], [])
    """
    if len(text) % WIDTH == 0:
        columns = np.frombuffer(text, np.uint8).reshape(-1, WIDTH)
        if (columns[:, 0] == ord(' ')).all() and (columns[:, 2] == ord('.')).all():
            return (columns[:, _DIGITS] - _ZERO) @ _RANKS / _SCALE
    return np.array(text.split(), dtype=np.bytes_).astype(np.float64)


@cache
def _eight_bytes() -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """`0.000` to `0.999` and `1.000`, and `000` to `999`, as the first and the last of eight bytes: joined by `|`."""
    begins = b''.join(b'%d.%03d\0\0\0' % divmod(number, 1000) for number in range(1001))
    ends = b''.join(b'\0\0\0\0\0%03d' % number for number in range(1000))
    return np.frombuffer(begins, np.uint64), np.frombuffer(ends, np.uint64)
