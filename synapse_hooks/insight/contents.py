"""Images that are the same, byte by byte, whatever they are called.

Files of different sizes differ, so only files that share their size are read: small ones completely; of larger ones the
two ends first, and those completely whose ends are the same. An image takes some hundred bytes of memory: its name, its
size, and a digest of 16 bytes.
"""

# A Path for each of a million files costs more than asking for its size.
# ruff: noqa: PTH116

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synapse_hooks.storage import open_regular

_DIGEST: Final = 16
_CHUNK: Final = 1024
_END: Final = 1 << 15
"""Bytes at either end of a file that tell most files apart."""
_BLOCK: Final = 1 << 18

Numbers = npt.NDArray[np.int64]
Digests = npt.NDArray[np.bytes_]
Read = Callable[[int, int], bytes]
"""Digests an open file; the arguments are its handle and its size in bytes."""

Member = tuple[str, str]
"""An image's split ('' for none) and file."""


class Contents:
    """Collects image files, and finds those that are the same."""

    def __init__(self) -> None:
        self._names = bytearray()
        self._ends = array('Q')
        self._sizes = array('q')
        self._splits = array('H')
        self._numbers: dict[str, int] = {}

    def add(self, file: str, split: str) -> None:
        """Add an image file.

        Raises:
            OSError: It is not there.
        """
        self._sizes.append(os.stat(file).st_size)
        self._names += os.fsencode(file)
        self._ends.append(len(self._names))
        self._splits.append(self._numbers.setdefault(split, len(self._numbers)))

    def same(self, progress: Callable[[int, int], None] = lambda done, total: None) -> Iterator[list[Member]]:
        """Every group of two or more files with the same content, in the order in which they came.

        Args:
            progress: Called with how many files have been read, and how many are to be read.
        """
        if not self._sizes:
            return
        sizes = np.frombuffer(self._sizes, dtype=np.int64)
        numbers = _shared(sizes)
        digests = self._digests(numbers, _both_ends, map, lambda done: progress(done, len(numbers)))
        shared = _shared(digests)
        numbers, digests = numbers[shared], digests[shared]
        large = np.flatnonzero(sizes[numbers] > 2 * _END)
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            digests[large] = self._digests(numbers[large], _whole, pool.map, lambda done: progress(done, len(large)))
        _, kinds, counts = np.unique(digests, return_inverse=True, return_counts=True)
        shared = np.flatnonzero(counts[kinds] > 1)
        order = shared[np.argsort(kinds[shared], kind='stable')]
        groups = np.split(numbers[order], np.flatnonzero(np.diff(kinds[order])) + 1) if len(order) else []
        splits = list(self._numbers)
        for group in sorted(groups, key=lambda group: int(group[0])):
            yield [(splits[self._splits[number]], self._name(number)) for number in group.tolist()]

    def _name(self, number: int) -> str:
        start = self._ends[number - 1] if number else 0
        return os.fsdecode(bytes(self._names[start : self._ends[number]]))

    def _digests(
        self, numbers: Numbers, read: Read, each: Callable[..., Iterator[bytes]], progress: Callable[[int], None]
    ) -> Digests:
        """What `read` makes of each file, called by `each`, a `map`."""
        found, links = bytearray(), dict[tuple[int, int], bytes]()
        for start in range(0, len(numbers), _CHUNK):
            progress(start)
            found += b''.join(each(partial(self._digest, read, links), numbers[start : start + _CHUNK].tolist()))
        if not found:
            return np.zeros(0, dtype=f'S{_DIGEST}')
        progress(len(numbers))
        return np.frombuffer(found, dtype=f'S{_DIGEST}')

    def _digest(self, read: Read, links: dict[tuple[int, int], bytes], number: int) -> bytes:
        try:
            handle = open_regular(self._name(number))
            try:
                status = os.fstat(handle)
                place = (status.st_dev, status.st_ino)
                # Names of one file have one content.
                if status.st_nlink > 1 and place in links:
                    return links[place]
                found = read(handle, status.st_size)
            finally:
                os.close(handle)
        except OSError:
            # It was removed meanwhile: it gets a digest that no other file has.
            return number.to_bytes(_DIGEST, 'big')
        if status.st_nlink > 1:
            links[place] = found
        return found


def _shared(values: npt.NDArray[Any]) -> Numbers:
    """The places of values that are there more than once."""
    _, kinds, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[kinds] > 1)


def _both_ends(handle: int, size: int) -> bytes:
    if size <= 2 * _END:
        return _whole(handle, size)
    digest = hashlib.blake2b(os.pread(handle, _END, 0), digest_size=_DIGEST)
    digest.update(os.pread(handle, _END, size - _END))
    return digest.digest()


def _whole(handle: int, size: int) -> bytes:
    digest = hashlib.blake2b(digest_size=_DIGEST)
    while data := os.read(handle, min(size + 1, _BLOCK)):
        digest.update(data)
    return digest.digest()
