"""The reading half of a format, as others see it: every sample once, sized, named safely, counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from synapse_hooks.context import Dataset
from synapse_hooks.data import (
    DEFAULT_TOLERANCE,
    MEASURED,
    DatasetInfo,
    LossReport,
    Sample,
    Tolerance,
    Unreadable,
    image_size,
    survey,
)
from synapse_hooks.errors import DatasetInvalid, UnreadableItem

if TYPE_CHECKING:
    from synapse_hooks.formats.base import Format

_LONGEST = 200


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
        """Told of an error that `read` raises. It is read while another plugin writes, which is not to blame."""

    @cached_property
    def info(self) -> DatasetInfo:
        """What is known of the dataset: its declaration, and one pass over it for the rest."""
        self._check()
        declared = self.format.declare(self.path)
        if declared.classes is None and (classes := self.dataset.get('classes')):
            declared = replace(declared, classes=tuple(classes))
        return declared if declared.complete else survey(declared, self._samples(measure=False))

    def __iter__(self) -> Iterator[Sample]:
        self._check()
        return self._samples(measure=True)

    def _check(self) -> None:
        if not self.path.exists():
            raise DatasetInvalid(f'there is no dataset at {self.path}', hint='check the path', path=str(self.path))

    def _samples(self, *, measure: bool) -> Iterator[Sample]:
        self.report = LossReport()
        readable = self.__dict__['info'].count if 'info' in self.__dict__ else None
        unreadable = Unreadable(self.tolerance, self.report, readable)
        worker = self.format.bound(report=self.report, unreadable=unreadable)
        taken: set[tuple[str | None, str]] = set()
        count = 0
        try:
            for sample in worker.read(self.path):
                sample.id = _free_id(sample, taken)
                if measure and sample.image is not None:
                    try:
                        _measure(sample)
                    except UnreadableItem as error:
                        unreadable.met(error, counted=True)
                        continue
                count += 1
                yield sample
        except Exception as error:
            error.add_note(f'while format {self.format.name!r} was reading {self.path}')
            self.blame(error)
            raise
        unreadable.finish(count)


def _measure(sample: Sample) -> None:
    """Fill in the size, and see that the image is one: a dataset that tells sizes may hold damaged images all the same.

    Raises:
        UnreadableItem: The image has no header that is known.
    """
    assert sample.image is not None
    told = bool(sample.width and sample.height)
    if told and sample.image.suffix.lower() not in MEASURED:
        return
    size = image_size(sample.image)
    if not told:
        sample.width, sample.height = size


def _free_id(sample: Sample, taken: set[tuple[str | None, str]]) -> str:
    """The sample's id, made safe for a file name, and made different where two images share a stem."""
    suffix = sample.image.suffix if sample.image is not None else ''
    first = name = safe_id(sample.id)
    tries = 1
    while (sample.split, name) in taken:
        name = first + suffix if tries == 1 else f'{first}{suffix}~{tries}'
        tries += 1
    taken.add((sample.split, name))
    return name


def safe_id(text: str) -> str:
    """A relative path that stays below any folder it is joined to, as like `text` as possible.

    Example:
        >>> safe_id('street/0001'), safe_id('../../etc/passwd'), safe_id('C:\\\\a')
        ('street/0001', 'etc/passwd', 'C_/a')
    """
    parts = []
    for part in text.replace('\\', '/').split('/'):
        clean = re.sub(r'[\x00-\x1f\x7f:*?"<>|]', '_', part)
        if clean.strip('. '):
            parts.append(clean.encode(errors='replace')[:_LONGEST].decode(errors='ignore'))
    return '/'.join(parts) or 'item'
