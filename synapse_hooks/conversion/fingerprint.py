"""What identifies the input of a conversion: equal digests, equal input."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Sequence


class Fingerprint:
    """Takes note of everything that is read, shard by shard, in blocks that do not depend on the number of processes.

    Of documents and labels it is every byte. Of images, which are linked and never read as a whole, it is their size in
    bytes and when they were changed, to the nanosecond: changed files are recognised without being read.
    Blocks are the same however many processes read them, so the digest is too.
    """

    def __init__(self) -> None:
        self._texts = hashlib.sha256()
        self._lengths = array('q')
        self._files = array('q')
        self.digests: list[bytes] = []
        """Of each block that is closed."""

    def add_bytes(self, data: bytes) -> None:
        """Take note of a document. It is not kept: right after it was read it is in the processor's cache."""
        self._texts.update(data)
        self._lengths.append(len(data))

    @property
    def has_content(self) -> bool:
        """Whether anything but images was noted since the last block."""
        return bool(self._lengths)

    def add_file(self, size: int, changed: int) -> None:
        """Take note of an image: its bytes, and when it was changed, in nanoseconds."""
        self._files.append(size)
        self._files.append(changed)

    def close_block(self, names: Sequence[str]) -> None:
        """The block is read; `names` are what its items are called."""
        counts = array('q', (len(self._lengths), len(self._files)))
        for rest in (counts, self._lengths, self._files, '\0'.join(names).encode(errors='replace')):
            self._texts.update(rest)
        self.digests.append(self._texts.digest())
        self._texts = hashlib.sha256()
        self._lengths = array('q')
        self._files = array('q')


def joined(blocks: Iterable[bytes]) -> str:
    """The digest of all blocks, in hex."""
    return hashlib.sha256(b''.join(blocks)).hexdigest()
