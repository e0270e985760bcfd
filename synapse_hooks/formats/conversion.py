"""One conversion: from the reader of one format through the canonical samples into the writer of another."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from synapse_hooks import __version__
from synapse_hooks.context import Dataset, DatasetReader, TrainContext
from synapse_hooks.data import OBJECT_KINDS, SPLITS, DatasetInfo, LossReport, Sample, assign, dataset, survey
from synapse_hooks.errors import DatasetInvalid, NobodyAnswered, WrongAnswer
from synapse_hooks.formats.options import Options
from synapse_hooks.formats.reader import FormatReader
from synapse_hooks.storage import file_digest

if TYPE_CHECKING:
    from synapse_hooks.formats.base import Format

_REPORT_EVERY = 0.25


def convert(format: Format, context: TrainContext, source: Dataset) -> Dataset:
    """Convert `source` into `format`, in `context.output_dir`. A dataset that has the format already is returned.

    The loss report goes to the journal, as an event `losses`, and to the user as a warning when something was lost.

    Raises:
        DatasetInvalid: It has no items, no annotations, or none that the target can express.
        UnreadableItem: More items than tolerated cannot be read.
        LossRefused: Something was lost, and the run is strict.
        NobodyAnswered: No plugin reads the source's format.
    """
    if source['format'] == format.name:
        return source
    options = Options.of(context, format.name)
    reader = _open(context, source, options)
    info, shares = _divided(_prepared(reader, source), options, context)

    report, out = LossReport(), context.output_dir
    out.mkdir(parents=True, exist_ok=True)
    feed = _Feed(reader, info, shares, context, with_digest='digest' not in source)
    config_path = format.bound(report=report, options=options).write(iter(feed), info, out)
    if not feed.finished:
        raise WrongAnswer(
            f'format {format.name!r} stopped writing after {feed.count:,} of {info.count:,} samples',
            hint='its `write` must take every sample',
            hook='convert',
        )
    report.settle(feed.kinds)
    if not report.total('written') + report.total('converted'):
        raise DatasetInvalid(
            f'{source["path"]}: none of its annotations can be expressed in {format.name!r}\n{report.summary()}',
            hint='choose another target format or task',
            path=str(source['path']),
        )
    if isinstance(reader, FormatReader):
        report.merge(reader.report)
    _tell(context, report, source, format)
    digest = _digest(source.get('digest') or feed.digest.hexdigest(), format, options, info)
    made = replace(info, splits={name: feed.splits[name] for name in (*SPLITS, *feed.splits) if feed.splits[name]})
    return dataset(out, format.name, config_path=config_path, info=made, digest=digest)


def _open(context: TrainContext, source: Dataset, options: Options) -> DatasetReader:
    reader: DatasetReader | None = context.hooks.open_dataset(dataset=source)
    if reader is None:
        raise NobodyAnswered(
            f'no plugin reads the format {source["format"]!r} of {source["path"]}',
            hint='`synapse-hooks formats` lists what there is',
            hook='open_dataset',
        )
    if isinstance(reader, FormatReader):
        reader.tolerance = options.tolerance
    return reader


def _prepared(reader: DatasetReader, source: Dataset) -> DatasetInfo:
    info = reader.info if reader.info.complete else survey(reader.info, reader)
    if not info.count:
        raise DatasetInvalid(
            f'{source["path"]} has no images (read as {source["format"]!r})',
            hint='check the path and the format: `synapse-hooks convert --from FORMAT`',
            path=str(source['path']),
        )
    if not info.kinds:
        raise DatasetInvalid(
            f'{source["path"]} has no labels: {info.count:,} items and not one annotation',
            hint='check that the annotations were exported with the images',
            path=str(source['path']),
        )
    return replace(info, classes=info.classes_of(*OBJECT_KINDS))


def _divided(info: DatasetInfo, options: Options, context: TrainContext) -> tuple[DatasetInfo, Mapping[str, float]]:
    """The fractions to divide by, if any: a dataset that is divided already keeps its splits, and is said to."""
    own = [name for name, count in (info.splits or {}).items() if count]
    if not options.shares or len(own) > 1:
        if options.shares:
            context.log_message(
                f'the dataset keeps its splits {", ".join(own)}: the fractions in `splits` are for one that has none',
                level='warning',
                code='splits-kept',
            )
        return info, {}
    return replace(info, splits=dict.fromkeys(options.shares, 0)), options.shares


def _tell(context: TrainContext, report: LossReport, source: Dataset, format: Format) -> None:
    context.recorder.record('losses', {'from': source['format'], 'to': format.name, **report.to_dict()})
    if context.runtime_ctx.strict:
        report.refuse_losses()
    if summary := report.summary():
        level = 'info' if report.lossless else 'warning'
        context.log_message(f'{source["format"]} to {format.name}: {summary}', level=level, code='losses')


def _digest(content: str, format: Format, options: Options, info: DatasetInfo) -> str:
    """Equal digests mean equal output: it covers the input, what was asked for, and who did it."""
    facts: list[Any] = [content, format.name, format.version, __version__, options.task, list(options.shares.items())]
    facts += [list(info.classes or ()), sorted(map(str, options.settings.items()))]
    return hashlib.sha256(msgspec.json.encode(facts)).hexdigest()


class _Feed:
    """The samples on their way from reader to writer: split, counted, hashed, reported as progress."""

    def __init__(
        self,
        reader: DatasetReader,
        info: DatasetInfo,
        shares: Mapping[str, float],
        context: TrainContext,
        *,
        with_digest: bool,
    ) -> None:
        self.reader = reader
        self.info = info
        self.shares = shares
        self.context = context
        self.with_digest = with_digest
        self.digest = hashlib.sha256()
        self.count = 0
        self.kinds: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()
        self.finished = False

    def __iter__(self) -> Iterator[Sample]:
        total, said = self.info.count or 0, 0.0
        for sample in self.reader:
            if self.shares:
                sample.split = assign(sample.id, self.shares)
            elif self.info.splits and sample.split is None:
                raise DatasetInvalid(
                    f'{sample.id} is in no split, while others are', hint='put every item into a split, or none'
                )
            self._note(sample)
            yield sample
            if time.monotonic() - said > _REPORT_EVERY:
                said = time.monotonic()
                self.context.set_progress(self.count, total, 'convert')
        self.finished = True
        self.context.set_progress(self.count, self.count, 'convert')

    def _note(self, sample: Sample) -> None:
        self.count += 1
        if sample.split is not None:
            self.splits[sample.split] += 1
        for annotation in sample.annotations:
            self.kinds[annotation.kind] += 1
        if self.with_digest:
            image = file_digest(sample.image) if sample.image is not None else ''
            facts: list[Any] = [sample.id, sample.split, sample.width, sample.height, image]
            self.digest.update(msgspec.json.encode([*facts, sample.annotations, sample.extra]))
