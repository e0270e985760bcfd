"""One share of a conversion: consecutive shards of a dataset, read and written by one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from synapse_hooks.conversion.pipeline import Pipeline, ReadResult
from synapse_hooks.conversion.read_ahead import ReadAhead
from synapse_hooks.conversion.writer import Writer
from synapse_hooks.data import DatasetInfo, LossReport

Tell = Callable[[int], None]
"""Called with how many more samples were written."""


@dataclass
class Written:
    """What a share has to say when its last batch is written; it travels between processes."""

    read: ReadResult
    report: LossReport
    """What the writer could not express."""
    found: Any
    """See `Writer.found`."""


class Share:
    """Reads and writes shards.

    Args:
        pipeline: The dataset.
        writer: Takes the batches.
        report: Where the writer reports.
        shards: Which ones.
        is_first: Whether it has the first shard of the dataset.
    """

    def __init__(
        self,
        pipeline: Pipeline | ReadAhead,
        writer: Writer,
        report: LossReport,
        shards: Sequence[Any],
        *,
        is_first: bool,
    ) -> None:
        self.pipeline = pipeline
        self.writer = writer
        self.report = report
        self.shards = shards
        self.is_first = is_first

    def write(self, tell: Tell) -> Written:
        """Write every batch, as far as it can be done without the other shares."""
        for batch in self.pipeline.batches(self.shards):
            self.writer.add(batch)
            tell(len(batch.samples))
        return Written(self.pipeline.finish(), self.report, self.writer.found())

    def settle(self, info: DatasetInfo, before: Sequence[Any]) -> None:
        """See `Writer.settle`."""
        self.writer.settle(info, before)
