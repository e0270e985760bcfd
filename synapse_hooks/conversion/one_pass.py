"""Reading and writing at once, in one process or several: how the built-in formats are written.

What is not known beforehand is presumed from a few items and seen at the end: if it was wrong, which is rare,
everything is written again. What only counts at the end, such as the numbers of classes, is settled there.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from synapse_hooks.conversion.job import Converted, Job
from synapse_hooks.conversion.pipeline import Pipeline, ReadResult
from synapse_hooks.conversion.progress import Progress
from synapse_hooks.conversion.read_ahead import ReadAhead
from synapse_hooks.conversion.reading import ReadContext
from synapse_hooks.conversion.share import Share, Tell, Written
from synapse_hooks.conversion.workers import Worker, ready, send, workers
from synapse_hooks.data import DatasetInfo, LossReport

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def write(job: Job) -> Converted:
    """Convert in one pass; in two where a presumption was wrong."""
    pipeline = job.open()
    if not pipeline.shards:
        job.need_content(pipeline.finish())
    guess = replace(job.complete(pipeline.peek()), splits=job.declared.splits)
    last = LossReport()
    format = job.format.bound(ReadContext(report=last), options=job.options)
    plan = format.plan(guess)
    while True:
        job.progress.start(pipeline.count)
        with _no_collections(pipeline), _shares(job, pipeline, plan) as shares:
            written = shares.write()
            read, report = _merged(written)
            job.need_content(read)
            info = job.complete(read.tally)
            better = format.plan(info)
            if better == plan:
                found = [one.found for one in written]
                shares.settle(info, found)
                config_path = format.finish(plan, info, job.out, found)
                when_published = format.when_published(plan, info, job.out, found)
                report.merge(last)
                job.progress.finish()
                counts = format.counts(found)
                splits = (info.splits if counts is None else counts) or {}
                return Converted(config_path, read, report, info, format.written_format(plan), splits, when_published)
        plan = better
        shutil.rmtree(job.out)
        job.out.mkdir()
        pipeline = job.open()


def _merged(written: Sequence[Written]) -> tuple[ReadResult, LossReport]:
    read, report = written[0].read, written[0].report
    for one in written[1:]:
        read.merge(one.read)
        report.merge(one.report)
    return read, report


@contextmanager
def _no_collections(pipeline: Pipeline) -> Iterator[None]:
    """Without looking for cycles among millions of small objects: our own readers make none."""
    collecting = gc.isenabled() and pipeline.count is not None
    if collecting:
        gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextmanager
def _shares(job: Job, pipeline: Pipeline, plan: Any) -> Iterator[_Alone | _Together]:
    parts = len(pipeline.shards)
    processes = job.options.processes(pipeline.count or 0)
    count = min(processes, parts)
    cuts = [round(number * parts / count) for number in range(count + 1)]
    shares = []
    for number, (first, last) in enumerate(pairwise(cuts)):
        report = LossReport()
        format = job.format.bound(ReadContext(report=report), options=job.options)
        writer = format.writer(plan, job.declared, job.out, number)
        assert writer is not None
        source = ReadAhead(pipeline) if pipeline.count is None and processes > 1 else pipeline
        shares.append(Share(source, writer, report, pipeline.shards[first:last], is_first=number == 0))
    if count == 1:
        try:
            yield _Alone(shares[0], job.progress)
        finally:
            shares[0].writer.close()
        return
    gc.freeze()
    try:
        with workers([partial(_work, share) for share in shares]) as started:
            yield _Together(started, job.progress)
    finally:
        gc.unfreeze()


class _Alone:
    """The only share, in this process."""

    def __init__(self, share: Share, progress: Progress) -> None:
        self.share = share
        self.progress = progress

    def write(self) -> list[Written]:
        return [self.share.write(self.progress.add)]

    def settle(self, info: DatasetInfo, found: Sequence[Any]) -> None:
        self.share.settle(info, ())


class _Together:
    """Shares in processes of their own."""

    def __init__(self, started: list[Worker], progress: Progress) -> None:
        self.started = started
        self.progress = progress

    def write(self) -> list[Written]:
        written: dict[int, Written] = {}
        failed: dict[int, BaseException] = {}
        while True:
            # The first failure in the order of the dataset is reported, whichever is quicker.
            last = min(failed, default=len(self.started))
            waiting = [w for n, w in enumerate(self.started[:last]) if n not in written]
            if not waiting:
                break
            for worker in ready(waiting):
                number = self.started.index(worker)
                try:
                    content = worker.receive()
                except Exception as error:
                    if not worker.pid:
                        # It was killed, which says nothing of the dataset.
                        raise
                    failed[number] = error
                    continue
                if isinstance(content, Written):
                    written[number] = content
                else:
                    self.progress.add(content)
        if failed:
            raise failed[min(failed)]
        return [written[number] for number in range(len(self.started))]

    def settle(self, info: DatasetInfo, found: Sequence[Any]) -> None:
        for number, worker in enumerate(self.started):
            worker.send((info, list(found[:number])))
        for worker in self.started:
            worker.receive()


def _work(share: Share, connection: Connection) -> None:
    """What a worker process does."""
    tell: Tell = partial(send, connection)
    if not share.is_first and isinstance(share.pipeline, Pipeline):
        share.pipeline.forget_opening()
    send(connection, share.write(tell))
    info, before = connection.recv()
    share.settle(info, before)
    send(connection, True)
