"""A queue on disk: values are appended to a temporary file, and read back in the same order."""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


class Spool:
    """A queue of lists, tuples, numbers and strings that are too many for the memory.

    Args:
        file: The file; it is created by the first `put`, and removed when everything was read. Values that it has
            already come first.

    Example:
        >>> spool = Spool(getfixture('tmp_path') / 'waiting')
        >>> spool.put(['a', 1])
        >>> list(spool.take())
        [['a', 1]]
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._open: IO[bytes] | None = None

    def put(self, value: Any) -> None:
        """Append a value."""
        if self._open is None:
            self._open = self.file.open('ab')
        # `marshal.dump` and `load` on a file go byte by byte.
        data = marshal.dumps(value)
        self._open.write(len(data).to_bytes(8, 'little'))
        self._open.write(data)

    def close(self) -> None:
        """End writing: a spool of the same file, in another process too, can read it."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def take(self) -> Iterator[Any]:
        """All values, in the order in which they were written."""
        self.close()
        if not self.file.exists():
            return
        with self.file.open('rb') as file:
            while size := file.read(8):
                yield marshal.loads(file.read(int.from_bytes(size, 'little')))
        self.file.unlink()
