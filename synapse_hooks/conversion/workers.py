"""Worker processes: forked, so that they have what their parent has read, and need not discover plugins again.

A worker sends messages through a pipe. It ends when its parent wants it to, or is gone; it never outlives it for long.
Ctrl-C, SIGTERM and SIGHUP are the parent's to decide about.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn

from synapse_hooks.errors import DataError, SynapseHooksError
from synapse_hooks.portable import Carrier, is_portable
from synapse_hooks.safe_text import summary

if TYPE_CHECKING:
    # Importing it takes longer than a small conversion, which has no use for it.
    from multiprocessing.connection import Connection

    Work = Callable[[Connection], None]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK: Final = 0.5
"""Seconds after which a worker sees that its parent is gone, though it has nothing to send."""


class Worker:
    """A process at work, and the parent's end of its pipe."""

    def __init__(self, work: Work, others: Sequence[Worker]) -> None:
        from multiprocessing.connection import Pipe

        self.connection, theirs = Pipe()
        parent = os.getpid()
        with warnings.catch_warnings():
            # Python warns of forking beside threads. The child uses nothing that one of them may hold.
            warnings.simplefilter('ignore', DeprecationWarning)
            self.pid = os.fork()
        if self.pid == 0:
            # Otherwise no process would notice that the parent is gone.
            for other in (*others, self):
                other.connection.close()
            _work(work, theirs, parent)
        theirs.close()

    def send(self, content: Any) -> None:
        """Send a message. If the process has ended, `receive` raises its error."""
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(content)

    def receive(self) -> Any:
        """The next message.

        Raises:
            Exception: What the work raised.
            DataError: The process died; `pid` is 0 then.
        """
        try:
            kind, content = self.connection.recv()
        except (EOFError, OSError) as error:
            _, status = os.waitpid(self.pid, 0)
            self.pid = 0
            how = f'signal {os.WTERMSIG(status)}' if os.WIFSIGNALED(status) else f'exit code {os.WEXITSTATUS(status)}'
            raise DataError(
                f'a worker process ended unexpectedly ({how})',
                hint='if memory was short, use fewer: `--workers 1`',
            ) from error
        if kind == 'error':
            raise content.carried
        return content

    def end(self) -> None:
        """Kill the process if it is still there."""
        self.connection.close()
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
            self.pid = 0


@contextmanager
def workers(works: Sequence[Work]) -> Iterator[list[Worker]]:
    """A process for each piece of work; none is left when the block ends."""
    # What is buffered would be written by every child again.
    sys.stdout.flush()
    sys.stderr.flush()
    started: list[Worker] = []
    try:
        with _signals_held():
            for work in works:
                started.append(Worker(work, started))
        yield started
    finally:
        for worker in started:
            worker.end()


@contextmanager
def _signals_held() -> Iterator[None]:
    """Within the block Ctrl-C, SIGTERM and SIGHUP wait for its end.

    In the middle they would leave a worker unknown to the parent, or make one clean up as if it were the parent.
    """
    if threading.current_thread() is not threading.main_thread():
        # They never arrive here.
        yield
        return
    received: list[int] = []
    # No masks: the system would hand the signal to another thread.
    before = {number: signal.signal(number, lambda number, _frame: received.append(number)) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        for arrived in received:
            signal.raise_signal(arrived)


def ready(waiting: Sequence[Worker]) -> list[Worker]:
    """Wait until some of the workers have something to say, and return these in their order."""
    from multiprocessing.connection import wait

    answered = set(map(id, wait([worker.connection for worker in waiting])))
    return [worker for worker in waiting if id(worker.connection) in answered]


def send(connection: Connection, content: Any) -> None:
    """Send a message to the parent."""
    connection.send(('message', content))


def _work(work: Work, connection: Connection, parent: int) -> NoReturn:
    code = 1
    try:
        # They reach every process of a terminal or of a group; the parent ends its workers itself.
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        # What stands in their place is the parent's: a progress bar, whose lock one of its threads may hold.
        sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        work(connection)
        code = 0
    except (BrokenPipeError, EOFError):
        # The parent is gone, or wants no more.
        pass
    except BaseException as error:
        with suppress(OSError):
            connection.send(('error', Carrier(_portable(error))))
    finally:
        os._exit(code)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)


def _portable(error: BaseException) -> BaseException:
    if not is_portable(error):
        replacement = DataError(summary(error), hint='run again with `--workers 1` for the traceback')
        # Which plugin is to blame, and what was being read: otherwise the plugin that writes is blamed.
        vars(replacement).update(vars(error) | vars(replacement))
        return replacement
    if not isinstance(error, SynapseHooksError):
        error.add_note(f'in a worker process:\n{"".join(traceback.format_exception(error))}'.rstrip())
    return error
