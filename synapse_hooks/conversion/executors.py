"""Where the shards of a conversion are written: in this process, in several, or where a plugin runs them.

A plugin is found by its name, as formats are: by the hook `open_executor`, or an entry point in the group
`synapse_hooks.executors`.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from pickle import PicklingError
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from synapse_hooks.context import Executor, TrainContext
from synapse_hooks.conversion.options import Options
from synapse_hooks.conversion.workers import ready, send, workers
from synapse_hooks.errors import WrongAnswer
from synapse_hooks.hookspecs import hookimpl
from synapse_hooks.safe_text import summary

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

R = TypeVar('R')
Report = Callable[[int], None]
"""Called with how many more samples were written."""


class BaseExecutor:
    """What an author of an executor subclasses: a plugin that answers `open_executor` for its own name.

    Publish it as an entry point in the group `synapse_hooks.executors`, under its name.
    """

    name: ClassVar[str] = ''
    """What `--executor` and the setting `executor` call it."""
    blame: Callable[[BaseException], None] = staticmethod(lambda error: None)
    """Called with an error of the executor itself: it runs tasks of other plugins, which are not to blame."""
    workers: int = 1
    """How many tasks it runs at once, unless the user says otherwise."""
    repeats: bool = False
    """Whether it may run a task again, as where a node is lost. Every run of a task then writes into a folder of its
    own, and the folders that are complete are put together at the end."""
    context: TrainContext | None = None
    """The run: `context.settings` has the settings of the project, `context.log_message` is for the user."""

    def map(self, tasks: Sequence[Callable[[Report], R]], report: Report) -> list[R]:
        """Run the tasks, and return a list of what they return, in their order.

        Args:
            tasks: Each is called with a function, to which it reports how many more samples were written.
            report: To be called in this process with what all of them report, for the progress bar; it need not be.

        Raises:
            Exception: What a task has raised: of several, the first in the order of the tasks.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Called when the conversion needs it no longer, also after an error."""

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled, if a task is sent together with a method: the run and whom to blame are for this process."""
        return {name: value for name, value in vars(self).items() if name not in ('blame', 'context')}

    @hookimpl
    def open_executor(self, context: TrainContext, executor: str, workers: int | None) -> Executor | None:
        """Answer for `executor == self.name`, with a copy for that many workers; decline otherwise."""
        if executor != self.name:
            return None
        opened = copy(self)
        if workers is not None:
            opened.workers = workers
        opened.context = context
        return opened


class Serial(BaseExecutor):
    """One task after the other, in this process."""

    name: ClassVar[str] = 'serial'

    def map(self, tasks: Sequence[Callable[[Report], R]], report: Report) -> list[R]:
        """See `Executor.map`."""
        return [task(report) for task in tasks]


class Fork(BaseExecutor):
    """Every task in a process of its own, which has what this one has read already.

    Args:
        workers: How many processes there are.
    """

    name: ClassVar[str] = 'fork'

    def __init__(self, workers: int = 1) -> None:
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
    result = task(partial(send, connection))
    try:
        send(connection, _Result(result))
    except (AttributeError, TypeError, PicklingError) as error:
        raise WrongAnswer(
            f'the result of a shard must be picklable: {summary(error)}',
            hint='keep numbers, texts, lists and dicts in `WriteResult.state`, and nothing that is open',
            hook='convert',
        ) from error


def executor_of(context: TrainContext, options: Options, count: int) -> Executor:
    """The executor of a conversion: the one that is asked for, or processes if they fit the dataset.

    Args:
        context: The run, by whose hooks an executor is found by its name.
        options: `executor` and `workers`.
        count: How many items there are; 0 if that is not known.

    Raises:
        PluginMissing, PluginBroken: There is no such executor, or it cannot be used.
        WrongAnswer: It is not an executor.
    """
    fitting = options.processes(count)
    if options.executor is None:
        return Fork(fitting) if fitting > 1 else Serial()
    workers = {'serial': 1, 'fork': fitting}.get(options.executor, options.workers)
    executor = context.hooks.open_executor(context=context, executor=options.executor, workers=workers)
    if isinstance(executor, Serial | Fork):
        return executor
    # Most conversions need no executor of a plugin.
    from synapse_hooks.conversion.checked_executor import CheckedExecutor

    return CheckedExecutor(executor, f'executor {options.executor!r}')
