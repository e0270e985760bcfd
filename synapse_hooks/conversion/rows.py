"""Datasets that are read one sample at a time: by a format's `read`, or by a reader that a plugin brings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from synapse_hooks.context import DatasetReader
from synapse_hooks.conversion.contract import BaseSource
from synapse_hooks.conversion.ids import free_id
from synapse_hooks.conversion.validation import checked, checked_info
from synapse_hooks.data import DatasetInfo, Sample
from synapse_hooks.data.batch import Batch
from synapse_hooks.data.dataset import BATCH
from synapse_hooks.storage import FreeNames


class ReadsRows(Protocol):
    """What `RowSource` needs of a format."""

    @property
    def name(self) -> str:
        """See `Format.name`."""

    def declare(self, path: Path) -> DatasetInfo:
        """See `Format.declare`."""

    def read(self, path: Path) -> Iterator[Sample]:
        """See `Format.read`."""


class RowSource(BaseSource):
    """The samples that a format's `read` yields, as one shard.

    Every sample is checked where it comes in, so that an error names the format that is at fault.

    Args:
        format: A copy that belongs to this reading.
        path: The dataset.
    """

    def __init__(self, format: ReadsRows, path: Path) -> None:
        self.format = format
        self.path = path

    @property
    def info(self) -> DatasetInfo:
        """What the format declares."""
        return checked_info(self.format.declare(self.path), self.format.name)

    def read(self, shard: Any) -> Iterator[Batch]:
        """All samples. Their ids are made safe and unique."""
        names = FreeNames[tuple[str | None, str]]()
        samples = checked(self.format.read(self.path), self.format.name)
        while block := list(islice(samples, BATCH)):
            for sample in block:
                sample.id = free_id(sample, names)
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
