"""The systems that this package runs on: those with the interface of POSIX, such as Linux."""

from __future__ import annotations

import os
from typing import Final

UNSUPPORTED: Final = (
    'synapse-hooks does not run on this system, which has no fork(): '
    'use Linux, or WSL on Windows (docs/install.md has what is known of each system)'
)


def is_supported() -> bool:
    """Whether more than `--help` works here."""
    return hasattr(os, 'fork')


def usable_cores() -> int:
    """The processor cores that this process may use; where the system does not say, those of the machine."""
    if hasattr(os, 'sched_getaffinity'):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
