"""What a format author subclasses. `read` and `write` are all it takes.

    class Acme(Format):
        name = 'acme'

        def read(self, path):
            for file in sorted(path.glob('*.acme')):
                yield Sample(file.stem, image=file.with_suffix('.jpg'), annotations=[...])

        def write(self, samples, info, out):
            for sample in samples:
                self.link_image(sample, out / sample.file_name)
                ...

Image sizes, class numbers, splits, progress, the loss report, unreadable items and atomic publishing come with it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Self

from synapse_hooks.context import Dataset, DatasetReader, TrainContext
from synapse_hooks.data import DatasetInfo, LossReport, Sample, Unreadable
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats.conversion import convert
from synapse_hooks.formats.options import Options
from synapse_hooks.formats.reader import FormatReader
from synapse_hooks.hookspecs import hookimpl
from synapse_hooks.storage import link_or_copy


class Format:
    """A dataset format: a plugin that answers `convert` and `open_dataset` for its own name.

    Publish it as an entry point in the group `synapse_hooks.formats`, under its name. An instance may be shared:
    every reading and every conversion works on a copy of its own, so `self.report` and `self.options` are never mixed
    up, and `self` may be written to.
    """

    name: ClassVar[str] = ''
    """What `target_format` and `--to` call it."""
    version: ClassVar[str] = ''
    """Change it when the same input gives different output, so that nothing made before is taken for current."""

    # -- what a format author writes -----------------------------------------------------------------------------

    def read(self, path: Path) -> Iterator[Sample]:
        """Yield the samples of a dataset, one at a time, in a stable order.

        `width` and `height` may be left out: they are read from the image's header. An item that cannot be read is
        passed to `self.skip(error)`; an annotation that `Sample` cannot hold to `self.report.dropped(...)`.

        Args:
            path: The dataset's folder, or its main file where the user named that.

        Raises:
            DatasetInvalid: The whole dataset cannot be used.
        """
        raise DatasetInvalid(f'format {self.name!r} can be written, not read', hint='choose another source')

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> Path | None:
        """Write all samples into the empty folder `out`, and return the file that a trainer wants, if there is one.

        What cannot be expressed goes to `self.report.converted(...)` or `.dropped(...)`; the rest counts as written.

        Args:
            samples: Sizes and splits are filled in; labels of objects are in `info.classes`.
            info: Complete: classes, splits, counts.
            out: Aside; it is published when everything is done.
        """
        raise DatasetInvalid(f'format {self.name!r} can be read, not written', hint='choose another target')

    def declare(self, path: Path) -> DatasetInfo:
        """What the dataset says of itself without a look at every item: above all its classes, in its own order.

        Optional. What is left out is found by one pass over `read`.
        """
        return DatasetInfo()

    def recognise(self, path: Path) -> bool:
        """Whether a folder or file looks like this format: for `synapse-hooks convert` without `--from`. Optional."""
        return False

    # -- what it may use -----------------------------------------------------------------------------------------

    _report: LossReport | None = None
    _unreadable: Unreadable | None = None
    options: Options = Options()
    """How the conversion at hand shall be done."""

    @property
    def report(self) -> LossReport:
        """The loss report of the reading or conversion at hand."""
        if self._report is None:
            self._report = LossReport()
        return self._report

    def skip(self, error: UnreadableItem) -> None:
        """Leave out an item that cannot be read, and count it.

        Raises:
            UnreadableItem: The policy does not allow it, or no longer.
        """
        if self._unreadable is None:
            raise error
        self._unreadable.met(error)

    def link_image(self, sample: Sample, target: Path) -> None:
        """Put a sample's image at `target` too, making folders as needed: a hard link unless options say otherwise."""
        if sample.image is None:
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(sample.image, target, mode=self.options.images)

    # -- how it answers hooks ------------------------------------------------------------------------------------

    @hookimpl
    def convert(self, context: TrainContext, dataset: Dataset, target_format: str) -> Dataset | None:
        """Answer for `target_format == self.name`; decline otherwise."""
        return convert(self, context, dataset) if target_format == self.name else None

    @hookimpl
    def open_dataset(self, dataset: Dataset) -> DatasetReader | None:
        """Answer for `dataset['format'] == self.name`; decline otherwise."""
        return FormatReader(self, dataset) if dataset['format'] == self.name else None

    def bound(
        self, *, report: LossReport, unreadable: Unreadable | None = None, options: Options | None = None
    ) -> Self:
        """A copy of this format for one reading or one conversion."""
        worker = copy.copy(self)
        worker._report = report
        worker._unreadable = unreadable
        worker.options = options or Options()
        return worker
