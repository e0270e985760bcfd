"""Images that are the same, byte by byte, whatever they are called.

A file whose size no other has is like no other, so only files that share their size are read. An image costs some
hundred bytes of memory: its name, its size, and a digest of 16 bytes.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from synapse_hooks.storage import open_regular

_DIGEST: Final = 16
_CHUNK: Final = 1024

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
        self._links: dict[tuple[int, int], bytes] = {}

    def add(self, file: str, split: str) -> None:
        """Take an image file.

        Raises:
            OSError: It is not there.
        """
        self._sizes.append(Path(file).stat().st_size)
        self._names += os.fsencode(file)
        self._ends.append(len(self._names))
        self._splits.append(self._numbers.setdefault(split, len(self._numbers)))

    def same(self, progress: Callable[[int, int], None] = lambda done, total: None) -> Iterator[list[Member]]:
        """Every group of two or more files with the same content, in the order in which they came.

        Args:
            progress: Called with how many files have been read, and of how many.
        """
        numbers = self._candidates()
        if not len(numbers):
            return
        digests = bytearray()
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            for start in range(0, len(numbers), _CHUNK):
                progress(start, len(numbers))
                digests += b''.join(pool.map(self._digest, numbers[start : start + _CHUNK].tolist()))
        progress(len(numbers), len(numbers))
        _, kinds, counts = np.unique(
            np.frombuffer(bytes(digests), dtype=f'S{_DIGEST}'), return_inverse=True, return_counts=True
        )
        shared = np.flatnonzero(counts[kinds] > 1)
        order = shared[np.argsort(kinds[shared], kind='stable')]
        groups = np.split(numbers[order], np.flatnonzero(np.diff(kinds[order])) + 1) if len(order) else []
        splits = list(self._numbers)
        for group in sorted(groups, key=lambda group: int(group[0])):
            yield [(splits[self._splits[number]], self._name(number)) for number in group.tolist()]

    def _candidates(self) -> npt.NDArray[np.int64]:
        if not self._sizes:
            return np.zeros(0, dtype=np.int64)
        _, kinds, counts = np.unique(
            np.frombuffer(self._sizes, dtype=np.int64), return_inverse=True, return_counts=True
        )
        return np.flatnonzero(counts[kinds] > 1)

    def _name(self, number: int) -> str:
        start = self._ends[number - 1] if number else 0
        return os.fsdecode(bytes(self._names[start : self._ends[number]]))

    def _digest(self, number: int) -> bytes:
        try:
            with open(open_regular(self._name(number)), 'rb') as file:
                status = os.fstat(file.fileno())
                place = (status.st_dev, status.st_ino)
                # Names of one file have one content.
                if status.st_nlink > 1 and place in self._links:
                    return self._links[place]
                found = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=_DIGEST)).digest()
        except OSError:
            # It was there a moment ago. It is like no other now.
            return number.to_bytes(_DIGEST, 'big')
        if status.st_nlink > 1:
            self._links[place] = found
        return found
