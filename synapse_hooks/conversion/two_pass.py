"""Handing samples to a format's `write`, one at a time; before that, a look at all of them for what it is told."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from synapse_hooks.conversion.job import Converted, Job
from synapse_hooks.conversion.read_ahead import ReadAhead
from synapse_hooks.conversion.reading import ReadContext
from synapse_hooks.data import DatasetInfo, LossReport, Sample
from synapse_hooks.errors import WrongAnswer


def write(job: Job) -> Converted:
    """Survey the dataset if need be, then hand its samples to the format's `write`."""
    info = _surveyed(job) if job.format.surveys else job.declared
    report = LossReport()
    feed = _Feed(job, info)
    # An error of the writer holds on to what it was reading from, which may be a process.
    with closing(feed.samples()) as samples:
        config_path = job.format.bound(ReadContext(report=report), options=job.options).write(samples, info, job.out)
    if not feed.finished:
        raise WrongAnswer(
            f'format {job.format.name!r} stopped writing after {feed.taken:,}{_of(info)} samples',
            hint='its `write` must take every sample',
            hook='convert',
        )
    read = feed.pipeline.finish()
    job.need_content(read)
    job.progress.finish()
    info = job.complete(read.tally)
    return Converted(config_path, read, report, info, job.format.name, info.splits or {})


def _surveyed(job: Job) -> DatasetInfo:
    survey = job.open()
    # No total: a step of a run is not done when everything was looked at.
    job.progress.start(None, 'survey')
    for batch in survey.batches():
        job.progress.add(len(batch.samples))
    job.need_content(survey.finish())
    return job.complete(survey.result.tally)


def _of(info: DatasetInfo) -> str:
    return '' if info.count is None else f' of {info.count:,}'


class _Feed:
    """The samples on their way to the format's `write`; with a second process, that one reads."""

    def __init__(self, job: Job, info: DatasetInfo) -> None:
        self.job = job
        pipeline = job.open()
        several = job.options.processes(info.count or pipeline.count or 0) > 1
        self.pipeline = ReadAhead(pipeline) if several else pipeline
        self.taken = 0
        self.finished = False
        job.progress.start(info.count if pipeline.count is None else pipeline.count)

    def samples(self) -> Generator[Sample, None, None]:
        for batch in self.pipeline.batches():
            samples = batch.rows()
            for number, sample in enumerate(samples, 1):
                self.taken += 1
                yield sample
                if number % 64 == 0 or number == len(samples):
                    self.job.progress.add(number % 64 or 64)
        self.finished = True
