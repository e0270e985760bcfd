"""The parts of a conversion as tasks of Ray: `--executor ray`.

What travels is small: a task (where the dataset is, which parts of it), how many samples it has written, and what it
found. The data are on a disk that all nodes share. Ray runs a task again whose worker or node is lost; as the executor
`repeats`, every run writes into a folder of its own.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Any, ClassVar, Final

from synapse_hooks.conversion import BaseExecutor
from synapse_hooks.conversion.executors import R, Report
from synapse_hooks.errors import DataError
from synapse_hooks.launching import write_stderr
from synapse_hooks.portable import Carrier
from synapse_hooks.safe_text import summary
from synapse_hooks_ray.actors import PATIENCE, lack
from synapse_hooks_ray.cluster import connected
from synapse_hooks_ray.settings import Settings
from synapse_hooks_ray.tasks import Counts, Surroundings, run

_RETRIES: Final = 3
"""How often a part is written again whose worker or node was lost."""
_POLL: Final = 0.5
"""Seconds between two looks at the progress."""
_ENDING: Final = 10.0
"""Seconds to wait for tasks that were cancelled, before what they write is removed."""


class RayExecutor(BaseExecutor):
    """Runs each task as a task of Ray with one CPU, on any node of a cluster.

    The setting `address` in `[tool.synapse_hooks.settings.ray]` names the cluster, else the variable `RAY_ADDRESS`;
    without both, it is one of this machine, which is started for the conversion.
    """

    name: ClassVar[str] = 'ray'
    repeats = True

    def __init__(self) -> None:
        self._stack: ExitStack | None = None
        self._ray: Any = None
        self._workers: int | None = None

    @property
    def workers(self) -> int:
        """The user's number, else the CPUs of the cluster.

        Raises:
            ConfigError: A setting is wrong.
            LaunchError: There is no cluster.
        """
        if self._workers is None:
            self._workers = max(1, int(self._connected().cluster_resources().get('CPU', 1)))
        return self._workers

    @workers.setter
    def workers(self, count: int) -> None:
        self._workers = count

    def map(self, tasks: Sequence[Callable[[Report], R]], report: Report) -> list[R]:
        """See `Executor.map`.

        Raises:
            ConfigError: A setting is wrong.
            LaunchError: There is no cluster, or a node cannot open the dataset.
            DataError: A part was lost too often.
        """
        # Before there is a connection: a format that cannot be pickled is not a fault of the cluster.
        contents = [pickle.dumps(task) for task in tasks]
        ray = self._connected()
        node = ray.get_runtime_context().get_node_id()
        beside = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=True)
        counts = ray.remote(Counts).options(num_cpus=0, scheduling_strategy=beside).remote()
        remote = ray.remote(run).options(num_cpus=1, max_retries=_RETRIES, scheduling_strategy='SPREAD')
        here = Surroundings.here()
        references = [remote.remote(content, here, number, counts) for number, content in enumerate(contents)]
        try:
            return self._results(references, counts, report)
        except BaseException:
            self._cancel(references)
            raise
        finally:
            with suppress(Exception):
                ray.kill(counts)

    def close(self) -> None:
        """End the connection."""
        if self._stack is not None:
            self._stack.close()
            self._stack = None

    def _connected(self) -> Any:
        if self._stack is None:
            table = self.context.settings.get(self.name, {}) if self.context is not None else {}
            stack = ExitStack()
            self._ray = stack.enter_context(connected(Settings.checked(table).address))
            self._stack = stack
        return self._ray

    def _results(self, references: Sequence[Any], counts: Any, report: Report) -> list[Any]:
        ray, done, reported = self._ray, dict[int, Any](), 0
        numbers = {reference: number for number, reference in enumerate(references)}
        failed: dict[int, BaseException] = {}
        written: dict[int, int] = {}
        patience = time.monotonic() + PATIENCE
        while True:
            # The first failure in the order of the dataset is reported, whichever is quicker.
            last = min(failed, default=len(references))
            waiting = [reference for reference in references[:last] if numbers[reference] not in done]
            if not waiting:
                break
            ready, _ = ray.wait(waiting, timeout=_POLL)
            with suppress(ray.exceptions.RayError):
                written = ray.get(counts.all.remote(), timeout=_POLL) | {number: written[number] for number in done}
            if not written and patience and time.monotonic() > patience:
                patience = 0.0
                if text := lack({'CPU': 1.0}):
                    write_stderr(text)
            for reference in ready:
                number = numbers[reference]
                try:
                    content, written[number] = ray.get(reference)
                    result = pickle.loads(content)
                except ray.exceptions.RayError as error:
                    result = Carrier(_lost(error))
                if isinstance(result, Carrier):
                    failed[number] = result.carried
                else:
                    done[number] = result
            # A part that is written again is counted once.
            total = max(reported, sum(written.values()))
            report(total - reported)
            reported = total
        if failed:
            raise failed[min(failed)]
        return [done[number] for number in range(len(references))]

    def _cancel(self, references: Sequence[Any]) -> None:
        ray = self._ray
        for reference in references:
            with suppress(Exception):
                ray.cancel(reference, force=True)
        with suppress(Exception):
            ray.wait(references, num_returns=len(references), timeout=_ENDING)


def _lost(error: Exception) -> DataError:
    """The error for a part that Ray has given up."""
    lost = DataError(
        f'a part of the dataset was lost with its worker or node {_RETRIES + 1} times: {summary(error)}',
        hint='if memory was short, use more and smaller parts: `--workers N`',
    )
    lost.__cause__ = error
    return lost
