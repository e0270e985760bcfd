"""SIGTERM ends a run as Ctrl-C does: through an exception, so that everything is cleaned up on the way out."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from synapse_hooks.errors import Terminated


@contextmanager
def terminate_raises() -> Iterator[None]:
    """While the block runs, SIGTERM raises `Terminated` in the main thread; elsewhere this changes nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        # None: it was not Python that had set it, and Python cannot set it back.
        signal.signal(signal.SIGTERM, signal.SIG_DFL if previous is None else previous)


def _raise(_number: int, _frame: FrameType | None) -> None:
    # A second SIGTERM must not be caught by the clean-up of the first.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Terminated('SIGTERM')
