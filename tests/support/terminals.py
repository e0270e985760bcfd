"""What a process writes to a terminal."""

from __future__ import annotations

import os


def read_terminal(descriptor: int) -> str:
    """Everything that is written until the other end of a pseudo-terminal is closed; then it is closed here, too."""
    written = b''
    try:
        while piece := os.read(descriptor, 1 << 16):
            written += piece
    except OSError:
        # How the other end of a terminal is closed.
        pass
    os.close(descriptor)
    return written.decode()
