"""A process that an action forks has no part in the run: its files are the parent's."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def parent_only() -> Iterator[None]:
    """A process that was forked within the block ends where it would leave the block.

    Otherwise `if os.fork() == 0: sys.exit()` in an action would end the run a second time, in the child: it would
    record the outcome, roll back, and remove what the parent is writing. The exit code is the one that the interpreter
    would end with.
    """
    pid = os.getpid()
    code = 0
    try:
        yield
    except BaseException as error:
        if os.getpid() == pid:
            raise
        code = _told(error)
    if os.getpid() != pid:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(code)


def _told(error: BaseException) -> int:
    """Print what the interpreter would print; returns the exit code that it would end with."""
    if isinstance(error, SystemExit):
        if isinstance(error.code, int | None):
            return (error.code or 0) & 0xFF
        with suppress(Exception):
            sys.stderr.write(f'{error.code}\n')
        return 1
    with suppress(Exception):
        traceback.print_exception(error)
    return 1
