"""A process aside, in which something may hang, take all memory or die, and which is given work many times."""

from __future__ import annotations

import faulthandler
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Generic, ParamSpec, Self, TypeVar

from synapse_hooks.conversion.workers import Worker, send, workers
from synapse_hooks.errors import DataError

_BY_THE_CLOCK = 6

P = ParamSpec('P')
T = TypeVar('T')


class Died(Exception):
    """The process did not answer. `how` is `hang` or `crash`; the text says where it was."""

    def __init__(self, how: str, text: str) -> None:
        super().__init__(text)
        self.how = how


class Sandbox(Generic[P, T]):
    """Calls a function in a forked process, with a deadline and a limit of memory.

    The process is used again until something goes wrong in it. Arguments and results are pickled.

    Args:
        work: The function.
        folder: A folder for what the process says when it hangs.
        seconds: How much of a processor's time one call may take, and a sixth of what it may take by the clock: a
            machine may do much else.
        memory: By how many bytes the process may grow beyond what it has when it begins.
        calls: After how many calls a fresh process takes over: memory in pieces is not a leak.

    Example:
        >>> with Sandbox(lambda number: number * 2, getfixture('tmp_path')) as sandbox:
        ...     sandbox(21)
        42
    """

    def __init__(
        self,
        work: Callable[P, T],
        folder: Path,
        *,
        seconds: float = 5.0,
        memory: int = 300 << 20,
        calls: int = 500,
    ) -> None:
        self.work = work
        self.seconds = seconds
        self.memory = memory
        self.calls = calls
        self._stacks = folder / 'stacks.txt'
        self._opened = ExitStack()
        self._worker: Worker | None = None
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function returns.

        Raises:
            Died: It takes too long, or its process is gone.
            Exception: What the function raises.
        """
        if self._worker is None or self._count >= self.calls:
            self.end()
            (self._worker,) = self._opened.enter_context(workers([self._serve]))
            self._count = 0
        self._count += 1
        worker = self._worker
        worker.send((args, kwargs))
        # Its own watchdog writes first where it hangs.
        if not worker.connection.poll(self.seconds * _BY_THE_CLOCK * 1.5 + 1):
            self.end()
            raise Died('hang', f'it takes more than {self.seconds:g} s\n{self._where()}')
        try:
            result: T = worker.receive()
        except DataError as error:
            # It has no process any more.
            died = not worker.pid
            self.end()
            if not died:
                raise
            if where := self._where():
                raise Died('hang', f'it takes more than {self.seconds:g} s\n{where}') from error
            raise Died('crash', error.problem) from error
        except Exception:
            self.end()
            raise
        return result

    def end(self) -> None:
        """End the process; the next call begins another."""
        self._opened.close()
        self._worker = None

    def _where(self) -> str:
        """The frames of the process when it was ended by its watchdog, innermost first; empty where it was not."""
        text = self._stacks.read_text(errors='replace') if self._stacks.exists() else ''
        frames = text.rpartition('(most recent call first):\n')[2].splitlines()
        ours = next((place for place, line in enumerate(frames) if __file__ in line), len(frames))
        return '\n'.join(frames[:ours])

    def _serve(self, connection: Connection) -> None:
        limit_memory(self.memory)
        with open(os.devnull, 'w') as silence, self._stacks.open('w') as stacks:
            sys.stdout = sys.stderr = silence
            os.dup2(silence.fileno(), 1)
            os.dup2(silence.fileno(), 2)
            # It says where it is, and dies of the signal.
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            faulthandler.register(signal.SIGPROF, stacks, chain=True)
            while True:
                args, kwargs = connection.recv()
                signal.setitimer(signal.ITIMER_PROF, self.seconds)
                faulthandler.dump_traceback_later(self.seconds * _BY_THE_CLOCK, file=stacks, exit=True)
                result = self.work(*args, **kwargs)
                faulthandler.cancel_dump_traceback_later()
                signal.setitimer(signal.ITIMER_PROF, 0)
                send(connection, result)


def limit_memory(more: int) -> None:
    """Let this process grow by so many bytes of address space, and no more: then it meets a MemoryError."""
    state = Path('/proc/self/statm')
    if not state.exists():
        # Only Linux says how large it is.
        return
    pages = int(state.read_text().split()[0])
    soft = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (soft, resource.getrlimit(resource.RLIMIT_AS)[1]))
