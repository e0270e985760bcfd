"""Writing a small file often: whole or not at all for every reader, without waiting for the disk."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

from synapse_hooks.storage.owner import aside


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that every reader finds the old content or the new one, also when this process is killed.

    It may be empty after a power failure: this is for what is written often and can be made again, and
    `synapse_hooks.storage.write_atomic` is for the rest.

    Raises:
        OSError: It cannot be written; the old content stays.
    """
    path.parent.mkdir(exist_ok=True)
    unfinished = aside(path)
    try:
        unfinished.write_bytes(data)
        # To rename over a file makes ext4 write the new one to the disk first, 4 ms instead of 0.1; to swap does not.
        if not _swap(unfinished, path):
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _swap(one: Path, other: Path) -> bool:
    """Swap two files in one step; False where the system cannot, or one of them is missing."""
    here, exchange = -100, 2
    call = _renameat2()
    return call is not None and call(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0


@cache
def _renameat2() -> Any:
    return getattr(ctypes.CDLL(None), 'renameat2', None) if sys.platform.startswith('linux') else None
