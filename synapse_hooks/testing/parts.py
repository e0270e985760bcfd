"""A dataset of many shards, for the test of a sink that writes in parts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

from synapse_hooks.data import DatasetInfo, Sample
from synapse_hooks.formats import BaseFormat, BaseSource, ReadContext
from synapse_hooks.testing.samples import CLASSES

if TYPE_CHECKING:
    from synapse_hooks.formats import Batch


class InParts(BaseFormat):
    """Reads samples, each as a shard of its own.

    Args:
        samples: Which.
    """

    name = 'in_parts'

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples

    def source(self, path: Path, context: ReadContext) -> BaseSource:
        """See `BaseFormat.source`."""
        return _Source(self.samples)


class _Source(BaseSource):
    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = samples

    @property
    def info(self) -> DatasetInfo:
        return DatasetInfo(classes=CLASSES)

    @property
    def count(self) -> int:
        return len(self.samples)

    def shards(self) -> range:
        return range(self.count)

    def read(self, shard: int) -> Iterator[Batch]:
        sample = deepcopy(self.samples[shard])
        sample.id = f'{shard:03}'
        # numpy is imported by those who need it only.
        from synapse_hooks.formats import gather

        yield gather([sample])
