"""The samples of a dataset on their way to a writer, block by block: divided, counted, their digest taken.

A reader that yields one sample at a time and one that gives whole blocks from anywhere look the same from here on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import compress, islice
from typing import TYPE_CHECKING

import msgspec

from synapse_hooks.context import DatasetReader
from synapse_hooks.conversion.crowds import take_as_object
from synapse_hooks.conversion.fingerprint import Identity
from synapse_hooks.conversion.reader import FormatReader, items_of
from synapse_hooks.data import AnyAnnotation, Keypoint, LossReport, Sample, Tally, Tolerance, Unreadable
from synapse_hooks.data.batch import BATCH, Batch, gather
from synapse_hooks.data.skeletons import assemble
from synapse_hooks.geometry.upright import sort_corners, sort_corners_of

if TYPE_CHECKING:
    from synapse_hooks.formats.base import Format, Items

Divide = Callable[[Sample], str | None]
"""Says into which split a sample goes."""


@dataclass
class Passed:
    """What is known of the samples that have passed; it travels between processes."""

    tally: Tally = field(default_factory=Tally)
    report: LossReport = field(default_factory=LossReport)
    """What the reader could not read or carry."""
    unreadable: Unreadable | None = None
    blocks: list[bytes] = field(default_factory=list)
    """See `Identity.digests`."""

    def merge(self, other: Passed) -> None:
        """Add what passed elsewhere, after what passed here."""
        self.tally.merge(other.tally)
        self.report.merge(other.report)
        self.blocks += other.blocks
        if self.unreadable is None:
            self.unreadable = other.unreadable
        elif other.unreadable is not None:
            self.unreadable.merge(other.unreadable)


class Stream:
    """The blocks of a dataset.

    Args:
        reader: What `open_dataset` answered.
        divide: Says into which split a sample goes; None keeps its own.
        tolerance: What to do about unreadable items.
        digest: Whether to take note of what is read.
        compact: See `Format.compact`.
        crowds_as_objects: See `synapse_hooks.conversion.crowds`.
    """

    def __init__(
        self,
        reader: DatasetReader,
        *,
        divide: Divide | None = None,
        tolerance: Tolerance,
        digest: bool,
        compact: bool,
        crowds_as_objects: bool = False,
    ) -> None:
        self.reader = reader
        self.divide = divide
        self.compact = compact
        self.crowds_as_objects = crowds_as_objects
        self.identity = Identity() if digest else None
        self.passed = Passed()
        self._worker: Format | None = None
        self._one_by_one: Iterator[list[Sample]] = iter(())
        self._seen: list[Sample] = []
        self.items: Items | None = None
        """The dataset as a list, where its format knows it as one."""
        if isinstance(reader, FormatReader):
            reader.check()
            self.passed.unreadable = Unreadable(tolerance, self.passed.report)
            self._worker = reader.format.bound(
                report=self.passed.report,
                unreadable=self.passed.unreadable,
                identity=self.identity,
                compact=compact,
                path=reader.path,
            )
            with self._noted():
                self.items = items_of(self._worker, reader.path)
            if self.items is not None:
                # What was met when the dataset was opened is none of them.
                self.passed.unreadable.total = len(self.items) + self.passed.unreadable.count
        if self.items is None:
            # Only then: it refers to its stream, which would keep a whole dataset alive until cycles are collected.
            self._one_by_one = self._in_blocks()

    @property
    def blocks(self) -> int | None:
        """How many blocks there are, where that is known."""
        return None if self.items is None else -(-len(self.items) // BATCH)

    def batches(self, first: int = 0, last: int | None = None) -> Iterator[Batch]:
        """The blocks from number `first` to before number `last`, in columns. They are counted as they pass."""
        for batch in self._batches(first, last):
            sort_corners_of(batch, self.passed.report)
            if self.crowds_as_objects:
                for item, _, annotation in batch.others:
                    take_as_object(annotation, batch.samples[item], self.passed.report)
            self._divide(batch.samples)
            tally = self.passed.tally
            if not tally.labelled.issuperset([sample.split for sample in batch.samples]):
                tally.labelled.update(batch.samples[item].split for item in batch.labelled_items())
            tally.add_many('box', batch.boxes.labels)
            tally.add_many('polygon', batch.polygons.labels)
            for _, _, annotation in batch.others:
                tally.add_annotation(annotation)
            self._close_block(batch.samples)
            yield batch

    def samples(self, first: int = 0, last: int | None = None) -> Iterator[list[Sample]]:
        """The same as lists of samples, for a format that takes one at a time."""
        for block in self._blocks(first, last):
            self._divide(block)
            for sample in block:
                sort_corners(sample, self.passed.report)
                if sample.annotations:
                    self.passed.tally.labelled.add(sample.split)
                for annotation in sample.annotations:
                    if self.crowds_as_objects:
                        take_as_object(annotation, sample, self.passed.report)
                    self.passed.tally.add_annotation(annotation)
            self._close_block(block)
            yield block

    def a_few(self, count: int = 64) -> Tally:
        """What some items show: a guess at the whole. Nothing of it is counted.

        They are spread over the dataset, or the first ones, where only those can be had.
        """
        tally = Tally()
        if self.items is None or self._worker is None:
            self._seen = next(self._one_by_one, [])
            for sample in self._seen:
                tally.add(sample)
            return tally
        step = max(1, len(self.items) // count)
        with self._noted(), self._worker.aside():
            for number in range(0, len(self.items), step):
                for sample in self.items.read(number, number + 1):
                    sample.annotations = _whole(sample.annotations)
                    tally.add(sample)
        return tally

    def forget_opening(self) -> None:
        """Forget what was told when the dataset was opened: of several processes, only one tells it."""
        self.passed.report.clear()
        if self.passed.unreadable is not None:
            self.passed.unreadable.clear()

    def finish(self) -> Passed:
        """What has passed, when all of it has."""
        if self.identity is not None:
            self.passed.blocks = self.identity.digests
        return self.passed

    def _batches(self, first: int, last: int | None) -> Iterator[Batch]:
        direct = getattr(self.items, 'batch', None) if self.compact else None
        if direct is None:
            for block in self._blocks(first, last):
                with self._noted():
                    batch = gather(block)
                yield batch
            return
        for start, stop in self._ranges(first, last):
            with self._noted():
                yield direct(start, stop)

    def _blocks(self, first: int, last: int | None) -> Iterator[list[Sample]]:
        if self.items is None or self._worker is None:
            if self._seen:
                yield self._seen
            yield from self._one_by_one
            return
        for start, stop in self._ranges(first, last):
            with self._noted():
                block = list(self.items.read(start, stop))
                if not self.items.measured:
                    block = list(compress(block, self._worker.measure_all(block)))
            if self.compact:
                for sample in block:
                    sample.annotations = _whole(sample.annotations)
            yield block

    def _in_blocks(self) -> Iterator[list[Sample]]:
        """The blocks of a reader that has no list of items."""
        samples = self._all()
        while block := list(islice(samples, BATCH)):
            yield block

    def _all(self) -> Iterator[Sample]:
        if self._worker is None:
            found: Iterator[Sample] = iter(self.reader)
        else:
            assert isinstance(self.reader, FormatReader)
            found = self.reader.samples(self._worker)
        for sample in found:
            if self.compact:
                sample.annotations = _whole(sample.annotations)
            if self.identity is not None:
                self.identity.note_text(_text(sample))
            yield sample

    def _ranges(self, first: int, last: int | None) -> Iterator[tuple[int, int]]:
        assert self.items is not None
        count = len(self.items)
        end = count if last is None else min(count, last * BATCH)
        for start in range(first * BATCH, end, BATCH):
            yield start, min(start + BATCH, end)

    def _noted(self) -> AbstractContextManager[None]:
        return self.reader.noted() if isinstance(self.reader, FormatReader) else nullcontext()

    def _divide(self, samples: list[Sample]) -> None:
        if self.divide is not None:
            for sample in samples:
                sample.split = self.divide(sample)
        self.passed.tally.add_items(samples)

    def _close_block(self, samples: list[Sample]) -> None:
        if self.identity is not None:
            # With the extension: the target's names have it too.
            names = [sample.file_name for sample in samples] + [str(sample.split) for sample in samples]
            self.identity.close_block(names)


_ENCODER = msgspec.json.Encoder(enc_hook=repr)


def _text(sample: Sample) -> bytes:
    said = [sample.width, sample.height, sample.annotations, sample.extra]
    try:
        return _ENCODER.encode(said)
    except UnicodeEncodeError:
        # The name of a file or folder may be no valid Unicode, and so may a class that is called after it.
        return repr(said).encode(errors='backslashreplace')


def _whole(annotations: list[AnyAnnotation]) -> list[AnyAnnotation]:
    """The annotations, with joints that stand by themselves put together as skeletons."""
    return assemble(annotations) if any(type(one) is Keypoint for one in annotations) else annotations
