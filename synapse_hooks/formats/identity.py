"""What identifies the input of a conversion: equal digests, equal input."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable


class Identity:
    """Takes note of everything that is read, block by block.

    Of documents and labels it is every byte. Of images, which are linked and never read as a whole, it is their size in
    bytes and when they were changed, to the nanosecond: what tells a changed file from an unchanged one without a look
    inside. Blocks are the same however many processes read them, so the digest is too.
    """

    def __init__(self) -> None:
        self.blocks: list[bytes] = []
        self._texts: list[bytes] = []
        self._files = array('q')

    def note_text(self, text: bytes) -> None:
        """Take note of a document."""
        self._texts.append(text)

    def note_file(self, size: int, changed: int) -> None:
        """Take note of an image: its bytes, and when it was changed, in nanoseconds."""
        self._files.append(size)
        self._files.append(changed)

    def close_block(self, names: Iterable[str]) -> None:
        """The block is read; `names` are the ids and splits of its items."""
        block = hashlib.sha256(b''.join(self._texts))
        block.update(array('q', map(len, self._texts)).tobytes() + self._files.tobytes())
        block.update('\0'.join(names).encode(errors='surrogatepass'))
        self.blocks.append(block.digest())
        self._texts.clear()
        self._files = array('q')


def joined(blocks: Iterable[bytes]) -> str:
    """The digest of all blocks, in hex."""
    return hashlib.sha256(b''.join(blocks)).hexdigest()
