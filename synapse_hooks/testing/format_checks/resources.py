"""Tests of a format: the memory it takes does not grow with the dataset.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

import gc
import os
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import ClassVar, Final
from unittest import SkipTest

from synapse_hooks.data import Sample
from synapse_hooks.testing.conversion import open_dataset
from synapse_hooks.testing.format_checks.case import FormatCase
from synapse_hooks.testing.hard_samples import enlarged

_FEW: Final = 60
_MANY: Final = 240
_ANNOTATIONS: Final = 8
"""In each sample at least."""
_IMAGE_SIZE: Final = 40_000
"""The size of an image in bytes."""


class Resources(FormatCase):
    """The memory it takes does not grow with the dataset."""

    bytes_per_sample: ClassVar[int | None]

    def test_writing_streams(self, tmp_path: Path) -> None:
        """Four times as many samples take little more memory: `write` keeps neither samples nor images."""
        self.require_write()
        # What is imported and cached on first use is none of it.
        self._write(8, tmp_path / 'first')
        few, many = (self._peak(partial(self._write, number, tmp_path)) for number in (_FEW, _MANY))
        self._check_growth(few, many, 'writing')

    def test_reading_streams(self, tmp_path: Path) -> None:
        """Four times as many samples take little more memory: `read` yields them one at a time, and opens no images."""
        self.require_read_and_write()
        for number in (_FEW, _MANY):
            self._write(number, tmp_path)
        few, many = (self._peak(partial(self._read, number, tmp_path)) for number in (_FEW, _MANY))
        self._check_growth(few, many, 'reading')

    def _check_growth(self, few: int, many: int, what: str) -> None:
        limit = self.bytes_per_sample
        growth = (many - few) / (_MANY - _FEW)
        assert limit is None or growth <= limit, (
            f'{what} takes {growth:,.0f} bytes more for each sample ({few:,} bytes for {_FEW}, {many:,} for {_MANY}), '
            f'expected at most {limit:,}: handle samples one at a time, or set `bytes_per_sample` for a format that '
            'must hold a whole document'
        )

    def _write(self, number: int, folder: Path) -> None:
        samples = self.samples(folder / 'images')
        for sample in samples:
            if sample.image is not None and sample.image.suffix == '.png' and sample.image.stat().st_size < _IMAGE_SIZE:
                sample.image.write_bytes(enlarged(sample.image.read_bytes(), _IMAGE_SIZE))
        self.converted(_Many(samples, number), folder / f'{number}' / 'out')

    def _read(self, number: int, folder: Path) -> None:
        for _ in open_dataset({'path': folder / f'{number}' / 'out', 'format': self.format.name}, self.format):
            pass

    def _peak(self, work: Callable[[], None]) -> int:
        """The peak of the memory that Python allocates for `work`, in bytes, measured in a process of its own."""
        if self.bytes_per_sample is None:
            raise SkipTest('`bytes_per_sample` is None')
        readable, writable = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                gc.collect()
                # Otherwise what waits for the collector counts too.
                gc.set_threshold(100, 5, 5)
                tracemalloc.start()
                work()
                os.write(writable, str(tracemalloc.get_traced_memory()[1]).encode())
                os._exit(0)
            finally:
                # It never returns into the test.
                os._exit(1)
        os.close(writable)
        with open(readable) as file:
            text = file.read()
        os.waitpid(child, 0)
        assert text, 'a conversion of more samples failed; convert them in a test to see the error'
        return int(text)


class _Many(list[Sample]):
    """So many samples, made of the given ones, one at a time."""

    def __init__(self, samples: Sequence[Sample], number: int) -> None:
        super().__init__(samples)
        self.number = number

    def __iter__(self) -> Iterator[Sample]:
        for place, sample in zip(range(self.number), cycle(super().__iter__()), strict=False):
            annotations = deepcopy(sample.annotations)
            kept = annotations[:1] if annotations and annotations[0].kind == 'classification' else annotations
            more = [] if kept is not annotations else annotations * (_ANNOTATIONS // max(len(annotations), 1))
            yield Sample(
                f'{sample.id}-{place}',
                image=sample.image,
                width=sample.width,
                height=sample.height,
                split=sample.split,
                annotations=deepcopy([*kept, *more]),
            )
