"""Asking before something is removed."""

from __future__ import annotations

import os
import sys

from synapse_hooks.terminal import sanitized, write_stderr


def is_confirmed(question: str) -> bool:
    """Whether the user agrees. Without a terminal nothing is asked, and the answer is yes: a script means it."""
    if not (os.isatty(0) and os.isatty(2)):
        return True
    write_stderr(f'{sanitized(question)} [y/N]')
    return sys.stdin.readline().strip().lower() in ('y', 'yes')
