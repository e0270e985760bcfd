"""Swapping two files or folders atomically: neither is missing at any time."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any


def exchange(one: Path, other: Path) -> bool:
    """Swap two files, or two folders. False where the system cannot, or one of them is missing."""
    here, swap = -100, 2
    call = _renameat2()
    return call is not None and call(here, os.fsencode(one), here, os.fsencode(other), swap) == 0


@cache
def _renameat2() -> Any:
    return getattr(ctypes.CDLL(None), 'renameat2', None) if sys.platform.startswith('linux') else None
