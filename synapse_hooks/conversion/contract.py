"""What a format gives to the engine: a source that is read, and a sink that writes.

A source says what its shards are, and reads any of them in batches. The engine decides where a shard is read: one after
the other, in several processes, or on other machines. Every batch then takes the same way: it is validated, its images
are measured, it is divided, counted and fingerprinted, and handed to a sink.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from synapse_hooks.data.dataset import BATCH, DatasetInfo

if TYPE_CHECKING:
    from synapse_hooks.data.batch import Batch


Projection = Literal['samples', 'shapes']
"""What of the samples is wanted; a source may always give more.

- `samples`: everything, with `extra`: from it the same dataset can be written again.
- `shapes`: shapes, labels, ids and attributes. A polygon of which only the text is known may be an `Outline`.
"""


class Source(Protocol):
    """A dataset that is read.

    It is made cheaply: what must be opened is opened by `shards`, which is asked once, before anything is read.
    Sources are made by `Format.source`, for every reading.
    """

    @property
    def info(self) -> DatasetInfo:
        """What the dataset says of itself without reading every item: above all its classes, in its own order.

        Raises:
            DatasetInvalid: The dataset cannot be used.
        """

    @property
    def count(self) -> int | None:
        """How many items there are, readable or not; None where that is not known beforehand."""

    def shards(self) -> Sequence[Any]:
        """The parts that can be read by themselves, in the order of the dataset; each is small and can be pickled.

        They must not depend on the number of processes: the digest of a dataset is made from its shards.

        Raises:
            DatasetInvalid: The dataset cannot be used.
        """

    def read(self, shard: Any) -> Iterator[Batch]:
        """The samples of a shard, some hundred at a time.

        Ids must be safe for file names, and unique within their split: see `unique_ids`. An item that cannot be read
        goes to `context.skip(error)`, what `Sample` cannot hold to `context.report.dropped(...)`.

        Args:
            shard: One of `shards()`.
        """

    def peek(self, count: int) -> Iterator[Batch]:
        """About so many samples from all over the dataset: what is presumed of the rest, such as its kind of labels."""


class BaseSource:
    """A source of one shard that says nothing of itself: a base class that fills in what a source need not have."""

    @property
    def info(self) -> DatasetInfo:
        """See `Source.info`."""
        return DatasetInfo()

    @property
    def count(self) -> int | None:
        """See `Source.count`."""
        return None

    def shards(self) -> Sequence[Any]:
        """See `Source.shards`."""
        return (0,)

    def read(self, shard: Any) -> Iterator[Batch]:
        """See `Source.read`."""
        raise NotImplementedError

    def peek(self, count: int) -> Iterator[Batch]:
        """The first batch of some shards."""
        shards, seen = self.shards(), 0
        for shard in shards[:: max(1, len(shards) // 3)]:
            for batch in self.read(shard):
                seen += len(batch.samples)
                yield batch
                break
            if seen >= count:
                break


class ItemSource(BaseSource):
    """A source that can begin at any item: its shards are ranges of numbers."""

    @property
    def count(self) -> int:
        """How many items there are, readable or not."""
        raise NotImplementedError

    def shards(self) -> Sequence[range]:
        """Ranges of 128 items."""
        count = self.count
        return [range(start, min(start + BATCH, count)) for start in range(0, count, BATCH)]

    def read(self, shard: range) -> Iterator[Batch]:
        """See `Source.read`."""
        raise NotImplementedError

    def peek(self, count: int) -> Iterator[Batch]:
        """Items at equal distances."""
        for number in range(0, self.count, max(1, self.count // count)):
            yield from self.read(range(number, number + 1))
