"""One conversion: everything that a source gives, written by a sink.

What a sink must know of the whole dataset beforehand is presumed from a few items and checked at the end: if it was
wrong, which is rare, everything is written again. What only counts at the end, such as the numbers of classes, comes
last.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, Self

from synapse_hooks.context import Dataset, Executor, TrainContext
from synapse_hooks.conversion.checked import CheckedSink
from synapse_hooks.conversion.contract import Projection, WriteResult, Written, written_images
from synapse_hooks.conversion.executors import Serial, executor_of
from synapse_hooks.conversion.pipeline import Pipeline, ReadResult
from synapse_hooks.conversion.progress import Progress
from synapse_hooks.conversion.read_ahead import ReadAhead
from synapse_hooks.conversion.reader import FormatReader, declared_by, open_reader
from synapse_hooks.conversion.requirements import require_content
from synapse_hooks.conversion.shards import ShardResult, ShardTasks, WriteShards
from synapse_hooks.conversion.split_assignment import assign_splits
from synapse_hooks.conversion.target import Target
from synapse_hooks.data import DatasetCounts, DatasetInfo, LossReport
from synapse_hooks.errors import DatasetInvalid


@dataclass(frozen=True)
class WrittenShards:
    """All shards of a dataset, each written and finished; it can be pickled."""

    plan: Any
    info: DatasetInfo
    """Complete."""
    results: Sequence[WriteResult]
    read: ReadResult
    """What was read."""
    report: LossReport
    """What the sink could not express."""


@dataclass(frozen=True)
class Converted(WrittenShards):
    """A written dataset, before it is published."""

    written: Written
    splits: Mapping[str, int]
    """The images in each split, as written."""


@dataclass(eq=False)
class Conversion:
    """A dataset on its way into another format."""

    source: Dataset
    """What is read, for messages."""
    declared: DatasetInfo
    """What is known before the first sample."""
    open: Callable[[Projection], Pipeline]
    """Opens the dataset, to be read from its beginning."""
    target: Target
    """Where it goes."""
    progress: Progress
    """Where progress is reported."""
    executor: Callable[[int], Executor]
    """What runs the tasks, for a number of items."""

    def __post_init__(self) -> None:
        self.sink, self._report = self.target.sink()

    @classmethod
    def of(cls, context: TrainContext, source: Dataset, target: Target) -> Self:
        """The conversion of a dataset in a run, before anything is written.

        Args:
            context: The run.
            source: What is converted.
            target: Where it goes.

        Raises:
            NoAnswer: No plugin reads the source's format.
            ParamsError: It cannot be divided as requested.
        """
        options = target.options
        reader = open_reader(context.hooks, source)
        if isinstance(reader, FormatReader):
            # Assigning splits may read every item before the conversion does.
            reader.tolerance = options.tolerance
        declared = declared_by(reader)
        assignment = assign_splits(reader, declared, options, context)

        def opened(projection: Projection) -> Pipeline:
            return Pipeline(
                reader,
                projection,
                divide=assignment.split_of,
                tolerance=options.tolerance,
                digest='digest' not in source,
                crowds_as_objects=options.crowds == 'objects',
            )

        executor = partial(executor_of, context, options)
        return cls(source, assignment.info(declared), opened, target, Progress(context), executor)

    @property
    def count(self) -> int | None:
        """How many items the source has; None where that is unknown before all are read."""
        return self.open(self.sink.projection).count

    def splits_in_order(self, counts: DatasetCounts) -> list[str]:
        """The splits that have items, in the order of their first ones: as `write` finds them.

        Args:
            counts: Of all items.
        """
        if self.declared.splits and not self.target.options.shares:
            # The source gives one split after the other. To look for the second one may take as long as to write it.
            return [name for name in self.declared.splits if counts.splits[name]]
        names: dict[str, None] = {}
        for batch in self.open(self.sink.projection).batches():
            names.update(dict.fromkeys(sample.split for sample in batch.samples if sample.split is not None))
            if len(names) == len(counts.splits):
                break
        return list(names)

    def write(self) -> WrittenShards:
        """Write everything but what `finalize` adds.

        Raises:
            DatasetInvalid, UnreadableItem: The dataset cannot be read, or not be written.
        """
        sink = self.sink
        surveyed = self._survey(sink) if sink.survey else None
        pipeline = self.open(sink.projection)
        if not pipeline.shards:
            require_content(self.source, pipeline.finish())
        known = surveyed or replace(self._complete(sink, pipeline.peek()), splits=self.declared.splits)
        plan = sink.initialize_write(known)
        previous = None
        while True:
            if 'arrivals' in self.source and (surveyed or sink.needs_order(plan)):
                raise DatasetInvalid(
                    f'{self.source["path"]}: its items are still arriving, in any order',
                    hint='convert it when it is complete',
                )
            self.progress.start(pipeline.count or known.count if surveyed else pipeline.count)
            with self._tasks(sink, pipeline, plan, known) as tasks:
                results = tasks.write(self.progress.add)
                read, losses = _merged(results)
                require_content(self.source, read)
                info = self._complete(sink, read.counts)
                better = plan if surveyed else sink.initialize_write(info)
                if sink.is_same_plan(better, plan):
                    done = [result.written for result in results]
                    for one in tasks.finalize(plan, info, done):
                        losses.merge(one)
                    return WrittenShards(plan, info, done, read, losses)
            if info == previous:
                sink.refuse_unstable(plan, better)
            plan, previous = better, info
            shutil.rmtree(self.target.out)
            self.target.out.mkdir()
            pipeline = self.open(sink.projection)

    def finalize(self, shards: WrittenShards) -> Converted:
        """Finish the dataset.

        Raises:
            DatasetInvalid: It cannot be written.
        """
        written = self.sink.finalize(shards.plan, shards.info, shards.results)
        shards.report.merge(self._report)
        self.progress.finish()
        counted = all(result.splits is not None for result in shards.results)
        splits = written_images(shards.results) if counted else shards.info.splits or {}
        return Converted(**vars(shards), written=written, splits=splits)

    def _survey(self, sink: CheckedSink) -> DatasetInfo:
        pipeline = self.open(sink.projection)
        # No total: a step of a run is not done when everything was looked at.
        self.progress.start(None, 'survey')
        for batch in pipeline.batches():
            self.progress.add(len(batch.samples))
        read = pipeline.finish()
        require_content(self.source, read)
        return self._complete(sink, read.counts)

    def _complete(self, sink: CheckedSink, counts: DatasetCounts) -> DatasetInfo:
        """What is known of the dataset when everything was counted."""
        info = replace(counts.info(self.declared), classes=self.declared.classes)
        return replace(info, classes=sink.classes(info))

    def _tasks(self, sink: CheckedSink, pipeline: Pipeline, plan: Any, known: DatasetInfo) -> ShardTasks:
        shards = pipeline.shards
        options = self.target.options
        items = pipeline.count or known.count or 0
        # A wrong name is an error for a small dataset, too.
        executor = self.executor(items)
        in_parts = sink.parallel and len(shards) > 1
        count = max(1, min(executor.workers, len(shards))) if in_parts else 1
        # What cannot be read in parts, or not be written in parts, is read in one process and written in another.
        ahead = options.processes(items) > 1 and options.executor != 'serial' and not in_parts
        reading = ReadAhead(pipeline) if ahead else pipeline
        cuts = [round(number * len(shards) / count) for number in range(count + 1)]
        tasks = [
            WriteShards(reading, shards[first:last], self.target, plan, self.declared, number)
            for number, (first, last) in enumerate(pairwise(cuts))
        ]
        if count > 1 and getattr(executor, 'repeats', False):
            # Not at the top: the executors of this package do not repeat tasks.
            from synapse_hooks.conversion.parts import PartTasks

            return PartTasks(executor, tasks)
        return ShardTasks(executor if count > 1 else Serial(), tasks)


def _merged(results: Sequence[ShardResult]) -> tuple[ReadResult, LossReport]:
    read, report = results[0].read, results[0].report
    for one in results[1:]:
        read.merge(one.read)
        report.merge(one.report)
    return read, report
