"""The parts of a conversion as tasks of Ray."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from synapse_hooks.conversion import BaseExecutor
from synapse_hooks.conversion.executors import R, Report
from synapse_hooks_ray.cluster import connected


class RayExecutor(BaseExecutor):
    """Runs each task as a task of Ray, on any node of a cluster."""

    name: ClassVar[str] = 'ray'
    workers = 8

    def map(self, tasks: Sequence[Callable[[Report], R]], report: Report) -> list[R]:
        """See `Executor.map`."""
        with connected() as ray:
            run = ray.remote(_run).options(num_cpus=1)
            results: list[R] = ray.get([run.remote(task) for task in tasks])
            return results


def _run(task: Callable[[Report], Any]) -> Any:
    return task(lambda count: None)
