"""Label files that wait for the numbers of their classes.

A dataset that declares no classes tells them only when it has been read to its end. Rows are written aside without their
class, to one file after the other, and become label files in one go.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from pathlib import Path

Waiting = tuple[str, list[str], list[bytes]]
"""The label file's path, the classes of its rows, and the rest of each row."""


class Spool:
    """Files in waiting.

    Args:
        file: Where they wait; it is made when there is something to wait, and removed when it was taken.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._open = None

    def put(self, files: list[Waiting]) -> None:
        """Let some files wait."""
        if self._open is None:
            self._open = self._file.open('wb')
        marshal.dump(files, self._open)

    def take(self) -> Iterator[list[Waiting]]:
        """All of them, in the order in which they came."""
        if self._open is None:
            return
        self._open.close()
        with self._file.open('rb') as file:
            while True:
                try:
                    yield marshal.load(file)
                except EOFError:
                    break
        self._file.unlink()
