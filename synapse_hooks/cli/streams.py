"""Standard output and standard error whose writes never raise, so that output problems never fail a command.

If a pipe is closed, a disk is full or a terminal is gone, the code that prints (this package, `warnings`, rich, a
training, the interpreter at exit) continues, and the output is lost.
"""

from __future__ import annotations

import atexit
import io
import os
import select
import sys
from contextlib import suppress
from errno import EDQUOT, EFBIG, ENOSPC
from typing import Final, TextIO

# After these errors there may be space again; any other one is permanent.
_FULL: Final = (ENOSPC, EDQUOT, EFBIG)


def protect() -> None:
    """Replace `sys.stdout` and `sys.stderr` by streams that never raise, for the rest of the process.

    Descriptors 0 to 2 that were closed when the process started become the null device: otherwise the next file that
    is opened would be standard output. A stream that other code has put in place, such as a test, stays. At exit
    the streams are put back, also if other code has replaced them, so that the exit code is that of the command.
    """
    null = os.open(os.devnull, os.O_RDWR)
    while null < 3:
        os.set_inheritable(null, True)
        null = os.dup(null)
    os.close(null)
    for descriptor, name in ((1, 'stdout'), (2, 'stderr')):
        stream = _protected(getattr(sys, name), descriptor)
        for place in (name, f'__{name}__'):
            setattr(sys, place, stream)
        atexit.register(setattr, sys, name, stream)


class ProtectedStream(io.TextIOWrapper):
    """A text stream whose writes never raise. A letter that its encoding lacks is written as an escape.

    Args:
        descriptor: The file descriptor. It stays open when the stream is closed.
        like: Encoding and buffering are those of this stream; None is UTF-8, in blocks.
    """

    def __init__(self, descriptor: int, like: TextIO | None = None) -> None:
        self._raw = _Descriptor(descriptor)
        if like is not None:
            self._raw.name = like.name
        unbuffered = getattr(like, 'write_through', False)
        super().__init__(
            # With `python -u` nothing is buffered.
            self._raw if unbuffered else io.BufferedWriter(self._raw),
            encoding='utf-8' if like is None else like.encoding,
            errors='backslashreplace',
            line_buffering=getattr(like, 'line_buffering', False),
            write_through=unbuffered,
        )

    def failure(self) -> OSError | None:
        """The error that has lost output since the last call, or None. A permanent error is returned each time."""
        self.flush()
        error = self._raw.error
        if error is not None and error.errno in _FULL:
            self._raw.error = None
        return error

    def close(self) -> None:
        """Flush: the standard streams stay open, even when closed."""
        if not self.closed:
            self.flush()


class _Descriptor(io.FileIO):
    """A file descriptor whose writes never raise; the last error is kept."""

    error: OSError | None = None

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, 'w', closefd=False)

    def write(self, data: object) -> int:
        rest = memoryview(data).cast('B')  # type: ignore[arg-type]
        size = len(rest)
        try:
            while rest:
                written = super().write(rest)
                if written is None:
                    # Another process made the pipe non-blocking, and it is full.
                    select.select([], [self], [])
                rest = rest[written or 0 :]
        except OSError as error:
            self.error = error
            if error.errno not in _FULL:
                self._redirect_to_null()
        return size

    def _redirect_to_null(self) -> None:
        """Point the descriptor to the null device, for every writer in this process, native code too."""
        with suppress(OSError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)


def _protected(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:
        return ProtectedStream(descriptor)
    try:
        own = stream.fileno() == descriptor
    except (OSError, ValueError, AttributeError):
        own = False
    if not own or isinstance(stream, ProtectedStream):
        return stream
    with suppress(OSError):
        stream.flush()
    _REPLACED.append(stream)
    return ProtectedStream(descriptor, stream)


_REPLACED: Final[list[TextIO]] = []
"""References to the replaced streams: a stream that is garbage collected would close its descriptor."""
