"""Datasets that are read or written one sample at a time: by `read` and `write` of a format, or by a reader."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synapse_hooks.context import DatasetReader
from synapse_hooks.conversion.contract import BaseSink, BaseSource, WriteResult, Written
from synapse_hooks.conversion.validation import checked, checked_info
from synapse_hooks.data import DatasetInfo, Sample
from synapse_hooks.data.batch import Batch
from synapse_hooks.data.dataset import BATCH
from synapse_hooks.errors import WrongAnswer

if TYPE_CHECKING:
    from synapse_hooks.formats.row_format import Format


class RowSource(BaseSource):
    """The samples that a format's `read` yields, as one shard.

    Every sample is checked where it comes in, so that an error names the format that is at fault.

    Args:
        format: A copy that belongs to this reading.
        path: The dataset.
    """

    def __init__(self, format: Format, path: Path) -> None:
        self.format = format
        self.path = path

    @property
    def info(self) -> DatasetInfo:
        """What the format declares."""
        return checked_info(self.format.declare(self.path), self.format.name)

    def read(self, shard: Any) -> Iterator[Batch]:
        """All samples. Their ids are made safe and unique."""
        samples = checked(self.format.read(self.path), self.format.name)
        while block := list(islice(samples, BATCH)):
            yield Batch.of_samples(block)


class ReaderSource(BaseSource):
    """The samples of a reader that a plugin's `open_dataset` has answered: measured and named by it.

    Args:
        reader: The reader.
    """

    def __init__(self, reader: DatasetReader) -> None:
        self.reader = reader

    @property
    def info(self) -> DatasetInfo:
        """See `DatasetReader.info`."""
        return self.reader.info

    def read(self, shard: Any) -> Iterator[Batch]:
        """All samples."""
        samples = iter(self.reader)
        while block := list(islice(samples, BATCH)):
            yield Batch.of_samples(block, measured=True)


class RowSink(BaseSink):
    """Hands samples to the `write` of a format, one at a time.

    Args:
        format: A copy that belongs to this conversion.
        out: The folder.
    """

    projection = 'samples'
    survey = True
    parallel = False

    def __init__(self, format: Format, out: Path) -> None:
        self.format = format
        self.out = out

    def classes(self, info: DatasetInfo) -> tuple[str, ...]:
        """Those of the kinds that the format names."""
        return info.classes_of(*self.format.kinds)

    def initialize_write(self, info: DatasetInfo) -> DatasetInfo:
        """What `write` gets to know of the dataset."""
        return info

    def write(self, plan: DatasetInfo, info: DatasetInfo, shard: int, batches: Iterator[Batch]) -> WriteResult:
        """All samples.

        Raises:
            WrongAnswer: The format did not take all of them.
        """
        feed = _Feed(batches)
        # An error of the format holds on to what it was reading from, which may be a process.
        with closing(feed.samples()) as samples:
            config_path = self.format.write(samples, plan, self.out)
        if not feed.finished:
            of = '' if plan.count is None else f' of {plan.count:,}'
            raise WrongAnswer(
                f'format {self.format.name!r} stopped writing after {feed.taken:,}{of} samples',
                hint='its `write` must take every sample',
                hook='convert',
            )
        return WriteResult(state=config_path)

    def finalize(self, plan: DatasetInfo, info: DatasetInfo, results: Sequence[WriteResult]) -> Written:
        """What `write` returned."""
        return Written(results[0].state)


class _Feed:
    """Batches as samples, and how many of them were taken."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self.batches = batches
        self.taken = 0
        self.finished = False

    def samples(self) -> Generator[Sample, None, None]:
        for batch in self.batches:
            for sample in batch.rows():
                self.taken += 1
                yield sample
        self.finished = True
