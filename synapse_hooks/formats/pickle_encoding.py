"""A file with one pickled dictionary, as `numpy.save` writes it, built from encoded pieces instead of Python objects.

To make and pickle arrays for many images takes much time and memory, while their bytes are available already. The
encoding of an array is the same few instructions around its bytes. What all arrays have in common is encoded once, at
the beginning of the file (see `npy_file`), and referred to by number afterwards.

Rules: `pickletools` (protocol 3), `numpy.lib.format` (version 1.0), `ndarray.__reduce__`.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import numpy as np

_KEYS: Final = ('im_file', 'shape', 'cls', 'bboxes', 'segments', 'keypoints', 'normalized', 'bbox_format', 'xywh')
"""Texts that occur in every label of ultralytics' cache."""
KEY: Final = {name: b'h%c' % (3 + number) for number, name in enumerate(_KEYS)}
"""The encoding of each of them: a reference to the one at the beginning of the file."""
NONE: Final = b'N'
"""The encoding of `None`."""
TRUE: Final = b'\x88'
"""The encoding of `True`."""
_ARRAY: Final = b'h\0h\1R(K\1%b%bh\2\x89B%b%btb'
_SIDES: Final = {1: b'\x85', 2: b'\x86', 3: b'\x87'}


def npy_file(content: Mapping[str, Iterable[bytes]]) -> Iterator[bytes]:
    """The pieces of a file that `numpy.load(..., allow_pickle=True).item()` reads as a dictionary.

    Args:
        content: Its keys and values, in order; each value is the pieces of its encoding.

    Example:
        >>> content = {'labels': list_of([float_array(bytes(8), 2, 1)]), 'version': [any_value('1')]}
        >>> data = b''.join(npy_file(content))
        >>> found = np.load(io.BytesIO(data), allow_pickle=True).item()
        >>> found['labels'][0].tolist(), found['version']
        ([[0.0], [0.0]], '1')
    """
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {'descr': '|O', 'fortran_order': False, 'shape': ()})
    reduced: Any = np.zeros(0).__reduce__()
    shared = [any_value(value) for value in (*reduced[:2], np.dtype(np.float32), *_KEYS)]
    yield header.getvalue() + b'\x80\x03'
    yield b''.join(b'%bq%c0' % (value, number) for number, value in enumerate(shared))
    yield b'h\0h\1R(K\1)%b\x89](}(' % any_value(np.dtype(object))
    for key, value in content.items():
        yield any_value(key)
        yield from value
    yield b'uetb.'


def any_value(value: Any) -> bytes:
    """The encoding of any value. It is slow: the functions below are for what occurs in every item."""
    out = io.BytesIO()
    pickler = pickle.Pickler(out, 3)
    # Without references of its own: the numbers belong to what is encoded once.
    pickler.fast = True
    pickler.dump(value)
    return out.getvalue()[2:-1]


def list_of(values: Iterable[bytes]) -> Iterator[bytes]:
    """The encoding of a list, from those of its values."""
    yield b']('
    yield from values
    yield b'e'


def text(value: str) -> bytes:
    """The encoding of a text."""
    data = value.encode('utf-8', 'surrogatepass')
    return b'X' + len(data).to_bytes(4, 'little') + data


def int32(value: int) -> bytes:
    """The encoding of a whole number from 0 to 2**31 - 1."""
    return b'J' + value.to_bytes(4, 'little')


def int_pair(first: int, second: int) -> bytes:
    """The encoding of a tuple of two such numbers."""
    return int32(first) + int32(second) + b'\x86'


def float_array(data: bytes, *shape: int) -> bytes:
    """The encoding of an array of little-endian 32-bit floats.

    Args:
        data: Its bytes, in C order.
        shape: Its one to three sides.
    """
    sides = b''.join([int32(side) for side in shape])
    return _ARRAY % (sides, _SIDES[len(shape)], len(data).to_bytes(4, 'little'), data)
