"""`os._exit` in third-party code: it would end the command at once, without a result, perhaps with exit code 0."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

Report = Callable[[BaseException], object]


class ExitGuard:
    """Replaces `os._exit` in this process: an early exit is a failure, and is reported.

    In the main thread it raises SystemExit, so that a run is recorded as failed and cleaned up. Another thread, which
    may be a watchdog, ends the process after the report. In a forked child it is `os._exit`.
    """

    def __init__(self) -> None:
        self._exit: Final = os._exit
        self._pid: Final = os.getpid()
        self._report: Report | None = None
        self._code: int | None = None

    def install(self) -> None:
        """Replace `os._exit` for the rest of the process."""
        os._exit = self

    @contextmanager
    def on_early_exit(self, report: Report) -> Iterator[None]:
        """Call `report` with the error if the process exits within the block."""
        self._report = report
        try:
            yield
        finally:
            self._report = None

    def set_exit_code(self, code: int) -> int:
        """Set the exit code of the command that has ended. A later `os._exit(0)` does not change it."""
        self._code = code
        return code

    def __call__(self, status: int) -> NoReturn:
        if os.getpid() != self._pid:
            self._exit(status)
        if self._report is None:
            self._exit(self._code or status)
        error = SystemExit(f'os._exit({status!r}) was called, which ends a process without cleanup')
        if threading.current_thread() is threading.main_thread():
            raise error
        # An exception that is being handled is the reason for the exit.
        self._report(sys.exception() or error)
        self._exit(status or 1)


exit_guard: Final = ExitGuard()
"""The guard of this process."""
