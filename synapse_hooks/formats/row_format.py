"""A format that reads and writes samples one by one. `read` and `write` are all it takes.

    class Acme(Format):
        name = 'acme'

        def read(self, path):
            for file in sorted(path.glob('*.acme')):
                yield Sample(file.stem, image=file.with_suffix('.jpg'), annotations=[...])

        def write(self, samples, info, out):
            for sample in samples:
                self.link_image(sample, out / sample.file_name)
                ...

Image sizes, class numbers, splits, progress, the loss report, unreadable items, a second process and atomic publishing
come with it.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from synapse_hooks.conversion.options import Options
from synapse_hooks.conversion.read_context import ReadContext
from synapse_hooks.conversion.write_context import ImageLinks, WriteContext
from synapse_hooks.data import OBJECT_KINDS, DatasetInfo, LossReport, Sample, Unreadable
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats.base import BaseFormat
from synapse_hooks.storage.safe_open import TEXT_LIMIT

if TYPE_CHECKING:
    from synapse_hooks.conversion.contract import Sink, Source


class Format(BaseFormat):
    """A dataset format of which an author writes `read`, `write`, or both.

    Every reading and every conversion works on a copy of its own, so `self.report` and `self.options` are never mixed
    up, and `self` may be written to.
    """

    kinds: ClassVar[tuple[str, ...]] = OBJECT_KINDS
    """The kinds of annotation whose labels are the classes of what is written."""

    # -- what a format author writes -----------------------------------------------------------------------------

    def read(self, path: Path) -> Iterator[Sample]:
        """Yield the samples of a dataset, one at a time, in a stable order.

        Ids and labels are text, numbers are Python's, splits are `train`, `valid`, `test` or None. `width` and `height`
        may be left out: they are read from the image's header. An item that cannot be read is passed to
        `self.skip(error)`; an annotation that `Sample` cannot hold to `self.report.dropped(...)`.

        Args:
            path: The dataset's folder, or its main file where the user named that.

        Raises:
            DatasetInvalid: The whole dataset cannot be used.
        """
        raise DatasetInvalid(f'format {self.name!r} can be written, not read', hint='choose another source')

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path | None:
        """Write all samples into the empty folder `out`, and return the file that a trainer opens, if there is one.

        What cannot be expressed goes to `self.report.converted(...)` or `.dropped(...)`; the rest counts as written.

        Args:
            samples: Sizes and splits are filled in; labels of objects are in `info.classes`.
            info: Complete: classes, splits, counts.
            out: Not yet the final place: it is published when the conversion is complete.
        """
        raise DatasetInvalid(f'format {self.name!r} can be read, not written', hint='choose another target')

    def declare(self, path: Path) -> DatasetInfo:
        """What the dataset declares, without reading every item: above all its classes, in its own order.

        Optional. What is left out is found by one pass over `read`.
        """
        return DatasetInfo()

    # -- what may be used in them --------------------------------------------------------------------------------

    _context: ReadContext | None = None
    _links: ImageLinks | None = None
    options: Options = Options()
    """The options of this conversion."""

    @property
    def context(self) -> ReadContext:
        """The context of this reading or conversion."""
        if self._context is None:
            self._context = ReadContext()
        return self._context

    @property
    def report(self) -> LossReport:
        """The loss report of the current reading or conversion."""
        return self.context.report

    def read_file(self, file: str | os.PathLike[str], *, limit: int = TEXT_LIMIT) -> bytes:
        """The content of a file of the dataset that is not an image. See `ReadContext.read_file`.

        Raises:
            UnreadableItem: It cannot be read, or must not be. Pass it to `skip`, or let it end the conversion.
        """
        return self.context.read_file(file, limit=limit)

    def skip(self, error: UnreadableItem) -> None:
        """Leave out an item that cannot be read, and count it.

        Raises:
            UnreadableItem: The policy does not allow it, or no longer.
        """
        self.context.skip(error)

    def link_image(self, sample: Sample, target: str | os.PathLike[str]) -> None:
        """Put a sample's image at `target` too, making folders as needed: a hard link unless options say otherwise."""
        if self._links is None:
            self._links = ImageLinks(self.options.images)
        self._links.link(sample, target)

    # -- the source and the sink that are made of them -----------------------------------------------------------

    def source(self, path: Path, context: ReadContext) -> Source:
        """The samples of `read`, as one shard. A format that overrides this is never asked for `read` and `declare`."""
        from synapse_hooks.conversion.rows import RowSource

        return RowSource(self.bound(context), path)

    def sink(self, context: WriteContext) -> Sink:
        """Passes samples to `write`. A format that overrides this is never asked for `write`."""
        from synapse_hooks.conversion.rows import RowSink

        return RowSink(self.bound(report=context.report, options=context.options), context.out)

    def bound(
        self,
        context: ReadContext | None = None,
        *,
        report: LossReport | None = None,
        unreadable: Unreadable | None = None,
        options: Options | None = None,
    ) -> Self:
        """A copy of this format for one reading or one conversion.

        Args:
            context: The context of the reading; None makes one of the next two.
            report: Where losses are counted.
            unreadable: What to do about items that cannot be read.
            options: How the conversion is done.
        """
        worker = copy.copy(self)
        worker._context = context or ReadContext(report=report, unreadable=unreadable)
        worker._links = None
        worker.options = options or Options()
        return worker
