"""The shards of a dataset that is still being exported: one process adds them to a file, another one reads them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import msgspec

_LOOK: Final = 0.02
"""Seconds between two looks at a file that nothing was added to."""
_END: Final = b'null\n'


class Arrivals:
    """Adds shards to a file as they arrive, a line for each.

    Args:
        file: Where; it must not exist.

    Example:
        >>> arrivals = Arrivals(getfixture('tmp_path') / 'arrivals.jsonl')
        >>> arrivals.add({'documents': ['1.json']})
        >>> arrivals.end()
        >>> arrivals.close()
        >>> list(arrived_shards(arrivals.file))
        [{'documents': ['1.json']}]
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lines: IO[bytes] = file.open('xb', buffering=0)

    def add(self, shard: Any) -> None:
        """Add a shard whose files are complete.

        Args:
            shard: What the source of the dataset's format needs to read it, as JSON values.
        """
        self._lines.write(msgspec.json.encode(shard) + b'\n')

    def end(self) -> None:
        """No more shards will arrive."""
        self._lines.write(_END)

    def close(self) -> None:
        """Close the file; without `end`, its readers wait."""
        self._lines.close()


def arrived_shards(file: Path) -> Iterator[Any]:
    """The shards that `Arrivals` has added, and then each one that it adds, until there are no more.

    Args:
        file: That of `Arrivals`.
    """
    with file.open('rb') as lines:
        line = b''
        while line != _END:
            line += lines.readline()
            if not line.endswith(b'\n'):
                time.sleep(_LOOK)
            elif line != _END:
                yield msgspec.json.decode(line)
                line = b''
