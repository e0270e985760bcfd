"""Which split each sample of a dataset goes into."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from synapse_hooks.context import DatasetReader, TrainContext
from synapse_hooks.conversion.options import Options
from synapse_hooks.data import BY_FOLDER, DatasetInfo, Sample, assign, group_key, stratify
from synapse_hooks.errors import ParamsError


@dataclass(frozen=True)
class SplitAssignment:
    """How the samples of a dataset are assigned to splits.

    Args:
        names: The splits to make; empty if the dataset keeps its own, or has none.
        split_of: The split of a sample; None if no splits are made.
    """

    names: tuple[str, ...] = ()
    split_of: Callable[[Sample], str] | None = None

    def info(self, declared: DatasetInfo) -> DatasetInfo:
        """The declaration of the dataset, with the splits to make."""
        return replace(declared, splits=dict.fromkeys(self.names, 0)) if self.names else declared


@dataclass(frozen=True)
class ById:
    """Assigns by id: a sample goes into the same split in every conversion.

    Args:
        shares: The fraction of each split.
    """

    shares: Mapping[str, float]

    def __call__(self, sample: Sample) -> str:
        """The split of a sample."""
        return assign(sample.id, self.shares)


@dataclass(frozen=True)
class ByUnit:
    """Assigns whole units: samples of one unit are in one split.

    Args:
        units: The unit of each sample, by its id.
        splits: The split of each unit.
    """

    units: Mapping[str, str]
    splits: Mapping[str, str]

    def __call__(self, sample: Sample) -> str:
        """The split of a sample."""
        return self.splits[self.units[sample.id]]


def assign_splits(
    reader: DatasetReader, declared: DatasetInfo, options: Options, context: TrainContext
) -> SplitAssignment:
    """The requested assignment. A dataset that has several splits keeps them, with a warning.

    Args:
        reader: The dataset. It is read in advance only if the groups or classes of its samples are needed.
        declared: What the dataset declares.
        options: The fractions, `group_by` and `stratify`.
        context: Logs a warning for an option that has no effect.

    Raises:
        ParamsError: There are no groups of that name.
    """
    shares = options.shares
    asked = [name for name in ('group_by', 'stratify') if getattr(options, name)]
    if not shares:
        if asked:
            _warn(context, f'{" and ".join(asked)}: there are no fractions to divide by, so nothing is divided')
        return SplitAssignment()
    own = list(declared.splits if declared.splits is not None else reader.info.splits or {})
    if len(own) > 1:
        ignored = ' and '.join(['the fractions in `splits`', *asked])
        _warn(context, f'the dataset keeps its splits {", ".join(own)}: {ignored} are for one that has none')
        return SplitAssignment()
    names = tuple(shares)
    if not (options.stratify or options.group_by):
        return SplitAssignment(names, ById(shares))
    # Repairs and skipped items may change what a sample shows of its class or group, so these are read in advance.
    units: dict[str, str] = {}
    groups: set[str] = set()

    def read_all() -> Iterator[Sample]:
        for sample in reader:
            group = group_key(sample, options.group_by) if options.group_by else None
            units[sample.id] = group or sample.id
            groups.update([group] if group else [])
            yield sample

    stratified = stratify(read_all(), shares, group_by=options.group_by) if options.stratify else {}
    deque(() if options.stratify else read_all(), maxlen=0)
    if options.group_by not in ('', BY_FOLDER) and not groups:
        raise ParamsError(
            f'group_by: no item has an attribute {options.group_by!r}, so there are no groups to keep together',
            hint=f'correct the name; {BY_FOLDER!r} (with its colon) is the folder of an item',
            field='group_by',
        )
    if options.stratify:
        return SplitAssignment(names, ByUnit(units, stratified))
    return SplitAssignment(names, ByUnit(units, {unit: assign(unit, shares) for unit in set(units.values())}))


def _warn(context: TrainContext, text: str) -> None:
    context.log_message(text, level='warning', code='splits-kept')
