"""One share of a conversion: consecutive blocks of a dataset, read and written by one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from synapse_hooks.conversion.read_ahead import ReadAhead
from synapse_hooks.conversion.stream import Passed, Stream
from synapse_hooks.conversion.writer import Writer
from synapse_hooks.data import DatasetInfo, LossReport

Tell = Callable[[int], None]
"""Called with how many more samples were written."""


@dataclass
class Written:
    """What a share has to say when its last block is written; it travels between processes."""

    passed: Passed
    report: LossReport
    """What the writer could not express."""
    found: Any
    """See `Writer.found`."""


class Share:
    """Reads and writes blocks.

    Args:
        stream: The dataset.
        writer: Takes the batches.
        report: Where the writer reports.
        first: The number of the first block.
        last: The number after that of the last block; None for all.
    """

    def __init__(
        self, stream: Stream | ReadAhead, writer: Writer, report: LossReport, first: int = 0, last: int | None = None
    ) -> None:
        self.stream = stream
        self.writer = writer
        self.report = report
        self.first = first
        self.last = last

    def write(self, tell: Tell) -> Written:
        """Write every block, as far as it can be done without the other shares."""
        for batch in self.stream.batches(self.first, self.last):
            self.writer.add(batch)
            tell(len(batch.samples))
        return Written(self.stream.finish(), self.report, self.writer.found())

    def settle(self, info: DatasetInfo, before: Sequence[Any]) -> None:
        """See `Writer.settle`."""
        self.writer.settle(info, before)
