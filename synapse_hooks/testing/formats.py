"""The contract of a format, as a test class that its author subclasses.

    from synapse_hooks.testing import FormatConformance

    class TestAcme(FormatConformance):
        format = AcmeFormat()

pytest collects the subclass and runs every test; `tmp_path` is a fixture of pytest. A test that does not apply, such as
one of reading for a format that is only written, is skipped.

PYTEST_DONT_REWRITE: the messages are complete, and pytest would add to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from unittest import SkipTest

from synapse_hooks.context import Dataset
from synapse_hooks.data import Sample
from synapse_hooks.formats import BaseFormat
from synapse_hooks.testing.format_checks import (
    Declaring,
    EdgeCases,
    HostileInput,
    Kinds,
    Names,
    Outputs,
    Reading,
    Resources,
    RoundTrips,
    Surroundings,
    tree,
)
from synapse_hooks.testing.plugins import writes
from synapse_hooks.testing.samples import small_samples

__all__ = ['FormatConformance', 'tree']


class FormatConformance(
    Declaring, RoundTrips, Kinds, Names, EdgeCases, Outputs, Resources, Reading, Surroundings, HostileInput
):
    """Subclass it in a test module and set `format`; for several tasks, subclass it several times."""

    format: ClassVar[BaseFormat]
    """The format under test."""
    params: ClassVar[Mapping[str, Any]] = {}
    """Parameters of every conversion, such as `{'target_task': 'segment'}`."""
    tolerance: ClassVar[float] = 1e-6
    """By how much a coordinate may change without being reported, as a share of the longer side of the image."""
    mutations: ClassVar[int] = 50
    """How many invalid datasets are tried at most; each takes some 50 ms."""
    fuzz_seconds: ClassVar[float] = 1.5
    """For how long they are tried; 0 leaves out the tests of invalid and hostile datasets."""
    seed: ClassVar[int] = 0
    """The seed of their mutations: the same seed gives the same datasets."""
    bytes_per_sample: ClassVar[int | None] = 32_768
    """By how much the memory of reading and writing may grow for each sample of an image of 40 kB and some ten
    annotations; None for a format that must hold everything."""

    # -- what an author may override ---------------------------------------------------------------------------------

    def samples(self, folder: Path) -> list[Sample]:
        """The samples to convert, with `CLASSES` as the declared classes. For a format that holds neither boxes nor
        polygons, return samples that it does hold, such as `small_samples(folder, 'classification')`.
        """
        return small_samples(folder)

    def dataset(self, folder: Path) -> Dataset:
        """A dataset in the format, below `folder`: override it for a format that is only read."""
        if not writes(self.format):
            raise SkipTest('it is only read, and `dataset` is not overridden')
        return self.converted(self.samples(folder / 'images'), folder / 'dataset').dataset

    def identity(self, sample: Sample) -> Any:
        """A value that identifies an image under any name: its bytes. Override it if images are encoded again."""
        return sample.image.read_bytes() if sample.image is not None else sample.id
