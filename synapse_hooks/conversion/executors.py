"""Where the shards of a conversion are written: one after the other in this process, or in several at once."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from synapse_hooks.conversion.workers import ready, send, workers

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

R = TypeVar('R')
Report = Callable[[int], None]
"""Called with how many more samples were written."""


class Executor(Protocol):
    """Runs tasks. What a task returns can be pickled."""

    def map(self, tasks: Sequence[Callable[[Report], R]], report: Report) -> list[R]:
        """What the tasks return, in their order.

        Args:
            tasks: Each is called with a function that it reports its progress to.
            report: Called in this process with the progress of all of them.

        Raises:
            Exception: What a task has raised: of several, the first in the order of the tasks.
        """


class Serial:
    """One task after the other, in this process."""

    def map(self, tasks: Sequence[Callable[[Report], R]], report: Report) -> list[R]:
        """See `Executor.map`."""
        return [task(report) for task in tasks]


class Fork:
    """Every task in a process of its own, which has what this one has read already."""

    def map(self, tasks: Sequence[Callable[[Report], R]], report: Report) -> list[R]:
        """See `Executor.map`."""
        gc.freeze()
        try:
            return self._results([partial(_work, task) for task in tasks], report)
        finally:
            gc.unfreeze()

    def _results(self, works: Sequence[Callable[[Connection], None]], report: Report) -> list[Any]:
        results: dict[int, Any] = {}
        failed: dict[int, BaseException] = {}
        with workers(works) as started:
            while True:
                # The first failure in the order of the dataset is reported, whichever is quicker.
                last = min(failed, default=len(started))
                waiting = [worker for number, worker in enumerate(started[:last]) if number not in results]
                if not waiting:
                    break
                for worker in ready(waiting):
                    number = started.index(worker)
                    try:
                        content = worker.receive()
                    except Exception as error:
                        if not worker.pid:
                            # It was killed, which says nothing of the dataset.
                            raise
                        failed[number] = error
                        continue
                    if isinstance(content, _Result):
                        results[number] = content.value
                    else:
                        report(content)
            if failed:
                raise failed[min(failed)]
        return [results[number] for number in range(len(works))]


class _Result:
    def __init__(self, value: Any) -> None:
        self.value = value


def _work(task: Callable[[Report], Any], connection: Connection) -> None:
    """What a worker process does."""
    gc.disable()
    send(connection, _Result(task(partial(send, connection))))
