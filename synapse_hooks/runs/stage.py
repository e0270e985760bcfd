"""One stage of a run, as run.json has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


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

    @classmethod
    def of(cls, recorded: Mapping[str, Any]) -> Stage:
        """The stage of an entry of `stages` in run.json. Fields that have another type than expected are None."""
        seconds, error, losses = recorded.get('seconds'), recorded.get('error'), recorded.get('losses')
        answered_by = recorded.get('answered_by')
        return cls(
            name=str(recorded.get('name')),
            status=str(recorded.get('status')),
            seconds=float(seconds) if isinstance(seconds, int | float) else None,
            answered_by=answered_by if isinstance(answered_by, str) else None,
            attempts=int(recorded.get('attempts') or 0),
            started=moment(recorded.get('started')),
            finished=moment(recorded.get('finished')),
            error=error if isinstance(error, str) else None,
            losses=losses if isinstance(losses, dict) else None,
        )


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
    return found if found.tzinfo is not None else None
