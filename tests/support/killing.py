"""Ends this process by SIGKILL at the n-th thing that it does to the file system."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

WRITES = ('os.mkdir', 'os.rename', 'os.link', 'os.remove', 'os.rmdir', 'os.symlink', 'os.truncate', 'sqlite3.connect')


class Killer:
    """Counts events of the file system from now on; there is no way to stop it. Use it in a forked child.

    Args:
        at: The event before which the process dies; None or -1 only counts.
        torn: Count writing and syncing too; the write at which the process dies is done by half.
    """

    def __init__(self, at: int | None, *, torn: bool = False) -> None:
        self.at = at
        self.count = 0
        sys.addaudithook(self._watch)
        if torn:
            self._wrap()

    def _watch(self, event: str, args: tuple[Any, ...]) -> None:
        written = event == 'open' and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if event in WRITES or written:
            self._one()

    def _one(self) -> None:
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def _wrap(self) -> None:
        # Neither has an audit event.
        write, fsync = os.write, os.fsync

        def half(handle: int, data: Any) -> int:
            if self.count + 1 == self.at:
                write(handle, bytes(data)[: len(data) // 2])
            self._one()
            return write(handle, data)

        def counted(handle: Any) -> None:
            self._one()
            fsync(handle)

        os.write, os.fsync = half, counted  # type: ignore[assignment]
