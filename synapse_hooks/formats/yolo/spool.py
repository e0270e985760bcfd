"""Label files that wait for the numbers of their classes.

A dataset that declares no classes tells them only when it has been read to its end. Rows are written aside without their
class, to one file after the other, and become label files in one go.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from pathlib import Path

Waiting = tuple[list[str], list[int], list[str], bytes, list[int]]
"""The files' paths, and `Labels`: how many rows each file has, their classes, the rest of them, and where that ends."""


class Spool:
    """Files in waiting.

    Args:
        file: Where they wait; it is made when there is something to wait, and removed when it was taken.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._open = None

    def put(self, files: Waiting) -> None:
        """Let some files wait."""
        if self._open is None:
            self._open = self._file.open('wb')
        # `marshal.dump` and `load` on a file go byte by byte.
        data = marshal.dumps(files)
        self._open.write(len(data).to_bytes(8, 'little'))
        self._open.write(data)

    def take(self) -> Iterator[Waiting]:
        """All of them, in the order in which they came."""
        if self._open is None:
            return
        self._open.close()
        with self._file.open('rb') as file:
            while size := file.read(8):
                yield marshal.loads(file.read(int.from_bytes(size, 'little')))
        self._file.unlink()
