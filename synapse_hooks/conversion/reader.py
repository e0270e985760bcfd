"""The reading half of a format, as others see it: every sample once, sized, named safely, counted."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from synapse_hooks.context import Dataset, DatasetReader
from synapse_hooks.conversion.checking import CheckedItems, CheckedReader, checked, checked_info
from synapse_hooks.data import DEFAULT_TOLERANCE, DatasetInfo, LossReport, Sample, Tolerance, Unreadable, survey
from synapse_hooks.errors import DatasetInvalid, NoAnswer, cannot_read
from synapse_hooks.geometry.upright import sort_corners
from synapse_hooks.storage import FreeNames
from synapse_hooks.storage.door import Refused

if TYPE_CHECKING:
    from synapse_hooks.formats.base import Format, Items
    from synapse_hooks.hookspecs import HookSpecs

_LONGEST = 200


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """While the block runs, what the operating system says about the dataset at `path` is a sentence with a way out.

    Whatever it says about other files, and about one that is not there, passes: a format that opens it is at fault.

    Raises:
        DatasetInvalid: A file or folder of the dataset, or one that it is in, cannot be read.
    """
    try:
        yield
    except Refused as error:
        raise cannot_read(DatasetInvalid, error) from error
    except OSError as error:
        if isinstance(error, FileNotFoundError) or not isinstance(error.filename, str | bytes):
            raise
        root = Path(os.path.realpath(path))
        around = root if os.path.isdir(root) else root.parent  # noqa: PTH112 (it raises nothing)
        name = os.fsdecode(error.filename)
        # A link in the dataset may lead out of it, and is its own all the same.
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
        format: Whose `read` is asked.
        dataset: What to read; `path` is its folder or its main file.
    """

    def __init__(self, format: Format, dataset: Dataset) -> None:
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

    @cached_property
    def declared(self) -> DatasetInfo:
        """What the dataset says of itself, without reading every item."""
        self.check()
        with self.noted():
            worker = self.format.bound(report=LossReport(), path=self.path)
            declared = checked_info(worker.declare(self.path), self.format.name)
        if declared.classes is None and (classes := self.dataset.get('classes')):
            declared = replace(declared, classes=tuple(classes))
        return declared

    @cached_property
    def info(self) -> DatasetInfo:
        """What is known of the dataset: its declaration, and one pass over it for the rest."""
        declared = self.declared
        return declared if declared.complete else survey(declared, self)

    def __iter__(self) -> Iterator[Sample]:
        self.check()
        self.report = LossReport()
        unreadable = Unreadable(self.tolerance, self.report, self._total)
        worker = self.format.bound(report=self.report, unreadable=unreadable, path=self.path)
        count = 0
        for sample in self.samples(worker):
            count += 1
            sort_corners(sample, self.report)
            yield sample
        self._total = count + unreadable.count
        unreadable.finish(count)

    def samples(self, worker: Format) -> Iterator[Sample]:
        """The samples that a bound copy of the format reads: named safely, and sized. Errors carry a note."""
        with self.noted():
            items = items_of(worker, self.path)
            if items is not None:
                for sample in items.read(0, len(items)):
                    if items.measured or worker.measure(sample):
                        yield sample
                return
            names = FreeNames[tuple[str | None, str]]()
            for sample in checked(worker.read(self.path), worker.name):
                sample.id = free_id(sample, names)
                if worker.measure(sample):
                    yield sample

    @contextmanager
    def noted(self) -> Iterator[None]:
        """While the block runs, an error of the format's gets a note of what was being read."""
        try:
            with reading(self.path):
                yield
        except Exception as error:
            error.add_note(f'while format {self.format.name!r} was reading {self.path}')
            self.blame(error)
            raise

    def check(self) -> None:
        """See that there is something.

        Raises:
            DatasetInvalid: There is not.
        """
        if not self.path.exists():
            raise DatasetInvalid(f'there is no dataset at {self.path}', hint='check the path', path=str(self.path))


def items_of(worker: Format, path: Path) -> Items | None:
    """A dataset as a list, where its format knows it as one. Samples of a format that is not trusted are looked at."""
    items = worker.items(path)
    return items if items is None or worker.trusted else CheckedItems(items, worker.name)


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


def free_id(sample: Sample, names: FreeNames[tuple[str | None, str]]) -> str:
    """The sample's id, made safe for a file name, and made different where two images share a stem.

    Args:
        sample: The sample, as it was read.
        names: Gives out the ids of each split.
    """
    suffix = sample.suffix

    def numbered(wanted: tuple[str | None, str], number: int) -> tuple[str | None, str]:
        split, id = wanted
        return split, f'{id}{suffix}' if number == 1 else f'{id}{suffix}~{number}'

    return names.take((sample.split, safe_id(sample.id)), numbered, first=1)[1]


def unique_ids(wanted: Sequence[str]) -> dict[int, str]:
    """Ids for names that cannot be ids as they are, because they are not safe or there twice, by their places.

    Example:
        >>> unique_ids(['a', 'b:1', 'b_1', 'a'])
        {1: 'b_1~2', 3: 'a~2'}
    """
    unsafe = {place: name for place, text in enumerate(wanted) if (name := safe_id(text)) != text}
    if not unsafe and len(set(wanted)) == len(wanted):
        return {}
    names = FreeNames(name for place, name in enumerate(wanted) if place not in unsafe)
    seen: set[str] = set()
    found: dict[int, str] = {}
    for place, text in enumerate(wanted):
        name = unsafe.get(place, text)
        if place in unsafe or name in seen:
            found[place] = name = names.take(name, lambda name, number: f'{name}~{number}')
        seen.add(name)
    return found


_SAFE = re.compile(r'[\w-][\w -]*(\.[\w-][\w -]*)*', re.ASCII)


def safe_id(text: str) -> str:
    """A relative path that stays below any folder it is joined to, as like `text` as possible.

    Example:
        >>> safe_id('street/0001'), safe_id('../../etc/passwd'), safe_id('C:\\\\a')
        ('street/0001', 'etc/passwd', 'C_/a')
    """
    if len(text) < _LONGEST and _SAFE.fullmatch(text):
        return text
    parts = []
    for part in text.replace('\\', '/').split('/'):
        clean = re.sub(r'[\x00-\x1f\x7f:*?"<>|]', '_', part)
        if clean.strip('. '):
            parts.append(clean.encode(errors='replace')[:_LONGEST].decode(errors='ignore'))
    return '/'.join(parts) or 'item'
