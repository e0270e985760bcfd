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

Image sizes, class numbers, splits, progress, the loss report, unreadable items, a second process and atomic publishing
come with it.
"""

# ruff: noqa: PTH103, PTH120 (a Path for each of a million images costs more than linking them)
from __future__ import annotations

import copy
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from synapse_hooks.context import Dataset, DatasetReader, TrainContext
from synapse_hooks.conversion.fingerprint import Identity
from synapse_hooks.conversion.options import Options
from synapse_hooks.conversion.own_files import LEADS_OUT, OwnFiles, too_many_pixels
from synapse_hooks.conversion.reader import FormatReader
from synapse_hooks.data import MEASURED, OBJECT_KINDS, DatasetInfo, LossReport, Sample, Unreadable, probe, probe_many
from synapse_hooks.data.images import MOST_PIXELS, Probed
from synapse_hooks.errors import DatasetInvalid, UnreadableItem, cannot_read
from synapse_hooks.hookspecs import hookimpl
from synapse_hooks.storage import link_or_copy
from synapse_hooks.storage.boundary import Boundary
from synapse_hooks.storage.door import TEXT_LIMIT

if TYPE_CHECKING:
    from synapse_hooks.conversion.writer import Writer


class Items(Protocol):
    """A dataset as a list of items that can be read from anywhere, so that several processes can share the work.

    Ids are safe for file names and unique within a split. A method `batch(start, stop) -> Batch`, if there is one,
    gives items in columns.
    """

    def __len__(self) -> int:
        """How many items there are, readable or not."""

    def read(self, start: int, stop: int) -> Iterator[Sample]:
        """The items from number `start` to before number `stop`, as `Format.read` yields them."""

    @property
    def measured(self) -> bool:
        """Whether `read` has asked `Format.measure` already."""


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
    kinds: ClassVar[tuple[str, ...]] = OBJECT_KINDS
    """The kinds of annotation whose labels are the classes of what is written."""

    surveys: ClassVar[bool] = True
    """Whether `write` needs `info`. Without, the dataset need not be read beforehand."""
    trusted: ClassVar[bool] = False
    """Whether what its `items` read is taken as it is. The built-in formats are; what others read is checked."""

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
        """Write all samples into the empty folder `out`, and return the file that a trainer wants, if there is one.

        What cannot be expressed goes to `self.report.converted(...)` or `.dropped(...)`; the rest counts as written.

        Args:
            samples: Sizes and splits are filled in; labels of objects are in `info.classes`.
            info: Complete: classes, splits, counts.
            out: Aside; it is published when everything is done.
        """
        raise DatasetInvalid(f'format {self.name!r} can be read, not written', hint='choose another target')

    def declare(self, path: Path) -> DatasetInfo:
        """What the dataset says of itself without reading every item: above all its classes, in its own order.

        Optional. What is left out is found by one pass over `read`.
        """
        return DatasetInfo()

    def recognise(self, path: Path) -> bool:
        """Whether a folder or file looks like this format: for `synapse-hooks convert` without `--from`. Optional.

        Raises:
            DatasetInvalid: It is of this format, beyond doubt, and broken. Reported if no other format recognises it.
        """
        return False

    # -- what it may write too, for speed -------------------------------------------------------------------------

    def items(self, path: Path) -> Items | None:
        """The same as `read`, but in any order and in parts. None: there is only `read`."""
        return None

    def plan(self, info: DatasetInfo) -> Any:
        """What a `writer` must know of the whole dataset beforehand, beyond classes: a task, for instance.

        It is asked before the first sample, with what a few samples show, and after the last one. Where the answers
        differ, everything is written again with the second one.
        """
        return None

    def written_classes(self, info: DatasetInfo) -> tuple[str, ...]:
        """The classes of what is written, in the order of their numbers.

        Args:
            info: Complete but for the classes, which are as the source declares them, or None.
        """
        return info.classes_of(*self.kinds)

    def written_format(self, plan: Any) -> str:
        """The name of what is written, where that depends on the plan: another format may be what a task wants."""
        return self.name

    def writer(self, plan: Any, info: DatasetInfo, out: Path, share: int) -> Writer | None:
        """Who writes a share of the dataset in one pass; there may be several, in processes of their own.

        Args:
            plan: What `plan` answered.
            info: Declared, not surveyed; `classes` may be None.
            out: The folder, the same for all.
            share: The number of the share, from 0.

        Returns:
            The writer; None where there is only `write`.
        """
        return None

    def counts(self, found: Sequence[Any]) -> Mapping[str, int] | None:
        """The images that were written in each split, from what each writer's `found` answered; None: all of them."""
        return None

    def finish(self, plan: Any, info: DatasetInfo, out: Path, found: Sequence[Any]) -> Path | None:
        """What is left to do when all shares are written; the answer is that of `write`.

        Args:
            plan: What `plan` answered.
            info: Complete.
            out: The folder.
            found: What each writer's `found` answered.
        """
        return None

    def when_published(
        self, plan: Any, info: DatasetInfo, out: Path, found: Sequence[Any]
    ) -> Callable[[Path], None] | None:
        """What to call once the dataset has its final place, to write a file that holds absolute paths, for instance.

        It is asked last, after `finish` and with the same arguments. The answer is called with the final place; an
        error raised there becomes a warning, so the dataset must be complete without it. None: there is nothing to do.
        """
        return None

    # -- what it may use -----------------------------------------------------------------------------------------

    _report: LossReport | None = None
    _unreadable: Unreadable | None = None
    _made: set[str] | None = None
    _files: OwnFiles | None = None
    identity: Identity | None = None
    """Takes note of what is read, for the digest; None where none is asked for."""
    compact: bool = False
    """Whether the samples are for a writer of ours, which needs no `extra` and understands an `Outline`."""
    options: Options = Options()
    """How the conversion at hand is done."""

    @property
    def report(self) -> LossReport:
        """The loss report of the reading or conversion at hand."""
        if self._report is None:
            self._report = LossReport()
        return self._report

    @property
    def files(self) -> OwnFiles:
        """Opens the files of the dataset at hand; `read_file` is the same with errors of ours."""
        if self._files is None:
            self._files = OwnFiles(self.report)
        return self._files

    def read_file(self, file: str | os.PathLike[str], *, limit: int = TEXT_LIMIT) -> bytes:
        """The content of a file of the dataset that is not an image: the only way in which a format should open one.

        A pipe or a device is not waited for, and a link does not show a file from outside of the dataset.

        Args:
            file: Which.
            limit: Bytes that it may have; 64 MiB by default.

        Raises:
            UnreadableItem: It is missing, cannot be read, is not a regular file, is too large, or is a link that leads
                out of the dataset. Pass it to `skip`, or let it end the conversion.
        """
        try:
            return self.files.read(file, limit=limit)
        except OSError as error:
            raise cannot_read(UnreadableItem, error, file) from error

    def skip(self, error: UnreadableItem) -> None:
        """Leave out an item that cannot be read, and count it.

        Raises:
            UnreadableItem: The policy does not allow it, or no longer.
        """
        if self._unreadable is None:
            raise error
        self._unreadable.met(error)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While the block runs, whatever this copy reads, skips or reports is forgotten."""
        kept = self._report, self._unreadable, self.identity
        self._report = self.files.report = LossReport()
        self._unreadable = Unreadable('skip', self._report)
        self.identity = None
        try:
            yield
        finally:
            self._report, self._unreadable, self.identity = kept
            self.files.report = self.report

    def measure(self, sample: Sample) -> bool:
        """Fill in the size of the sample's image, as displayed, and see that it is one; False where it cannot be read.

        It is called for every sample that `read` yields. A dataset that tells sizes may hold damaged images all the
        same.

        Raises:
            UnreadableItem: The policy does not allow an unreadable item, or no longer.
        """
        return next(self.measure_all([sample]))

    def measure_all(self, samples: Sequence[Sample]) -> Iterator[bool]:
        """What `measure` answers for each of them, in less time; each is measured when its answer is asked for.

        A class that overrides one of the two overrides both.
        """
        files = ['' if sample.width and sample.suffix.lower() not in MEASURED else sample.file for sample in samples]
        own = self.files
        for sample, quick in zip(samples, probe_many(files), strict=True):
            if not sample.file and sample.width * sample.height <= MOST_PIXELS:
                yield True
                continue
            try:
                out = own.leads_out(sample.file, link=quick is None)
                found = quick or self._look_closer(sample)
                if not (sample.width and sample.height):
                    sample.width, sample.height = found[:2]
                if sample.width * sample.height > MOST_PIXELS:
                    raise too_many_pixels(sample)
            except UnreadableItem as error:
                self.skip(error)
                yield False
                continue
            except OSError as error:
                self.skip(cannot_read(UnreadableItem, error, sample.file))
                yield False
                continue
            except ValueError as error:
                problem = f'{sample.file!r} cannot be the name of a file: {error}'
                self.skip(UnreadableItem(problem, hint='correct it in the annotations', path=sample.file))
                yield False
                continue
            if out:
                own.report.doubtful('image', LEADS_OUT, sample.id)
            if self.identity is not None:
                self.identity.note_file(*found[2:])
            yield True

    def _look_closer(self, sample: Sample) -> Probed:
        """Size and state of an image that does not tell them in its first bytes, or is a link, which may be followed.

        Raises:
            UnreadableItem: It is not an image.
            OSError: It cannot be read.
        """
        file = sample.file
        if not file:
            raise too_many_pixels(sample)
        if not (sample.width and sample.height) or sample.suffix.lower() in MEASURED:
            return next(probe_many([file], links=True)) or probe(file)
        found = os.stat(file)  # noqa: PTH116
        if not stat.S_ISREG(found.st_mode):
            raise UnreadableItem(f'{file} is not a regular file', hint='put the image there', path=file)
        return sample.width, sample.height, found.st_size, found.st_mtime_ns

    def link_image(self, sample: Sample, target: str | os.PathLike[str]) -> None:
        """Put a sample's image at `target` too, making folders as needed: a hard link unless options say otherwise."""
        if not sample.file:
            return
        if self._made is None:
            self._made = set()
        folder = os.path.dirname(target)
        if folder not in self._made:
            os.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        link_or_copy(sample.file, target, mode=self.options.images)

    # -- how it answers hooks ------------------------------------------------------------------------------------

    @hookimpl
    def convert(self, context: TrainContext, dataset: Dataset, target_format: str) -> Dataset | None:
        """Answer for `target_format == self.name`; decline otherwise."""
        if target_format != self.name:
            return None
        from synapse_hooks.conversion.convert import convert

        return convert(self, context, dataset)

    @hookimpl
    def open_dataset(self, dataset: Dataset) -> DatasetReader | None:
        """Answer for `dataset['format'] == self.name`; decline otherwise."""
        return FormatReader(self, dataset) if dataset['format'] == self.name else None

    @property
    def at_once(self) -> bool:
        """Whether it writes batches, in one pass."""
        return type(self).writer is not Format.writer

    def bound(
        self,
        *,
        report: LossReport,
        unreadable: Unreadable | None = None,
        options: Options | None = None,
        identity: Identity | None = None,
        compact: bool = False,
        path: Path | None = None,
    ) -> Self:
        """A copy of this format for one reading or one conversion: of the dataset at `path`, where it reads."""
        worker = copy.copy(self)
        worker._report = report
        worker._unreadable = unreadable
        worker._made = None
        worker.options = options or Options()
        worker.identity = identity
        worker.compact = compact
        worker._files = OwnFiles(report, None if path is None else Boundary(path if path.is_dir() else path.parent))
        return worker
