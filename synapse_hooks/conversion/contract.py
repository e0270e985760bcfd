"""The interface between a format and the engine: a source that is read, and a sink that writes.

A source says what its shards are, and reads any of them in batches. The engine decides where a shard is read: one after
the other, in several processes, or on other machines. Every batch then passes the same stages: it is validated, its
images are measured, it is assigned to splits, counted and fingerprinted, and passed to a sink.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from synapse_hooks.data.dataset import BATCH, OBJECT_KINDS, DatasetInfo

if TYPE_CHECKING:
    from synapse_hooks.data.batch import Batch


Projection = Literal['samples', 'shapes']
"""What a sink needs of the samples; a source may always give more.

- `samples`: everything, with `extra`: from it the same dataset can be written again.
- `shapes`: shapes, labels, ids and attributes. A polygon of which only the text is known may be an `Outline`.
"""


class Source(Protocol):
    """A dataset that is read.

    Its construction is cheap: files are opened by `shards`, which is called once, before anything is read.
    Sources are made by `BaseFormat.source`, for every reading.
    """

    @property
    def info(self) -> DatasetInfo:
        """What the dataset declares, without reading every item: above all its classes, in its own order.

        Raises:
            DatasetInvalid: The dataset cannot be used.
        """

    @property
    def count(self) -> int | None:
        """How many items there are, readable or not; None if that is not known in advance."""

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
        """About `count` samples from all over the dataset: an estimate of the rest, such as its kind of labels."""


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
                yield batch
                seen += len(batch.samples)
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


@dataclass(frozen=True)
class WriteResult:
    """What a shard that was written leaves for the rest of the conversion; it travels between processes."""

    splits: Mapping[str, int] | None = None
    """How many images were written into each split, by its name ('' without splits). None: all that were read."""
    state: Any = None
    """What `finalize_shard` and `finalize` must know of it; it can be pickled."""


def written_images(results: Iterable[WriteResult]) -> Counter[str]:
    """How many images were written into each split, by all shards together.

    Example:
        >>> sorted(written_images([WriteResult({'train': 1}), WriteResult({'train': 2, 'valid': 1})]).items())
        [('train', 3), ('valid', 1)]
    """
    total = Counter[str]()
    for result in results:
        total.update(result.splits or {})
    return total


@dataclass(frozen=True)
class Written:
    """A dataset as a sink has written it."""

    config_path: Path | None = None
    """The file that a trainer wants; None where the folder itself is the answer."""
    format: str | None = None
    """The format of it; None: that of the sink's format."""
    when_published: Callable[[Path], None] | None = None
    """Called with the place where the dataset stays, such as to write a file that holds absolute paths. A failure there
    is a warning: the dataset must be complete without."""


class Sink(Protocol):
    """Writes a dataset into an empty folder, in shards.

    Sinks are made by `BaseFormat.sink`, one for each shard and one for the whole, each with a loss report of its own.
    What they have in common is a plan. A shard is written without knowing what the rest holds: what depends on the
    whole, such as the numbers of classes, waits for `finalize_shard`.
    """

    @property
    def projection(self) -> Projection:
        """What it needs of the samples."""

    @property
    def survey(self) -> bool:
        """Whether the plan needs the whole dataset, which is read twice then; else it is made from a few samples."""

    @property
    def parallel(self) -> bool:
        """Whether several shards can be written at once, in several processes."""

    def needs_order(self, plan: Any) -> bool:
        """Whether what is written depends on the order of the samples, or on files of the source after `write`.

        Where it does not, samples may be written as they arrive from a backend, while others are still on their way.

        Args:
            plan: What `initialize_write` returned.
        """

    def classes(self, info: DatasetInfo) -> tuple[str, ...]:
        """The classes of what is written, in the order of their numbers.

        Args:
            info: Complete but for the classes, which are as the source declares them, or None.
        """

    def initialize_write(self, info: DatasetInfo) -> Any:
        """The plan: what must be known of the whole dataset before the first shard. It is compared, and can be pickled.

        It is asked before the first sample, with what a few samples show, and after the last one. Where the answers
        differ, everything is written again with the second one: for an equal `info` it must be the same each time.

        Args:
            info: What is known, with `classes` as they would be written.

        Raises:
            DatasetInvalid: The dataset cannot be written.
        """

    def write(self, plan: Any, info: DatasetInfo, shard: int, batches: Iterator[Batch]) -> WriteResult:
        """Write a shard. All batches must be taken, and files have names that no other shard uses.

        Args:
            plan: What `initialize_write` returned.
            info: Declared by the source, not counted; `classes` may be None.
            shard: Its number, from 0.
            batches: Its samples, in their order.
        """

    def finalize_shard(self, plan: Any, info: DatasetInfo, shard: int, results: Sequence[WriteResult]) -> None:
        """Finish a shard when the whole is known; several at once, in several processes.

        Args:
            plan: What `initialize_write` returned.
            info: Complete.
            shard: Its number.
            results: What `write` returned, for each shard.
        """

    def finalize(self, plan: Any, info: DatasetInfo, results: Sequence[WriteResult]) -> Written:
        """Finish the dataset, after all shards."""


class BaseSink:
    """A sink with nothing to plan and nothing to finish: a base class that fills in what a sink need not have."""

    projection: Projection = 'shapes'
    """See `Sink.projection`."""
    survey: bool = False
    """See `Sink.survey`."""
    parallel: bool = True
    """See `Sink.parallel`."""

    def classes(self, info: DatasetInfo) -> tuple[str, ...]:
        """Those of objects: boxes, polygons, masks, skeletons."""
        return info.classes_of(*OBJECT_KINDS)

    def initialize_write(self, info: DatasetInfo) -> Any:
        """See `Sink.initialize_write`."""
        return None

    def needs_order(self, plan: Any) -> bool:
        """See `Sink.needs_order`."""
        return True

    def write(self, plan: Any, info: DatasetInfo, shard: int, batches: Iterator[Batch]) -> WriteResult:
        """See `Sink.write`."""
        raise NotImplementedError

    def finalize_shard(self, plan: Any, info: DatasetInfo, shard: int, results: Sequence[WriteResult]) -> None:
        """See `Sink.finalize_shard`."""

    def finalize(self, plan: Any, info: DatasetInfo, results: Sequence[WriteResult]) -> Written:
        """See `Sink.finalize`."""
        return Written()
