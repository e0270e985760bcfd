"""A separate process for calls that may hang, exceed a memory limit or crash; it is used for many calls."""

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
from synapse_hooks.portable import PortableException

_WALL_CLOCK_FACTOR = 6

P = ParamSpec('P')
T = TypeVar('T')


class WorkerDied(PortableException):
    """The process did not respond. `how` is `hang` or `crash`; the message has its stack if it is known."""

    def __init__(self, how: str, text: str) -> None:
        super().__init__(text)
        self.how = how


class Sandbox(Generic[P, T]):
    """Calls a function in a forked process, with a deadline and a limit of memory.

    The process is used again until something goes wrong in it. Arguments and results are pickled.

    Args:
        work: The function.
        folder: A folder for the stack that the process writes when it hangs.
        seconds: The CPU time that one call may take. The wall-clock limit is six times as much, since the machine may
            be busy.
        memory: By how many bytes the process may grow after its start.
        calls: After how many calls a new process is started, so that memory fragmentation is not taken for a leak.

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
        self._resources = ExitStack()
        self._worker: Worker | None = None
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function in the process, and return its result.

        Raises:
            WorkerDied: The call takes too long, or the process has crashed.
            Exception: An error that the function raises.
        """
        if self._worker is None or self._count >= self.calls:
            self.stop()
            (self._worker,) = self._resources.enter_context(workers([self._run_worker]))
            self._count = 0
        self._count += 1
        worker = self._worker
        worker.send((args, kwargs))
        # The watchdog of the process has a shorter limit, so that it can write its stack.
        if not worker.connection.poll(self.seconds * _WALL_CLOCK_FACTOR * 1.5 + 1):
            self.stop()
            raise WorkerDied('hang', f'it takes more than {self.seconds:g} s\n{self._stack()}')
        try:
            result: T = worker.receive()
        except DataError as error:
            # Without a pid, the process has ended.
            died = not worker.pid
            self.stop()
            if not died:
                raise
            if where := self._stack():
                raise WorkerDied('hang', f'it takes more than {self.seconds:g} s\n{where}') from error
            raise WorkerDied('crash', error.problem) from error
        except Exception:
            self.stop()
            raise
        return result

    def stop(self) -> None:
        """End the process; the next call starts another one."""
        self._resources.close()
        self._worker = None

    def _stack(self) -> str:
        """The frames of the process when its watchdog ended it, innermost first; empty if it did not."""
        text = self._stacks.read_text(errors='replace') if self._stacks.exists() else ''
        frames = text.rpartition('(most recent call first):\n')[2].splitlines()
        ours = next((place for place, line in enumerate(frames) if __file__ in line), len(frames))
        return '\n'.join(frames[:ours])

    def _run_worker(self, connection: Connection) -> None:
        limit_memory(self.memory)
        with open(os.devnull, 'w') as silence, self._stacks.open('w') as stacks:
            sys.stdout = sys.stderr = silence
            os.dup2(silence.fileno(), 1)
            os.dup2(silence.fileno(), 2)
            # On the signal it writes its stack and ends.
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            faulthandler.register(signal.SIGPROF, stacks, chain=True)
            while True:
                args, kwargs = connection.recv()
                signal.setitimer(signal.ITIMER_PROF, self.seconds)
                faulthandler.dump_traceback_later(self.seconds * _WALL_CLOCK_FACTOR, file=stacks, exit=True)
                result = self.work(*args, **kwargs)
                faulthandler.cancel_dump_traceback_later()
                signal.setitimer(signal.ITIMER_PROF, 0)
                send(connection, result)


def limit_memory(more: int) -> None:
    """Limit the growth of the address space of this process to so many bytes; beyond that, MemoryError is raised."""
    state = Path('/proc/self/statm')
    if not state.exists():
        # The current size is only known on Linux.
        return
    pages = int(state.read_text().split()[0])
    soft = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (soft, resource.getrlimit(resource.RLIMIT_AS)[1]))
