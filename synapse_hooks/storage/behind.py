"""Writing and linking many small files beside the work that makes them."""

# A Path for each of a million files costs more than writing it.
from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

_THREADS = 2
_AHEAD = 8


class Behind:
    """Does pieces of work in threads: what the system does for them needs no Python.

    Errors are raised by a later `do`, or by `finish`. Pieces are done in any order.
    """

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: deque[Future[Any]] = deque()

    def do(self, work: Callable[..., Any], *args: Any) -> None:
        """Call `work(*args)` soon; wait where too much is to be done already."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(_THREADS)
        self._waiting.append(self._pool.submit(work, *args))
        while len(self._waiting) > _AHEAD:
            self._waiting.popleft().result()

    def finish(self) -> None:
        """Wait until everything is done."""
        while self._waiting:
            self._waiting.popleft().result()
        self.close()

    def close(self) -> None:
        """Begin nothing more, and wait for what is being done, whatever comes of it."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None
        self._waiting.clear()


def write_new(files: Sequence[tuple[str, bytes]]) -> None:
    """Write files that must not exist yet: path and content of each. The folders are there.

    Raises:
        FileExistsError, OSError: From the operating system.
    """
    for file, content in files:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            while content:
                content = content[os.write(handle, content) :]
        finally:
            os.close(handle)
