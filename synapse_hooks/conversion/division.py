"""Which samples of a dataset go into which split."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from synapse_hooks.context import DatasetReader, TrainContext
from synapse_hooks.conversion.options import Options
from synapse_hooks.data import BY_FOLDER, DatasetInfo, Sample, assign, group_key, stratify
from synapse_hooks.errors import ParamsError


@dataclass(frozen=True)
class Division:
    """How a dataset is divided.

    Args:
        names: The splits to make; empty where the dataset keeps its own, or has none.
        of: Says into which of them a sample goes; None where there is nothing to divide.
    """

    names: tuple[str, ...] = ()
    of: Callable[[Sample], str] | None = None

    def info(self, declared: DatasetInfo) -> DatasetInfo:
        """What is declared of the dataset once it is divided."""
        return replace(declared, splits=dict.fromkeys(self.names, 0)) if self.names else declared


@dataclass(frozen=True)
class ById:
    """Divides by ids: a sample goes into the same split in every conversion.

    Args:
        shares: The fraction of each split.
    """

    shares: Mapping[str, float]

    def __call__(self, sample: Sample) -> str:
        """The split of a sample."""
        return assign(sample.id, self.shares)


@dataclass(frozen=True)
class ByUnit:
    """Divides by units, which are not torn apart.

    Args:
        units: The unit of each sample, by its id.
        splits: The split of each unit.
    """

    units: Mapping[str, str]
    splits: Mapping[str, str]

    def __call__(self, sample: Sample) -> str:
        """The split of a sample."""
        return self.splits[self.units[sample.id]]


def divided(reader: DatasetReader, declared: DatasetInfo, options: Options, context: TrainContext) -> Division:
    """The division that was asked for. A dataset that is divided already keeps its splits, and is said to.

    Args:
        reader: The dataset. It is read beforehand only where that is needed.
        declared: What it says of itself.
        options: What was asked for.
        context: Logs what is not done.

    Raises:
        ParamsError: There are no groups of that name.
    """
    shares = options.shares
    asked = [name for name in ('group_by', 'stratify') if getattr(options, name)]
    if not shares:
        if asked:
            _tell(context, f'{" and ".join(asked)}: there are no fractions to divide by, so nothing is divided')
        return Division()
    own = list(declared.splits if declared.splits is not None else reader.info.splits or {})
    if len(own) > 1:
        said = ' and '.join(['the fractions in `splits`', *asked])
        _tell(context, f'the dataset keeps its splits {", ".join(own)}: {said} are for one that has none')
        return Division()
    names = tuple(shares)
    if not (options.stratify or options.group_by):
        return Division(names, ById(shares))
    # What an item shows of its class or group may not be there any more when it is written: one look beforehand.
    units: dict[str, str] = {}
    groups: set[str] = set()

    def seen() -> Iterator[Sample]:
        for sample in reader:
            group = group_key(sample, options.group_by) if options.group_by else None
            units[sample.id] = group or sample.id
            groups.update([group] if group else [])
            yield sample

    found = stratify(seen(), shares, group_by=options.group_by) if options.stratify else {}
    deque(() if options.stratify else seen(), maxlen=0)
    if options.group_by not in ('', BY_FOLDER) and not groups:
        raise ParamsError(
            f'group_by: no item has an attribute {options.group_by!r}, so there are no groups to keep together',
            hint=f'correct the name; {BY_FOLDER!r} (with its colon) is the folder of an item',
            field='group_by',
        )
    if options.stratify:
        return Division(names, ByUnit(units, found))
    return Division(names, ByUnit(units, {unit: assign(unit, shares) for unit in set(units.values())}))


def _tell(context: TrainContext, text: str) -> None:
    context.log_message(text, level='warning', code='splits-kept')
