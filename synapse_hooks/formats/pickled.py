"""One dictionary as `numpy.save` writes it, piece by piece: no object is made of what is in it.

To make and pickle the arrays of many images takes long and much memory, while their bytes are there already. Every
array is told by the same few instructions, and what is the same in all of them is told once, in `save`.

Rules: `pickletools` (protocol 3), `numpy.lib.format` (version 1.0), `ndarray.__reduce__`.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np

_KEYS: Final = ('im_file', 'shape', 'cls', 'bboxes', 'segments', 'keypoints', 'normalized', 'bbox_format', 'xywh')
"""Texts that are in every label."""
KEY: Final = {name: b'h%c' % (3 + number) for number, name in enumerate(_KEYS)}
"""How each of them is told."""
NONE: Final = b'N'
TRUE: Final = b'\x88'
_ARRAY: Final = b'h\0h\1R(K\1%b%bh\2\x89B%b%btb'
_SIDES: Final = {1: b'\x85', 2: b'\x86', 3: b'\x87'}


def save(content: Mapping[str, Iterable[bytes]]) -> Iterator[bytes]:
    """The file that `numpy.load(..., allow_pickle=True).item()` reads as a dictionary.

    Args:
        content: Its keys and values, in order; a value is told in pieces.

    Example:
        >>> data = b''.join(save({'labels': many([floats(bytes(8), 2, 1)]), 'version': [plain('1')]}))
        >>> found = np.load(io.BytesIO(data), allow_pickle=True).item()
        >>> found['labels'][0].tolist(), found['version']
        ([[0.0], [0.0]], '1')
    """
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {'descr': '|O', 'fortran_order': False, 'shape': ()})
    reduced: Any = np.zeros(0).__reduce__()
    told_once = [plain(value) for value in (*reduced[:2], np.dtype(np.float32), *_KEYS)]
    yield header.getvalue() + b'\x80\x03'
    yield b''.join(b'%bq%c0' % (value, number) for number, value in enumerate(told_once))
    yield b'h\0h\1R(K\1)%b\x89](}(' % plain(np.dtype(object))
    for key, value in content.items():
        yield plain(key)
        yield from value
    yield b'uetb.'


def plain(value: Any) -> bytes:
    """A value as pickle tells it."""
    out = io.BytesIO()
    pickler = pickle.Pickler(out, 3)
    # Nothing is numbered: the numbers are those of what is told once.
    pickler.fast = True
    pickler.dump(value)
    return out.getvalue()[2:-1]


def many(values: Iterable[bytes]) -> Iterator[bytes]:
    """A list."""
    yield b']('
    yield from values
    yield b'e'


def text(value: str) -> bytes:
    """A text."""
    data = value.encode('utf-8', 'surrogatepass')
    return b'X' + len(data).to_bytes(4, 'little') + data


def number(value: int) -> bytes:
    """A number of at most 31 bits."""
    return b'J' + value.to_bytes(4, 'little')


def pair(first: int, second: int) -> bytes:
    """A tuple of two numbers."""
    return number(first) + number(second) + b'\x86'


def floats(data: bytes, *shape: int) -> bytes:
    """An array of 32-bit floats.

    Args:
        data: Its bytes, in C order.
        shape: One to three sides.
    """
    sides = b''.join([number(side) for side in shape])
    return _ARRAY % (sides, _SIDES[len(shape)], len(data).to_bytes(4, 'little'), data)
