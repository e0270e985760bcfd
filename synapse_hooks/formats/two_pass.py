"""Looking at everything first, then writing: how a format is written that has only `write`."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from synapse_hooks.data import DatasetInfo, LossReport, Sample
from synapse_hooks.errors import WrongAnswer
from synapse_hooks.formats.job import Job, Outcome
from synapse_hooks.formats.read_ahead import ReadAhead


def write(job: Job) -> Outcome:
    """Survey the dataset, then hand its samples to the format's `write`."""
    survey = job.open()
    # No total: a step of a run is not done when everything was looked at.
    job.progress.start(None, 'survey')
    for block in survey.samples():
        job.progress.add(len(block))
    job.need_content(survey.finish())
    info = job.complete(survey.passed.tally)
    report = LossReport()
    feed = _Feed(job, info)
    # An error of the writer holds on to what it was reading from, which may be a process.
    with closing(feed.samples()) as samples:
        config_path = job.format.bound(report=report, options=job.options).write(samples, info, job.out)
    if not feed.finished:
        raise WrongAnswer(
            f'format {job.format.name!r} stopped writing after {feed.taken:,} of {info.count:,} samples',
            hint='its `write` must take every sample',
            hook='convert',
        )
    passed = feed.stream.finish()
    job.need_content(passed)
    job.progress.finish()
    return Outcome(config_path, passed, report, info)


class _Feed:
    """The samples on their way to the format's `write`; with a second process, that one reads."""

    def __init__(self, job: Job, info: DatasetInfo) -> None:
        self.job = job
        stream = job.open()
        self.stream = ReadAhead(stream) if job.options.processes(info.count or 0) > 1 else stream
        self.finished = False
        self.taken = 0
        """How many samples were taken, once the generator is closed."""
        job.progress.start(info.count)

    def samples(self) -> Generator[Sample, None, None]:
        """The samples, one at a time."""
        before = number = 0
        try:
            for block in self.stream.samples():
                for number, sample in enumerate(block, 1):
                    yield sample
                    if number % 64 == 0 or number == len(block):
                        self.job.progress.add(number % 64 or 64)
                before, number = before + len(block), 0
            self.finished = True
        finally:
            self.taken = before + number
