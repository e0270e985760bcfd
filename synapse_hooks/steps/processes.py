"""Processes that an action starts: a fork does not write into the run, whose files are the parent's; ending them."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


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
        code = _print_and_exit_code(error)
    if os.getpid() != pid:
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        os._exit(code)


def _print_and_exit_code(error: BaseException) -> int:
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


class Processes:
    """The processes that descend from this one, at some moment.

    Args:
        known: Their numbers and when each began: a reused number has another time.
    """

    def __init__(self, known: frozenset[tuple[int, str]]) -> None:
        self._known = known

    @classmethod
    def of_this_one(cls) -> Processes:
        """Those that there are now."""
        return cls(frozenset(descendants()))

    def kill_later_ones(self) -> None:
        """Kill those that have appeared since, and their own."""
        for pid, began in descendants():
            if (pid, began) not in self._known and not _is_shared(pid):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)


def descendants() -> Iterator[tuple[int, str]]:
    """The processes that descend from this one, parents first: the number and start time of each.

    Where there is no /proc, only those of `multiprocessing`.
    """
    parents: dict[int, list[tuple[int, str]]] = {}
    for folder in Path('/proc').glob('[0-9]*'):
        with suppress(OSError, IndexError, ValueError):
            # The second field is the program's name in parentheses, which may hold anything, parentheses too.
            fields = (folder / 'stat').read_text(errors='replace').rpartition(')')[2].split()
            parents.setdefault(int(fields[1]), []).append((int(folder.name), fields[19]))
    if not parents:
        import multiprocessing

        yield from ((child.pid or 0, '') for child in multiprocessing.active_children())
    waiting = [os.getpid()]
    while waiting:
        for pid, began in parents.get(waiting.pop(), ()):
            yield pid, began
            waiting.append(pid)


def _is_shared(pid: int) -> bool:
    """Whether a process keeps account of shared memory for all others: it ends by itself, after them."""
    with suppress(OSError):
        return b'resource_tracker' in Path(f'/proc/{pid}/cmdline').read_bytes()
    return False
