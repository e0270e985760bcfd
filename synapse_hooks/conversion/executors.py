"""Where the shards of a conversion are written: in this process, in several, or where a plugin runs them.

A plugin publishes an executor as an entry point in the group `synapse_hooks.executors`, under the name that the option
`--executor` and the setting `executor` give: a class or function that is called with the number of workers, or None,
and returns an `Executor`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from synapse_hooks.conversion.workers import ready, send, workers
from synapse_hooks.errors import ConfigError, PluginBroken, suggest
from synapse_hooks.safe_text import summary

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

GROUP: Final = 'synapse_hooks.executors'
"""The entry points of executors."""
BUILTIN: Final = ('serial', 'fork')
"""The executors that are always there: in this process, and in several processes of this machine."""
R = TypeVar('R')
Report = Callable[[int], None]
"""Called with how many more samples were written."""


class Executor(Protocol):
    """Runs tasks. A task can be pickled, and so can what it returns; files are on a disk that all of them share."""

    @property
    def workers(self) -> int:
        """How many tasks it runs at once: a conversion is divided into so many."""

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

    workers = 1
    """See `Executor.workers`."""

    def map(self, tasks: Sequence[Callable[[Report], R]], report: Report) -> list[R]:
        """See `Executor.map`."""
        return [task(report) for task in tasks]


class Fork:
    """Every task in a process of its own, which has what this one has read already.

    Args:
        workers: How many processes there are.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers

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


def executor_named(name: str | None, workers: int | None, fitting: int) -> Executor:
    """The executor of a conversion.

    Args:
        name: `serial`, `fork`, or that of an entry point; None lets the number of processes decide.
        workers: How many were asked for; None leaves it to the executor.
        fitting: How many processes of this machine fit the dataset.

    Raises:
        ConfigError: There is no such executor, or several have that name.
        PluginBroken: It cannot be loaded.
    """
    if name is None or name in BUILTIN:
        count = 1 if name == 'serial' else fitting
        return Serial() if count == 1 else Fork(count)
    # Most conversions need no plugin, and looking for one takes longer than a small conversion.
    from importlib.metadata import entry_points

    found = {entry.value: entry for entry in entry_points(group=GROUP, name=name)}
    if len(found) != 1:
        known = sorted({*BUILTIN, *(entry.name for entry in entry_points(group=GROUP))})
        what = f'{len(found)} executors are called {name!r}' if found else f'there is no executor {name!r}'
        hint = ' '.join(filter(None, (suggest(name, known), f'installed: {", ".join(known)}')))
        raise ConfigError(f'executor: {what}', hint=hint, field='executor')
    (entry,) = found.values()
    try:
        executor: Executor = entry.load()(workers)
    except Exception as error:
        who = f'{entry.dist.name} {entry.dist.version}' if entry.dist is not None else entry.value
        raise PluginBroken(
            f'executor {name!r} of {who} cannot be used: {summary(error)}',
            hint=f'fix or uninstall it, or leave out `--executor {name}`',
        ) from error
    return executor
