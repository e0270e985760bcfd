"""The options of a conversion: from parameters of the run, or from the project's settings for a format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from synapse_hooks.context import TrainContext
from synapse_hooks.data import DEFAULT_TOLERANCE, Tolerance, fractions
from synapse_hooks.errors import ParamsError
from synapse_hooks.platforms import usable_cores
from synapse_hooks.storage import LinkMode

Crowds = Literal['keep', 'objects']

_CROWDS_HINT = '`objects` takes crowd regions as objects; leave it out to keep them crowds'
_WORTH_IT = 2000
"""Fewer items are done before the processes have begun."""
_MOST = 8


@dataclass(frozen=True, slots=True)
class Options:
    """How a conversion is done. The defaults are what most want."""

    task: str | None = None
    """What the target is for (`detect`, `segment`, ...), for a format that can do several; None lets it decide."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """Fractions by which a dataset without splits is divided."""
    tolerance: Tolerance = DEFAULT_TOLERANCE
    """What to do about unreadable items."""
    images: LinkMode = 'hardlink'
    """How image files come into the target."""
    workers: int | None = None
    """How many processes may work; None lets the number of items and of processor cores decide."""
    executor: str | None = None
    """Where the shards are written: `serial`, `fork`, or what a plugin brings; None lets the number of items decide."""
    group_by: str = ''
    """The attribute whose values are not torn apart when a dataset is divided; empty for none."""
    stratify: bool = False
    """Whether every split gets its share of each class when a dataset is divided."""
    crowds: Crowds = 'keep'
    """What becomes of crowd regions: `objects` takes them as objects."""
    trainer_cache: bool = True
    """Whether the cache that the trainer would make of the dataset is written with it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The whole table `[tool.synapse_hooks.settings.FORMAT]`, for what a format defines itself."""

    def processes(self, count: int) -> int:
        """How many processes work on so many items."""
        if self.workers is not None:
            return self.workers
        return 1 if count < _WORTH_IT else min(usable_cores(), _MOST)

    @classmethod
    def of(cls, context: TrainContext, format: str) -> Options:
        """The options of a run: its parameters first, then the settings of the target format.

        | parameter | setting | values |
        | --- | --- | --- |
        | `target_task` | `task` | what the format offers |
        | `splits` | `splits` | fractions that add up to 1, such as `{'train': 0.8, 'valid': 0.2}` |
        | `unreadable` | `unreadable` | `skip`, `fail`, or the tolerated share (0.01) |
        | `crowds` | `crowds` | `keep`, or `objects`: crowd regions are taken as objects |
        | | `images` | `hardlink`, `symlink`, `copy` |
        | | `workers` | how many processes may work |
        | | `executor` | where the parts of a dataset are written: `serial`, `fork`, or what a plugin brings |
        | | `group_by` | an attribute: items with the same value of it go into one split (`folder:` is their folder) |
        | | `stratify` | whether every split gets its share of each class |
        | | `trainer_cache` | whether ultralytics' cache of labels is written, true by default |

        Raises:
            ParamsError: A value is unusable; `field` names it.
        """
        settings = context.settings.get(format, {})

        def option(param: str, setting: str, default: Any = None) -> Any:
            value = context.params.get(param)
            return settings.get(setting, default) if value is None else value

        task = option('target_task', 'task')
        return cls(
            task=None if task is None else str(task),
            shares=fractions(option('splits', 'splits')) or {},
            tolerance=_tolerance(option('unreadable', 'unreadable', DEFAULT_TOLERANCE)),
            crowds=_one_of('crowds', Crowds, option('crowds', 'crowds', 'keep'), _CROWDS_HINT),
            # No parameters: actions use these words for other things.
            images=_one_of('images', LinkMode, settings.get('images', 'hardlink'), 'leave it out for hard links'),
            workers=_workers(settings.get('workers')),
            executor=_name('executor', settings.get('executor')),
            group_by=str(settings.get('group_by', '')),
            stratify=_switch('stratify', settings.get('stratify', False)),
            trainer_cache=_switch('trainer_cache', settings.get('trainer_cache', True)),
            settings=settings,
        )


def _tolerance(value: Any) -> Tolerance:
    if value in ('skip', 'fail'):
        return 'skip' if value == 'skip' else 'fail'
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    raise ParamsError(
        f"unreadable: must be 'skip', 'fail' or a share from 0 to 1, got {value!r}",
        hint='leave it out to fail above one item in a hundred',
        field='unreadable',
    )


def _one_of(field: str, choices: Any, value: Any, hint: str) -> Any:
    names = get_args(choices)
    if isinstance(value, str) and value in names:
        return value
    raise ParamsError(f'{field}: must be one of {", ".join(names)}, got {value!r}', hint=hint, field=field)


def _workers(value: Any) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise ParamsError(
        f'workers: must be a whole number from 1 on, got {value!r}',
        hint='leave it out to have it decided',
        field='workers',
    )


def _name(field: str, value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    raise ParamsError(f'{field}: must be a name, got {value!r}', hint='leave it out for the default', field=field)


def _switch(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise ParamsError(f'{name}: must be true or false, got {value!r}', hint='leave it out for the default', field=name)
