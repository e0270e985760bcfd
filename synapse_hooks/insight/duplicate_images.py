"""Images with equal content, under any name.

Only files of equal size are read: small ones completely; of larger ones both ends first, and the whole file if the ends
are equal. An image takes some hundred bytes of memory: its name, its size, and a digest of 16 bytes.
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
"""Bytes at either end of a file; they differ for most files."""
_BLOCK: Final = 1 << 18

Numbers = npt.NDArray[np.int64]
Digests = npt.NDArray[np.bytes_]
Digester = Callable[[int, int], bytes]
"""Digests an open file; the arguments are its handle and its size in bytes."""

Member = tuple[str, str]
"""An image's split ('' for none) and file."""


class DuplicateImages:
    """Collects image files, and finds those with equal content."""

    def __init__(self) -> None:
        self._names = bytearray()
        self._ends = array('Q')
        self._sizes = array('q')
        self._splits = array('H')
        self._numbers: dict[str, int] = {}

    def add(self, file: str, split: str) -> None:
        """Add an image file.

        Raises:
            OSError: The file does not exist.
        """
        self._sizes.append(os.stat(file).st_size)
        self._names += os.fsencode(file)
        self._ends.append(len(self._names))
        self._splits.append(self._numbers.setdefault(split, len(self._numbers)))

    def groups(self, progress: Callable[[int, int], None] = lambda done, total: None) -> Iterator[list[Member]]:
        """Every group of two or more files with equal content, in the order in which they were added.

        Args:
            progress: Called with the number of files read, and the number to read.
        """
        if not self._sizes:
            return
        sizes = np.frombuffer(self._sizes, dtype=np.int64)
        numbers = _repeated(sizes)
        digests = self._digests(numbers, _both_ends, map, lambda done: progress(done, len(numbers)))
        shared = _repeated(digests)
        numbers, digests = numbers[shared], digests[shared]
        large = np.flatnonzero(sizes[numbers] > 2 * _END)
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            digests[large] = self._digests(
                numbers[large], _whole_file, pool.map, lambda done: progress(done, len(large))
            )
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
        self, numbers: Numbers, read: Digester, each: Callable[..., Iterator[bytes]], progress: Callable[[int], None]
    ) -> Digests:
        """The digest of each file: `read` applied by `each`, which is a `map`."""
        digests, links = bytearray(), dict[tuple[int, int], bytes]()
        for start in range(0, len(numbers), _CHUNK):
            progress(start)
            digests += b''.join(each(partial(self._digest, read, links), numbers[start : start + _CHUNK].tolist()))
        if not digests:
            return np.zeros(0, dtype=f'S{_DIGEST}')
        progress(len(numbers))
        return np.frombuffer(digests, dtype=f'S{_DIGEST}')

    def _digest(self, read: Digester, links: dict[tuple[int, int], bytes], number: int) -> bytes:
        try:
            handle = open_regular(self._name(number))
            try:
                status = os.fstat(handle)
                place = (status.st_dev, status.st_ino)
                # Hard links to one file have equal content.
                if status.st_nlink > 1 and place in links:
                    return links[place]
                digest = read(handle, status.st_size)
            finally:
                os.close(handle)
        except OSError:
            # It was removed meanwhile: it gets a digest of its own.
            return number.to_bytes(_DIGEST, 'big')
        if status.st_nlink > 1:
            links[place] = digest
        return digest


def _repeated(values: npt.NDArray[Any]) -> Numbers:
    """The indices of values that occur more than once."""
    _, kinds, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[kinds] > 1)


def _both_ends(handle: int, size: int) -> bytes:
    if size <= 2 * _END:
        return _whole_file(handle, size)
    digest = hashlib.blake2b(os.pread(handle, _END, 0), digest_size=_DIGEST)
    digest.update(os.pread(handle, _END, size - _END))
    return digest.digest()


def _whole_file(handle: int, size: int) -> bytes:
    digest = hashlib.blake2b(digest_size=_DIGEST)
    while data := os.read(handle, min(size + 1, _BLOCK)):
        digest.update(data)
    return digest.digest()
