"""Opening a dataset for reading: every sample once, with its size and a safe id."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.context import Dataset, DatasetReader
from synapse_hooks.conversion.checked import CheckedSource
from synapse_hooks.conversion.contract import Source
from synapse_hooks.conversion.read_context import ReadContext
from synapse_hooks.conversion.validation import CheckedReader
from synapse_hooks.data import DEFAULT_TOLERANCE, DatasetInfo, LossReport, Sample, Tolerance, survey
from synapse_hooks.errors import DatasetInvalid, NoAnswer, cannot_read
from synapse_hooks.storage.safe_open import UnsafeFile

if TYPE_CHECKING:
    from synapse_hooks.formats.base import BaseFormat
    from synapse_hooks.hookspecs import HookSpecs

_READING: Final = '__synapse_reading__'
"""The attribute of an error that was raised while a dataset was read; it travels between processes."""


@contextmanager
def explain_os_errors(path: Path) -> Iterator[None]:
    """While the block runs, an OSError about the dataset at `path` becomes a DatasetInvalid with a hint.

    Errors about other files, and about files that do not exist, are not changed: they are faults of the format.

    Raises:
        DatasetInvalid: A file or folder of the dataset, or one that it is in, cannot be read.
    """
    try:
        yield
    except UnsafeFile as error:
        raise cannot_read(DatasetInvalid, error) from error
    except OSError as error:
        if isinstance(error, FileNotFoundError) or not isinstance(error.filename, str | bytes):
            raise
        root = Path(os.path.realpath(path))
        around = root if os.path.isdir(root) else root.parent  # noqa: PTH112 (it raises nothing)
        name = os.fsdecode(error.filename)
        # A link that leads out of the dataset is still a part of it.
        folder, last = os.path.split(name.rstrip(os.sep))
        for named in (Path(os.path.realpath(name)), Path(os.path.realpath(folder), last)):
            if named.is_relative_to(around) or around.is_relative_to(named):
                break
        else:
            raise
        raise cannot_read(DatasetInvalid, error) from error


class FormatReader:
    """A dataset opened for reading: `info`, and an iteration that can be repeated.

    Args:
        format: Whose `source` is asked.
        dataset: What to read; `path` is its folder or its main file.
    """

    def __init__(self, format: BaseFormat, dataset: Dataset) -> None:
        self.format = format
        self.dataset = dataset
        self.path = Path(dataset['path'])
        self.tolerance: Tolerance = DEFAULT_TOLERANCE
        """What to do about unreadable items; set it before iterating."""
        self.report = LossReport()
        """What the last iteration could not read or carry."""
        self.blame: Callable[[BaseException], None] = lambda error: None
        """Called with an error that `read` raises. It is read while another plugin writes, which is not to blame."""
        self._total: int | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """What was met while reading stays behind."""
        return FormatReader, (self.format, self.dataset)

    @cached_property
    def declared(self) -> DatasetInfo:
        """What the dataset says of itself, without reading every item."""
        with self.error_notes():
            declared = self.open(ReadContext(self.path)).info
        if declared.classes is None and (classes := self.dataset.get('classes')):
            declared = replace(declared, classes=tuple(classes))
        return declared

    @cached_property
    def info(self) -> DatasetInfo:
        """What is known of the dataset: its declaration, and one pass over it for the rest."""
        declared = self.declared
        return declared if declared.complete else survey(declared, self)

    def __iter__(self) -> Iterator[Sample]:
        from synapse_hooks.conversion.pipeline import Pipeline

        pipeline = Pipeline(self, 'samples', tolerance=self.tolerance, digest=False, counting=False)
        self.report, unreadable = pipeline.result.report, pipeline.result.unreadable
        assert unreadable is not None
        unreadable.total = unreadable.total or self._total
        count = 0
        for batch in pipeline.batches():
            samples = batch.rows()
            count += len(samples)
            yield from samples
        self._total = count + unreadable.count
        unreadable.finish(count)

    def open(self, context: ReadContext) -> Source:
        """The source of the dataset, for one reading.

        Raises:
            DatasetInvalid: There is nothing at its path.
        """
        if not self.path.exists():
            raise DatasetInvalid(f'there is no dataset at {self.path}', hint='check the path', path=str(self.path))
        context.arrivals = self.dataset.get('arrivals')
        source = self.format.source(self.path, context)
        if type(source).__module__.startswith('synapse_hooks.'):
            # The built-in sources are tested instead, and those of rows check what they are given.
            return source
        return CheckedSource(source, self.format.name)

    @contextmanager
    def error_notes(self) -> Iterator[None]:
        """While the block runs, an error in the format gets a note that says which dataset was being read."""
        try:
            with explain_os_errors(self.path):
                yield
        except (Exception, SystemExit) as error:
            error.add_note(f'while format {self.format.name!r} was reading {self.path}')
            with suppress(AttributeError):
                setattr(error, _READING, True)
            self.blame(error)
            raise

    def blame_for_reading(self, error: BaseException) -> None:
        """Blame the format for an error of another process, if it was raised there while this dataset was read."""
        if getattr(error, _READING, False):
            self.blame(error)


def declared_by(reader: DatasetReader) -> DatasetInfo:
    """What a dataset says of itself: without a look at its items, where its reader is one of ours."""
    return reader.declared if isinstance(reader, FormatReader) else reader.info


def open_reader(hooks: HookSpecs, dataset: Dataset) -> DatasetReader:
    """The dataset, opened by the plugin that reads its format. What a reader of another distribution reads is checked.

    Args:
        hooks: Whom to ask: `context.hooks`, or those of `build`.
        dataset: What to read.

    Raises:
        NoAnswer: No plugin reads the format.
    """
    reader: DatasetReader | None = hooks.open_dataset(dataset=dataset)
    if reader is None:
        raise NoAnswer(
            f'no plugin reads the format {dataset["format"]!r} of {dataset["path"]}',
            hint='`synapse-hooks formats` lists what there is',
            hook='open_dataset',
        )
    return reader if isinstance(reader, FormatReader) else CheckedReader(reader, dataset['format'])
