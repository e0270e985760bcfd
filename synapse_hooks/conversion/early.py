"""A conversion that goes on while its dataset is still being exported, in a process of its own.

Nothing depends on it: where it is not possible, or fails, the conversion after the export does all of the work, and
reports what is wrong. It is possible where the order of the samples changes nothing of what is written, and what must
be known of the whole dataset counts only at the end.
"""

from __future__ import annotations

import gc
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.context import Dataset, NullRecorder, TrainContext
from synapse_hooks.conversion.arrivals import Arrivals
from synapse_hooks.conversion.workers import Worker, send, workers
from synapse_hooks.platforms import usable_cores

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    # Every run has this module; only one whose client announces items imports what converts.
    from synapse_hooks.conversion.conversion import Conversion, WrittenShards
    from synapse_hooks.conversion.options import Options
    from synapse_hooks.formats.base import BaseFormat

_PATIENCE: Final = 30.0
"""Seconds that it may take, at least, once everything has arrived."""

_NICE: Final = 5
"""The lower priority of the process, so that it does not slow the export down."""


@dataclass(frozen=True)
class _Made:
    options: Options
    """By which it was converted."""
    shards: WrittenShards


class EarlyConversion:
    """Converts what an export has completed, beside the export.

    Args:
        format: The target.
        folder: Its own, for the time until the conversion, on the disk of the run.
        out: Where the conversion would write: what is written, and what the sink answers, may hold this path.
        deadline: The seconds that all attempts to export may take together; None for any time.
    """

    def __init__(self, format: BaseFormat, folder: Path, out: Path, deadline: float | None = None) -> None:
        self.format = format
        self.folder = folder
        self.out = out
        self.deadline = deadline
        self._first_begun: float | None = None
        self._made: _Made | None = None

    @contextmanager
    def exporting(self, context: TrainContext, dataset: Dataset) -> Iterator[Callable[[Any], None]]:
        """Convert a dataset while the block exports it. At the end of the block, all of it was converted, or nothing.

        Args:
            context: The run.
            dataset: What will be there: `path` is the folder that is written, `format` its format.

        Yields:
            A function that is called with every shard whose files are complete: see `Arrivals.add`.
        """
        self._made = None
        begun = time.monotonic()
        self._first_begun = self._first_begun or begun
        with ExitStack() as stack:
            started = self._started(context, dataset, stack)
            complete = started is not None

            def announce(add: Callable[[Arrivals], None]) -> None:
                nonlocal complete
                if started is not None and complete:
                    try:
                        add(started[0])
                    except Exception:  # no space, or a client that announces something else than JSON
                        complete = False

            yield lambda shard: announce(lambda arrivals: arrivals.add(shard))
            announce(Arrivals.end)
            made = _received(started[1], self._patience(begun)) if started is not None and complete else None
            if made is not None:
                # The place is the conversion's, which finds it empty.
                self.out.rename(self._kept)
                self._made = made
        if self._made is None:
            shutil.rmtree(self.out, ignore_errors=True)

    def take(self, conversion: Conversion) -> WrittenShards | None:
        """What was written of the exported dataset, moved to where it would be written; None where it cannot be used.

        Args:
            conversion: That of the exported dataset, of which nothing is written yet.
        """
        made, self._made = self._made, None
        target = conversion.target
        if made is None or (target.format, target.out) != (self.format, self.out) or target.options != made.options:
            return None
        read = made.shards.read
        if read.unreadable is not None and read.unreadable.count:
            # The messages name files where the export has made them, and they have moved.
            return None
        if 'digest' not in conversion.source or conversion.count != read.counts.count:
            return None
        # A sink may have put something there.
        shutil.rmtree(self.out)
        self._kept.rename(self.out)
        splits = {name: (made.shards.info.splits or {})[name] for name in conversion.splits_in_order(read.counts)}
        return replace(made.shards, info=replace(made.shards.info, splits=splits))

    def _started(self, context: TrainContext, dataset: Dataset, stack: ExitStack) -> tuple[Arrivals, Worker] | None:
        """Start the process; None if that fails, such as for want of space."""
        try:
            arrivals = stack.enter_context(closing(self._start()))
            arriving: Dataset = {**dataset, 'arrivals': arrivals.file}
            (worker,) = stack.enter_context(workers([partial(_work, context, arriving, self.format, self.out)]))
        except Exception:  # the conversion after the export reports it
            return None
        return arrivals, worker

    def _patience(self, begun: float) -> float:
        """Seconds to wait for the rest of a conversion that has begun at this time."""
        now = time.monotonic()
        patience = max(_PATIENCE, now - begun)
        if self.deadline is None:
            return patience
        return min(patience, max(0.0, self.deadline - (now - (self._first_begun or begun))) / 2)

    def _start(self) -> Arrivals:
        from synapse_hooks.conversion.conversion import Conversion  # noqa: F401 (for the other process)
        from synapse_hooks.conversion.options import Options
        from synapse_hooks.conversion.target import Target

        for folder in (self.folder, self.out):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        # What is imported here need not be imported by the other process, beside threads that may import it, too.
        unused = self.folder / 'unused'
        unused.mkdir()
        with suppress(Exception):  # it may need options
            Target(self.format, unused, Options()).sink()
        return Arrivals(self.folder / 'arrivals.jsonl')

    @property
    def _kept(self) -> Path:
        """What was written, until the conversion takes it."""
        return self.folder / 'out'


def _received(worker: Worker, patience: float) -> _Made | None:
    if not worker.connection.poll(patience):
        return None
    try:
        made = worker.receive()
    except Exception:
        # The conversion after the export reports it, with the files where they are then.
        return None
    return made if isinstance(made, _Made) else None


def _work(context: TrainContext, dataset: Dataset, format: BaseFormat, out: Path, connection: Connection) -> None:
    """What the process does. The journal is the other one's, and so are the processors, as far as it needs them."""
    gc.disable()
    os.nice(_NICE)
    send(connection, _convert(replace(context, recorder=NullRecorder()), dataset, format, out))


def _convert(context: TrainContext, dataset: Dataset, format: BaseFormat, out: Path) -> _Made | None:
    from synapse_hooks.conversion.conversion import Conversion
    from synapse_hooks.conversion.options import Options
    from synapse_hooks.conversion.target import Target

    options = Options.of(context, format.name)
    alone = options.workers == 1 or usable_cores() == 1 or options.executor not in (None, 'fork')
    if alone or options.group_by or options.stratify:
        # It would take the time of the export, or every sample decides about the split of the others.
        return None
    conversion = Conversion.of(context, dataset, Target(format, out, replace(options, workers=1, executor='serial')))
    if conversion.sink.survey or (options.shares and conversion.declared.splits is None):
        # It is not known yet whether the dataset keeps its splits.
        return None
    return _Made(options, conversion.write())
