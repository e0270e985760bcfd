"""The lines of `trace.jsonl`: JSON objects, each with its `type`.

An attempt of a run begins with a `trace`; what follows belongs to it. A `function` comes before the first line that
names its `id`. Times are seconds since the attempt's trace began, on a clock that never jumps.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

TRACE: Final = 'trace.jsonl'
"""The file in a run directory."""
VERSION: Final = 1
"""The version of the file, `v` of each `trace`."""
EACH: Final = 1_000
"""Calls of one function of a plugin that are written one by one, in an attempt; later ones are counted."""

Seconds = Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]
"""A time that a run can take: a line with another one is damaged."""
Outcome = Literal['answered', 'declined', 'done', 'wrapped', 'raised']
"""How a call ended: with an answer; with None where that declines; `done` for hooks that take no answer; a wrapper that
returned; an exception."""


class Record(msgspec.Struct, frozen=True, tag_field='type', omit_defaults=True):
    """A line of the file."""


class AttemptBegan(Record, frozen=True, tag='trace'):
    """An attempt of the run began: the first line of its trace."""

    v: int
    attempt: int
    started: str
    """ISO 8601, UTC."""
    pid: int = 0
    synapse_hooks: str = ''
    """The version of synapse-hooks."""
    hook_api: int = 0
    """The version of the hook API."""
    each: int = EACH
    """Calls of one function that are written one by one."""
    not_traced: tuple[str, ...] = ()
    """What the durations include and the calls do not show, in sentences."""


class Function(Record, frozen=True, tag='function'):
    """A function by which a plugin answers a hook."""

    id: int
    hook: str
    plugin: str
    kind: str
    rank: str
    distribution: str | None = None
    version: str | None = None
    wrapper: bool = False


class StepBegan(Record, frozen=True, tag='step'):
    """A step of the run began; the one before it is over. An empty name: the steps are over."""

    name: str
    start: Seconds


class CallBegan(Record, frozen=True, tag='begun'):
    """A call that was under way when the file was written. If no `call` has its `id`, the run was killed in it."""

    id: int
    function: int
    start: Seconds
    parent: int | None = None
    step: str = ''
    thread: str = ''


class CallEnded(Record, frozen=True, tag='call'):
    """A call, from its beginning to its end."""

    id: int
    function: int
    start: Seconds
    seconds: Seconds
    outcome: Outcome
    parent: int | None = None
    """The call in which it was made: that of a wrapper around it, or of a function that called a hook."""
    error: str | None = None
    """The type of the exception."""
    step: str = ''
    thread: str = ''


class MoreCalls(Record, frozen=True, tag='more'):
    """Calls of a function that were only counted, in a step: each such line replaces the one before it."""

    function: int
    calls: int
    seconds: Seconds
    longest: Seconds
    raised: int = 0
    step: str = ''
    thread: str = ''


class StillRunning(Record, frozen=True, tag='alive'):
    """The run goes on. Written when a tenth more time has passed, so that a killed run shows how long it worked."""

    seconds: Seconds


class TraceEnded(Record, frozen=True, tag='end'):
    """The attempt is over, and everything is in the file."""

    seconds: Seconds
    lost: int = 0
    """Calls that came faster than they could be written."""


AnyRecord = AttemptBegan | Function | StepBegan | CallBegan | CallEnded | MoreCalls | StillRunning | TraceEnded
