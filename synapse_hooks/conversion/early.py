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
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.context import Dataset, NullRecorder, TrainContext
from synapse_hooks.conversion.arrivals import Arrivals
from synapse_hooks.conversion.conversion import Conversion, WrittenShards
from synapse_hooks.conversion.options import Options
from synapse_hooks.conversion.target import Target
from synapse_hooks.conversion.workers import Worker, send, workers

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

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
        folder: Where it writes, on the disk of the run.
    """

    def __init__(self, format: BaseFormat, folder: Path) -> None:
        self.format = format
        self.folder = folder
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
        with ExitStack() as stack:
            try:
                arrivals = stack.enter_context(closing(self._start()))
                arriving: Dataset = {**dataset, 'arrivals': arrivals.file}
                work = partial(_work, context, arriving, self.format, self._out)
                (worker,) = stack.enter_context(workers([work]))
            except OSError:
                # No process, or no space: without this, the conversion takes place after the export.
                stack.close()
                yield lambda shard: None
                return
            complete = True

            def arrived(shard: Any) -> None:
                nonlocal complete
                try:
                    arrivals.add(shard)
                except OSError:
                    complete = False

            yield arrived
            if complete:
                arrivals.end()
                self._made = _received(worker, max(_PATIENCE, time.monotonic() - begun))

    def take(self, format: BaseFormat, dataset: Dataset, options: Options, out: Path) -> WrittenShards | None:
        """What was written of the exported dataset, moved into the empty folder `out`; None where it cannot be used.

        Args:
            format: The target.
            dataset: The exported dataset.
            options: How it would be converted.
            out: The folder.
        """
        made, self._made = self._made, None
        if made is None or format is not self.format or options != made.options or 'digest' not in dataset:
            return None
        if made.shards.read.unreadable is not None and made.shards.read.unreadable.count:
            # The messages name files where the export has made them, and they have moved.
            return None
        out.rmdir()
        self._out.rename(out)
        return made.shards

    def _start(self) -> Arrivals:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._out.mkdir(parents=True)
        # What is imported here need not be imported by the other process, beside threads that may import it, too.
        Target(self.format, self._out, Options()).sink()
        return Arrivals(self.folder / 'arrivals.jsonl')

    @property
    def _out(self) -> Path:
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
    options = Options.of(context, format.name)
    alone = options.workers == 1 or len(os.sched_getaffinity(0)) == 1 or options.executor not in (None, 'fork')
    if alone or options.group_by or options.stratify:
        # It would take the time of the export, or every sample decides about the split of the others.
        return None
    conversion = Conversion.of(context, dataset, Target(format, out, replace(options, workers=1, executor='serial')))
    if conversion.sink.survey or (options.shares and conversion.declared.splits is None):
        # It is not known yet whether the dataset keeps its splits.
        return None
    return _Made(options, conversion.write())
