"""SIGTERM and SIGHUP end a run as Ctrl-C does: through an exception, so that everything is cleaned up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from synapse_hooks.errors import Terminated

SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)
"""The signals that end a run, besides Ctrl-C."""


@contextmanager
def terminate_raises() -> Iterator[None]:
    """While the block runs, SIGTERM and SIGHUP raise `Terminated` in the main thread; elsewhere this changes nothing.

    The exception comes once, so that nothing interrupts the cleaning up: a second SIGTERM ends the process at once,
    and a second SIGHUP is ignored (a shell repeats that of its terminal). A signal that is ignored, as SIGHUP is under
    `nohup`, stays ignored. Within another such block this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    if any(isinstance(handler, _Handler) for handler in handlers.values()):
        yield
        return
    handle = _Handler()
    taken = {number: handler for number, handler in handlers.items() if handler is not signal.SIG_IGN}
    for number in taken:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in taken.items():
            # None: it was not Python that had set it, and Python cannot set it back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


class _Handler:
    """Raises for the first signal."""

    _has_raised = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGHUP:
            signal.signal(number, signal.SIG_IGN)
        else:
            signal.signal(number, signal.SIG_DFL)
        if not self._has_raised:
            self._has_raised = True
            raise Terminated(signal.Signals(number).name)
