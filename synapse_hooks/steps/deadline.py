"""A deadline for a stage: one that hangs is ended, with the processes that it started.

At the deadline the main thread gets an exception, as Ctrl-C would raise one. It comes a second time, since the code
that hangs may have caught the first. A stage that is still there after a grace period is in native code that does not
return: then the whole process must end.
"""

from __future__ import annotations

import os
import signal
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from traceback import walk_stack, walk_tb
from types import FrameType
from typing import Final

from synapse_hooks.errors import DeadlineExceeded
from synapse_hooks.steps.processes import Processes

_SIGNAL: Final = signal.SIGVTALRM
"""Hardly anything else uses it, and it interrupts a system call that waits."""
AGAIN: Final = 5.0
"""Seconds until the exception is raised again."""
GRACE: Final = 10.0
"""Seconds after the deadline when the process is given up."""
_LIBRARY: Final = sysconfig.get_path('stdlib')
_RUNNER: Final = 'synapse_hooks.steps.orchestrator'
_OWN: Final = ('synapse_hooks', 'pluggy')


class Overdue(KeyboardInterrupt):
    """Raised within a stage at its deadline. Code that does not catch Ctrl-C does not catch this."""


class Deadline:
    """Watches the main thread, from `start` to `stop`.

    Args:
        stage: The name of the stage.
        seconds: How long it may take.
        give_up: Called, in another thread, where the stage could not be ended.
    """

    def __init__(self, stage: str, seconds: float, give_up: Callable[[DeadlineExceeded], None]) -> None:
        self.has_passed = False
        """Whether the stage has taken longer."""
        self.stage = stage
        self.seconds = seconds
        self._give_up = give_up
        self._stopped = threading.Event()

    def start(self) -> None:
        """Begin to count."""
        self._earlier = Processes.of_this_one()
        self._thread = threading.Thread(target=self._watch, name=f'deadline-{self.stage}', daemon=True)
        self._previous = signal.signal(_SIGNAL, self._interrupt)
        self._thread.start()

    def stop(self) -> None:
        """The stage is over: from here on nothing is raised."""
        self._stopped.set()
        self._thread.join()
        signal.signal(_SIGNAL, signal.SIG_DFL if self._previous is None else self._previous)

    def exceeded(self, frames: Iterable[tuple[FrameType, int]]) -> DeadlineExceeded:
        """The error for a stage that was in these frames, outermost first; the processes that it started are killed."""
        self._earlier.kill_later_ones()
        place = f'; it was in {place}' if (place := _place(frames)) else ''
        return DeadlineExceeded(
            f'stage {self.stage!r} took longer than its deadline of {self.seconds:g} s{place}',
            hint=f'find out what it waited for, or give it more time: `--deadline {self.stage}=SECONDS`',
            step=self.stage,
            seconds=self.seconds,
        )

    def _watch(self) -> None:
        if self._stopped.wait(self.seconds):
            return
        self.has_passed = True
        end = time.monotonic() + GRACE
        while time.monotonic() < end:
            signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)
            if self._stopped.wait(AGAIN):
                return
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        self._give_up(self.exceeded(reversed(list(walk_stack(frame)))))

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.has_passed and not self._stopped.is_set():
            raise Overdue(f'the deadline of stage {self.stage!r}')
        if callable(self._previous):
            self._previous(number, frame)


@contextmanager
def deadline(stage: str, seconds: float | None, give_up: Callable[[DeadlineExceeded], None]) -> Iterator[Deadline]:
    """While the block runs, its time is limited. In another thread than the main one, it is not.

    Args:
        stage: The name of the stage.
        seconds: How long the block may take; None for any time.
        give_up: Called, in another thread, where the block could not be ended by an exception. It ends the process.

    Raises:
        DeadlineExceeded: From the exception that was raised within the block, even where the block caught it.
    """
    watch = Deadline(stage, seconds or 0.0, give_up)
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield watch
        return
    caught: BaseException | None = None
    watch.start()
    try:
        try:
            yield watch
        finally:
            watch.stop()
    except BaseException as error:
        # The exception may have arrived at the first attempt to stop.
        watch.stop()
        is_cancelled = isinstance(error, KeyboardInterrupt) and not isinstance(error, Overdue)
        if is_cancelled or not watch.has_passed:
            raise
        caught = error
    if watch.has_passed:
        raise watch.exceeded(walk_tb(caught.__traceback__ if caught else None)) from caught


def _place(frames: Iterable[tuple[FrameType, int]]) -> str:
    """File and line of the innermost code outside of this package and Python's library, if the stage has any."""
    place = ''
    for frame, line in frames:
        file, module = frame.f_code.co_filename, str(frame.f_globals.get('__name__'))
        is_library = file.startswith(f'{_LIBRARY}{os.sep}') and 'site-packages' not in file
        if module == _RUNNER:
            # What is outside of it called the run.
            place = ''
        elif not is_library and module.partition('.')[0] not in _OWN:
            place = f'{file}, line {line}'
    return place
