"""Waiting for what another thread or process does."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Any

from synapse_hooks.errors import SynapseHooksError

PATIENCE = 180.0
"""Seconds, on a machine that does other work too."""
_NOT_YET = (OSError, ValueError, LookupError, SynapseHooksError)
"""What reading a file raises that is removed, renamed or rewritten meanwhile."""


def until(
    condition: Callable[[], object], process: subprocess.Popen[Any] | None = None, *, seconds: float = PATIENCE
) -> None:
    """Wait until a condition is true; one that raises because a file is not there or not whole is not true yet.

    Args:
        condition: Called again and again.
        process: A process that must not end before.
        seconds: How long to wait.
    """
    deadline = time.monotonic() + seconds
    raised: Exception | None = None
    while True:
        try:
            if condition():
                return
        except _NOT_YET as error:
            raised = error
        if process is not None and process.poll() is not None:
            out, err = process.communicate()
            raise AssertionError(f'it ended too early, with code {process.returncode}:\n{out}\n{err}') from raised
        if time.monotonic() > deadline:
            raise AssertionError(f'it has not happened after {seconds:g} seconds') from raised
        time.sleep(0.01)
