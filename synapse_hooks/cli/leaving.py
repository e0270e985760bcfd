"""`os._exit` in foreign code: it would end the command at once, without an answer, perhaps with the exit code 0."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

Report = Callable[[BaseException], object]


class ExitGuard:
    """Takes the place of `os._exit` in this process: what leaves early is a failure, with an answer.

    In the main thread it raises SystemExit, so that a run is recorded as failed and cleaned up. Another thread, which
    may be a watchdog, ends the process after the report. In a forked child it is `os._exit`.
    """

    def __init__(self) -> None:
        self._exit: Final = os._exit
        self._pid: Final = os.getpid()
        self._report: Report | None = None
        self._code: int | None = None

    def install(self) -> None:
        """From now on, for the rest of the process."""
        os._exit = self

    @contextmanager
    def reporting(self, report: Report) -> Iterator[None]:
        """Within the block a command is at work, and `report` prints its answer where it is ended early."""
        self._report = report
        try:
            yield
        finally:
            self._report = None

    def ends_with(self, code: int) -> int:
        """The command has ended with this exit code. What leaves now, at the interpreter's exit, cannot better it."""
        self._code = code
        return code

    def __call__(self, status: int) -> NoReturn:
        if os.getpid() != self._pid:
            self._exit(status)
        if self._report is None:
            self._exit(self._code or status)
        error = SystemExit(f'os._exit({status!r}) was called, which ends a process without any cleaning up')
        if threading.current_thread() is threading.main_thread():
            raise error
        # What is being handled is the reason, where there is such.
        self._report(sys.exception() or error)
        self._exit(status or 1)


exit_guard: Final = ExitGuard()
"""The guard of this process."""
