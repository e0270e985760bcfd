"""The tasks of a conversion: to read and write some shards, and to finish them when the whole dataset is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from synapse_hooks.conversion.contract import WriteResult
from synapse_hooks.conversion.executors import Report
from synapse_hooks.conversion.pipeline import Pipeline, ReadResult
from synapse_hooks.conversion.read_ahead import ReadAhead
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
