"""The hook `convert` for a format: options, reader, splits, conversion, loss report, digest."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.context import Dataset, TrainContext
from synapse_hooks.conversion.conversion import Conversion
from synapse_hooks.conversion.early import EarlyConversion
from synapse_hooks.conversion.fingerprint import joined
from synapse_hooks.conversion.options import Options
from synapse_hooks.conversion.target import Target
from synapse_hooks.data import SPLITS, DatasetInfo, LossReport, dataset
from synapse_hooks.data.plausibility import ALL_CROWDS, check_plausibility
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.geometry.extents import FAULTS
from synapse_hooks.version import __version__

if TYPE_CHECKING:
    from synapse_hooks.formats.base import BaseFormat

_SAME_OUTPUT: Final = ('workers', 'executor', 'trainer_cache')
"""Settings that change nothing of what is written."""


def convert(format: BaseFormat, context: TrainContext, source: Dataset) -> Dataset:
    """Convert `source` into `format`, in `context.output_dir`. A dataset that has the format already is returned.

    The loss report goes to the journal, as an event `losses`, and to the user as a warning when something was lost.

    Raises:
        DatasetInvalid: It has no items, no annotations, or none that the target can express.
        UnreadableItem: More items than tolerated cannot be read.
        LossRefused: Something was lost, and the run is strict.
        NoAnswer: No plugin reads the source's format.
    """
    if source['format'] == format.name:
        return source
    options = Options.of(context, format.name)
    out = context.output_dir
    out.mkdir(parents=True, exist_ok=True)
    conversion = Conversion.of(context, source, Target(format, out, options))
    early = context.early_conversion
    shards = early.take(conversion) if isinstance(early, EarlyConversion) else None
    if shards is not None:
        context.log_message('convert: the dataset was converted while it was exported', code='early')
    try:
        made = conversion.finalize(shards or conversion.write())
    except UnicodeEncodeError as error:
        raise DatasetInvalid(
            f'{source["path"]}: the name {error.object!r} is not valid UTF-8, so it cannot be written into a text',
            hint='rename the file or folder',
            path=str(source['path']),
        ) from error

    if made.written.when_published is not None:
        context.when_published.append(made.written.when_published)
    report, info = made.report, made.info
    counts = made.read.counts
    report.finalize(counts.sources)
    check_plausibility(
        report,
        objects=counts.objects,
        crowds=counts.crowds,
        splits=info.splits or counts.splits,
        labelled=counts.labelled,
    )
    if not report.total('written') + report.total('converted'):
        raise DatasetInvalid(
            f'{source["path"]}: none of its annotations can be expressed in {format.name!r}\n{report.summary()}',
            hint=_hint(report),
            path=str(source['path']),
        )
    report.merge(made.read.report)
    _report(context, report, source, format)
    names = [name for name in dict.fromkeys((*SPLITS, *made.splits)) if name and made.splits.get(name)]
    splits = {name: made.splits[name] for name in names}
    digest = _digest(source.get('digest') or joined(made.read.blocks), format, options, info)
    written = made.written
    return dataset(
        out,
        written.format or format.name,
        config_path=written.config_path,
        info=replace(info, splits=splits),
        digest=digest,
    )


def _hint(report: LossReport) -> str:
    """What to do where nothing could be expressed: the most frequent reason decides."""
    if any(loss.reason == ALL_CROWDS for loss in report.losses.values()):
        return 'if these regions are objects, take them as such: `--crowds objects` (of a run: `-p crowds=objects`)'
    dropped = [loss for loss in report.losses.values() if loss.fate == 'dropped']
    most = max(dropped, key=lambda loss: loss.count, default=None)
    if most is not None and most.reason.startswith(FAULTS):
        return 'correct the annotations that are named, or export the dataset again: `synapse-hooks inspect` shows more'
    return 'choose another target format or task'


def _report(context: TrainContext, report: LossReport, source: Dataset, format: BaseFormat) -> None:
    context.recorder.record('losses', {'from': source['format'], 'to': format.name, **report.to_dict()})
    if context.runtime_ctx.strict:
        report.refuse_losses()
    if summary := report.summary():
        level = 'warning' if report.losses or report.unreadable_count else 'info'
        context.log_message(f'{source["format"]} to {format.name}: {summary}', level=level, code='losses')


def _digest(content: str, format: BaseFormat, options: Options, info: DatasetInfo) -> str:
    """Equal digests mean equal output: it covers the input, what was asked for, and who did it."""
    settings = {name: value for name, value in options.settings.items() if name not in _SAME_OUTPUT}
    facts: list[Any] = [content, format.name, format.version, __version__, options.task, list(options.shares.items())]
    if options.crowds != 'keep':
        facts.append(options.crowds)
    facts += [list(info.classes or ()), sorted(map(str, settings.items()))]
    return hashlib.sha256(repr(facts).encode(errors='backslashreplace')).hexdigest()
