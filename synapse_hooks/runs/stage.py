"""One stage of a run, as run.json has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime
from typing import Any, Final

import msgspec
from msgspec import Struct

from synapse_hooks.journal.values import number_of

_LONGEST: Final = 1e10
"""Seconds: some 300 years."""


class _Loss(Struct):
    kind: str
    count: int
    reason: str = ''
    examples: list[dict[str, Any]] = []


class _Unreadable(Struct):
    count: int = 0
    examples: list[dict[str, Any]] = []


class _Losses(Struct):
    """What readers of `Stage.losses` rely on."""

    written: dict[str, int] = {}
    converted: list[_Loss] = []
    dropped: list[_Loss] = []
    repaired: list[_Loss] = []
    doubtful: list[_Loss] = []
    attributes: dict[str, int] = {}
    unreadable: _Unreadable = msgspec.field(default_factory=_Unreadable)


class HookCall(Struct, frozen=True):
    """The calls of one plugin for one hook, in a stage."""

    hook: str
    plugin: str
    """The plugin and its distribution."""
    calls: int = 0
    seconds: float = 0.0
    """In all, with the hooks that it has called itself; of a wrapper, without what it wraps."""
    answered: bool = False
    """Whether it gave an answer, and did not decline."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a run: its status, how long it took, and who answered."""

    name: str
    """`export`, `convert`, `pre_execute`, `execute`, `upload`, or that of a step of the action's own."""
    status: str
    """`running`, `succeeded`, `skipped`, `failed`, `cancelled` or `rolled back`."""
    seconds: float | None
    """How long it took the last time that it ran; None while it runs, and if its process was killed."""
    answered_by: str | None
    """The plugin that answered, where one did."""
    attempts: int
    """How often it was tried in the last attempt of the run."""
    started: datetime | None
    """When it began the last time, in UTC."""
    finished: datetime | None
    """When it ended the last time, in UTC."""
    error: str | None
    """Why it failed: the type of the error and its message."""
    losses: Mapping[str, Any] | None
    """The report of a conversion; see `synapse_hooks.data.LossReport.to_dict`."""
    hooks: tuple[HookCall, ...] = ()
    """The plugins that were called, in the order of their first calls; without those for sinks."""

    @classmethod
    def of(cls, recorded: Mapping[str, Any]) -> Stage:
        """The stage of an entry of `stages` in run.json. Fields that have another type than expected are None."""
        error, answered_by = recorded.get('error'), recorded.get('answered_by')
        return cls(
            name=str(recorded.get('name')),
            status=str(recorded.get('status')),
            seconds=seconds_of(recorded.get('seconds')),
            answered_by=answered_by if isinstance(answered_by, str) else None,
            attempts=int(recorded.get('attempts') or 0),
            started=moment(recorded.get('started')),
            finished=moment(recorded.get('finished')),
            error=error if isinstance(error, str) else None,
            losses=_losses(recorded.get('losses')),
            hooks=_hooks(recorded.get('hooks')),
        )

    def to_dict(self) -> dict[str, Any]:
        """The stage as JSON values, as `--json` has it."""
        names = ('name', 'status', 'seconds', 'answered_by', 'error', 'losses')
        return {name: getattr(self, name) for name in names}


def _losses(value: object) -> dict[str, Any] | None:
    if not isinstance(value, dict):
        return None
    try:
        msgspec.convert(value, _Losses)
    except msgspec.ValidationError:
        return None
    return value


def _hooks(value: object) -> tuple[HookCall, ...]:
    try:
        return tuple(msgspec.convert(value or [], list[HookCall]))
    except msgspec.ValidationError:
        return ()


def seconds_of(value: object) -> float | None:
    """A duration of run.json or of an event, in seconds; None for what cannot be one.

    Example:
        >>> seconds_of(3), seconds_of(-1), seconds_of(1e300), seconds_of('3')
        (3.0, None, None, None)
    """
    number = number_of(value)
    return number if number is not None and 0 <= number < _LONGEST else None


def moment(text: object) -> datetime | None:
    """A time of run.json (ISO 8601 with offset); None for anything else.

    Example:
        >>> moment('2026-11-23T20:15:00+00:00').hour, moment('yesterday'), moment(None)
        (20, None, None)
    """
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    # In the first and the last year there may be no such time in another time zone.
    return found if found.tzinfo is not None and MINYEAR < found.year < MAXYEAR else None
