"""The stages that every batch passes: validated, measured, assigned to splits, counted, fingerprinted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import dataclass, field, fields
from itertools import compress
from threading import Lock
from typing import Any

import msgspec

from synapse_hooks.context import DatasetReader
from synapse_hooks.conversion.checked import CheckedSource
from synapse_hooks.conversion.contract import Projection, Source
from synapse_hooks.conversion.crowd_regions import clear_crowd_flag
from synapse_hooks.conversion.fingerprint import Fingerprint
from synapse_hooks.conversion.ids import SampleId
from synapse_hooks.conversion.read_context import ReadContext
from synapse_hooks.conversion.reader import FormatReader
from synapse_hooks.conversion.rows import ReaderSource, RowSource
from synapse_hooks.conversion.validation import require_disjoint, validate
from synapse_hooks.data import DatasetCounts, LossReport, Sample, Tolerance, Unreadable
from synapse_hooks.data.batch import Batch, gather
from synapse_hooks.data.skeletons import assemble, has_joints
from synapse_hooks.geometry.corner_order import sort_corners

Divide = Callable[[Sample], str | None]
"""Returns the split of a sample."""


@dataclass
class ReadResult:
    """Counts and reports of the samples that were read; it is sent between processes."""

    counts: DatasetCounts = field(default_factory=DatasetCounts)
    report: LossReport = field(default_factory=LossReport)
    """What the source could not read or represent."""
    unreadable: Unreadable | None = None
    blocks: list[bytes] = field(default_factory=list)
    """See `Fingerprint.digests`."""
    ids: set[SampleId] = field(default_factory=set)
    """The ids that a third-party source gave: they must be unique within their split. Others are unique already."""

    def merge(self, other: ReadResult) -> None:
        """Add what was read elsewhere, after what was read here."""
        self.counts.merge(other.counts)
        self.report.merge(other.report)
        self.blocks += other.blocks
        require_disjoint(self.ids, other.ids)
        self.ids |= other.ids
        if self.unreadable is None:
            self.unreadable = other.unreadable
        elif other.unreadable is not None:
            self.unreadable.merge(other.unreadable)


@dataclass(eq=False)
class Pipeline:
    """One reading of a dataset, in batches."""

    reader: DatasetReader
    """What `open_dataset` answered."""
    projection: Projection
    """What the sink wants of the samples."""
    tolerance: Tolerance
    """What to do about unreadable items."""
    digest: bool
    """Whether a fingerprint of the content is computed."""
    counting: bool = True
    """Whether samples and annotations are counted."""
    divide: Divide | None = None
    """Returns the split of a sample; None keeps its own."""
    crowds_as_objects: bool = False
    """See `synapse_hooks.conversion.crowd_regions`."""

    def __post_init__(self) -> None:
        reader = self.reader
        self.result = ReadResult()
        self._fingerprint = Fingerprint() if self.digest else None
        self._taken = Lock()
        self._peeked: tuple[Batch | None, Iterator[Batch]] | None = None
        if isinstance(reader, FormatReader):
            unreadable = self.result.unreadable = Unreadable(self.tolerance, self.result.report)
            self._context = ReadContext(
                reader.path,
                self.projection,
                report=self.result.report,
                unreadable=unreadable,
                fingerprint=self._fingerprint,
            )
            with self._error_notes():
                self.source: Source = reader.open(self._context)
                self.shards = self.source.shards()
                self.count = self.source.count
            if self.count is not None:
                # Items that were skipped when the dataset was opened are not in `count`.
                unreadable.total = self.count + unreadable.count
        else:
            self._context = ReadContext(report=self.result.report, fingerprint=self._fingerprint)
            self.source = ReaderSource(reader)
            self.shards, self.count = self.source.shards(), None
        # The built-in sources add what they read themselves, which takes less time.
        self._adds_content = isinstance(self.source, CheckedSource | ReaderSource | RowSource)

    def __reduce__(self) -> tuple[Any, ...]:
        """Where nothing was read yet, such as in another process, the dataset is opened again."""
        return Pipeline, tuple(getattr(self, argument.name) for argument in fields(self))

    def of_one_task(self) -> Pipeline:
        """This pipeline for the first task of a process that asks; for any other a new one, with counts of its own.

        A worker process that was forked has a copy for itself, and need not open the dataset again.
        """
        # `copy` makes a new one as `pickle` does, by `__reduce__`.
        return self if self._taken.acquire(blocking=False) else copy(self)

    def batches(self, shards: Sequence[Any] | None = None) -> Iterator[Batch]:
        """The batches of some shards, or of all. They are counted as they are read."""
        for shard in self.shards if shards is None else shards:
            for batch in self._read_shard(shard):
                self._divide(batch.samples)
                self._count(batch)
                if self._fingerprint is not None:
                    # With the extension: the target's names have it too.
                    names = [sample.file_name for sample in batch.samples]
                    self._fingerprint.close_block(names + [str(sample.split) for sample in batch.samples])
                yield batch

    def peek(self, count: int = 64) -> DatasetCounts:
        """Counts of some items, as an estimate of the whole. They are not part of the result.

        They are spread over the dataset; the first ones, if the source has one shard.
        """
        counts = DatasetCounts()
        if len(self.shards) == 1 and self.count is None:
            # Reading from the beginning twice may take twice as long: what was read is kept.
            batches = self._read_shard(self.shards[0])
            first = next(batches, None)
            self._peeked = first, batches
            if first is not None:
                counts.add_batch(first)
            return counts
        with self._error_notes(), self._context.discarding():
            ids: set[SampleId] = set()
            for batch in self.source.peek(count):
                self._validate(batch, ids)
                counts.add_batch(_whole(batch))
        return counts

    def discard_opening_reports(self) -> None:
        """Forget what was reported when the dataset was opened: of several processes, only one reports it."""
        self.result.report.clear()
        if self.result.unreadable is not None:
            self.result.unreadable.clear()

    def finish(self) -> ReadResult:
        """The result, after the last batch."""
        if self._fingerprint is not None:
            self.result.blocks = self._fingerprint.digests
        return self.result

    def _read_shard(self, shard: Any) -> Iterator[Batch]:
        """The batches of a shard, validated and measured."""
        if self._peeked is not None:
            first, rest = self._peeked
            self._peeked = None
            if first is not None:
                yield first
            yield from rest
            return
        with self._error_notes():
            batches = self.source.read(shard)
        while True:
            # Not around the `yield`: errors of the code that uses the batch are not errors of the reader.
            with self._error_notes():
                batch = next(batches, None)
                if batch is None:
                    return
                self._validate(batch, self.result.ids)
                batch = self._prepare(batch)
            yield batch

    def _validate(self, batch: Batch, ids: set[SampleId]) -> None:
        # The built-in sources are tested instead, and those of rows check what they are given.
        if isinstance(self.source, CheckedSource) and isinstance(self.reader, FormatReader):
            validate(batch, self.reader.format.name, ids)

    def _prepare(self, batch: Batch) -> Batch:
        if not batch.measured:
            fine = list(self._context.measure_all(batch.samples))
            if not all(fine):
                batch = Batch.of_samples(list(compress(batch.rows(), fine)))
        shapes = self.projection == 'shapes' and batch.is_rows
        if shapes:
            batch = _whole(batch)
        if self._fingerprint is not None and self._adds_content and not self._fingerprint.has_content:
            for sample in batch.samples:
                self._fingerprint.add_bytes(_text(sample))
            for columns in batch.columns:
                self._fingerprint.add_bytes(_encoded([getattr(columns, name) for name in _COLUMNS]))
                for buffer in columns.buffers():
                    self._fingerprint.add_bytes(buffer)
        return gather(batch.samples) if shapes else batch

    def _divide(self, samples: list[Sample]) -> None:
        if self.divide is not None:
            for sample in samples:
                sample.split = self.divide(sample)

    def _count(self, batch: Batch) -> None:
        report = self.result.report
        sort_corners(batch, report)
        if self.crowds_as_objects:
            for item, _, annotation in batch.others:
                clear_crowd_flag(annotation, batch.samples[item], report)
        if self.counting:
            self.result.counts.add_batch(batch)

    def _error_notes(self) -> AbstractContextManager[None]:
        return self.reader.error_notes() if isinstance(self.reader, FormatReader) else nullcontext()


_ENCODER = msgspec.json.Encoder(enc_hook=repr)
_COLUMNS = ('items', 'places', 'labels', 'ids', 'attributes')


def _text(sample: Sample) -> bytes:
    return _encoded([sample.width, sample.height, sample.annotations, sample.extra])


def _encoded(content: list[Any]) -> bytes:
    try:
        return _ENCODER.encode(content)
    except (UnicodeEncodeError, OverflowError):
        # The name of a file or folder may be no valid Unicode, and so may a class that is called after it. An id or an
        # attribute may have more than 64 bits.
        return repr(content).encode(errors='backslashreplace')


def _whole(batch: Batch) -> Batch:
    """The batch, with single joints assembled into skeletons."""
    if not batch.is_rows or not has_joints(annotation for _, _, annotation in batch.others):
        return batch
    for sample in batch.samples:
        sample.annotations = assemble(sample.annotations)
    return Batch.of_samples(batch.samples)
