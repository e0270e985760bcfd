"""The tasks of a conversion: to read and write some shards, and to finish them when the whole dataset is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from synapse_hooks.context import Executor
from synapse_hooks.conversion.contract import WriteResult
from synapse_hooks.conversion.executors import R, Report
from synapse_hooks.conversion.pipeline import Pipeline, ReadResult
from synapse_hooks.conversion.read_ahead import ReadAhead
from synapse_hooks.conversion.reader import FormatReader
from synapse_hooks.conversion.target import Target
from synapse_hooks.data import DatasetInfo, LossReport
from synapse_hooks.data.batch import Batch


@dataclass
class ShardResult:
    """What is known of a part of the dataset when it was written; it travels between processes."""

    read: ReadResult
    report: LossReport
    """What the sink could not express."""
    written: WriteResult


@dataclass
class WriteShards:
    """Reads some consecutive shards of a source, and writes them as one shard of the target."""

    pipeline: Pipeline | ReadAhead
    shards: Sequence[Any]
    """Of the source."""
    target: Target
    plan: Any
    info: DatasetInfo
    """As it is declared."""
    number: int
    """Of the shard that is written."""

    def __call__(self, report: Report) -> ShardResult:
        """Do it."""
        pipeline = self.pipeline
        if isinstance(pipeline, Pipeline):
            pipeline = pipeline.of_one_task()
            if self.number:
                # What was reported when the dataset was opened is reported once.
                pipeline.discard_opening_reports()
        sink, losses = self.target.sink()
        written = sink.write(self.plan, self.info, self.number, self._batches(pipeline, report))
        return ShardResult(pipeline.finish(), losses, written)

    def _batches(self, pipeline: Pipeline | ReadAhead, report: Report) -> Iterator[Batch]:
        for batch in pipeline.batches(self.shards):
            count = len(batch.samples)
            yield batch
            report(count)


@dataclass
class FinalizeShard:
    """Finishes one shard of the target."""

    target: Target
    plan: Any
    info: DatasetInfo
    """Complete."""
    number: int
    results: Sequence[WriteResult]

    def __call__(self, report: Report) -> LossReport:
        """Do it."""
        sink, losses = self.target.sink()
        sink.finalize_shard(self.plan, self.info, self.number, self.results)
        return losses


class ShardTasks:
    """The tasks of a conversion, and the executor that runs them; it is closed when the block ends.

    Args:
        executor: Runs them.
        tasks: One for each shard of the target, in their order.
    """

    def __init__(self, executor: Executor, tasks: Sequence[WriteShards]) -> None:
        self.executor = executor
        self.tasks = tasks

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        close = getattr(self.executor, 'close', None)
        if callable(close):
            close()

    def write(self, report: Report) -> list[ShardResult]:
        """Read the dataset, and write all shards.

        Args:
            report: Called with how many more samples were written.
        """
        return self._run(self.tasks, report)

    def finalize(self, plan: Any, info: DatasetInfo, results: Sequence[WriteResult]) -> list[LossReport]:
        """Finish all shards, each with a report of its losses.

        Args:
            plan: By which they were written.
            info: Of the dataset, complete.
            results: What was written.
        """
        last = [FinalizeShard(task.target, plan, info, task.number, results) for task in self.tasks]
        return self._run(last, lambda count: None)

    def _run(self, tasks: Sequence[Callable[[Report], R]], report: Report) -> list[R]:
        try:
            return self.executor.map(tasks, report)
        except Exception as error:
            # Another process does not know which plugin reads.
            pipeline = self.tasks[0].pipeline
            if isinstance(pipeline, Pipeline) and isinstance(pipeline.reader, FormatReader):
                pipeline.reader.blame_for_reading(error)
            raise
