"""What the journal of a run says besides numbers: attempts with their steps and trainings, messages, files, results."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from synapse_hooks.journal.reader import attempt_of
from synapse_hooks.journal.values import number_of
from synapse_hooks.report.downsampling import Point, downsampled
from synapse_hooks.runs import Run
from synapse_hooks.runs.stage import moment, seconds_of
from synapse_hooks.safe_text import text_of

_TYPES: Final = (
    'run_start', 'run_end', 'step', 'training', 'message', 'artifact', 'checkpoint', 'params', 'system',
)  # fmt: skip
_LAST_MESSAGES: Final = 12
_MOST_NOTICES: Final = 100
_MOST_TRAININGS: Final = 200
_MOST_ARTIFACTS: Final = 2000
_MOST_FIGURES: Final = 20_000
_LETTERS: Final = 4000


@dataclass
class Span:
    """Something that took time: a step, or a training within one."""

    name: str
    kind: str
    """`step` or `training`."""
    start: datetime | None
    end: datetime | None = None
    status: str = 'running'
    seconds: float | None = None


@dataclass
class Attempt:
    """One attempt of a run, with the steps and trainings in it."""

    number: int
    start: datetime | None = None
    end: datetime | None = None
    status: str = ''
    spans: list[Span] = field(default_factory=list)


@dataclass(frozen=True)
class Message:
    """A message of the journal."""

    when: datetime | None
    attempt: int
    level: str
    text: str


@dataclass
class History:
    """What is collected from a journal; bounded, however long it is."""

    attempts: dict[int, Attempt] = field(default_factory=dict)
    last_messages: deque[Message] = field(default_factory=lambda: deque(maxlen=_LAST_MESSAGES))
    """The last messages of the last attempt; in a run that failed, those before its end."""
    notices: dict[str, Message] = field(default_factory=dict)
    """Warnings and errors, by text."""
    levels: Counter[str] = field(default_factory=Counter)
    """How many messages there are of each level."""
    artifacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The last `artifact` event of each path."""
    params: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The parameters that a framework or the action logged, by training."""
    system: dict[str, list[Point]] = field(default_factory=dict)
    """What the run used of its machine, by name: minutes since the run began, and a value."""
    began: datetime | None = None
    """When the first event was recorded."""
    corrupt: int = 0
    """Lines of the journal that cannot be read."""

    @classmethod
    def of(cls, run: Run, clean: Callable[[Any], Any]) -> History:
        """Read the journal of a run; `clean` removes secrets from JSON values."""
        found = cls()
        events = run.events(*_TYPES)
        for event in events:
            found._add(clean(event))
        found.corrupt = events.corrupt
        return found

    def _add(self, event: dict[str, Any]) -> None:
        number = attempt_of(event)
        attempt = self.attempts.setdefault(number, Attempt(number)) if number else Attempt(0)
        when = moment(event.get('ts'))
        attempt.start = attempt.start or when
        self.began = self.began or when
        attempt.end = when or attempt.end
        match event['type']:
            case 'run_end':
                attempt.status = str(event.get('status'))
            case 'step':
                _add_step(attempt, event, when)
            case 'training':
                _add_training(attempt, event, when)
            case 'message':
                self._add_message(Message(when, number, str(event.get('level')), text_of(event.get('text'), _LETTERS)))
            case 'artifact' if isinstance(event.get('path'), str) and len(self.artifacts) < _MOST_ARTIFACTS:
                self.artifacts[event['path']] = event
            case 'system' if isinstance(event.get('values'), dict) and when and self.began:
                self._add_figures((when - self.began).total_seconds() / 60, event['values'])
            case 'params' if isinstance(event.get('values'), dict):
                self.params.setdefault(_training(event), {}).update(event['values'])

    def _add_figures(self, minutes: float, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if (number := number_of(value)) is not None and math.isfinite(number):
                points = self.system.setdefault(name, [])
                points.append((minutes, number))
                if len(points) > _MOST_FIGURES:
                    points[:] = downsampled(points, _MOST_FIGURES // 2)

    def _add_message(self, message: Message) -> None:
        if self.last_messages and self.last_messages[-1].attempt < message.attempt:
            self.last_messages.clear()
        self.last_messages.append(message)
        self.levels[message.level] += 1
        if message.level in ('warning', 'error') and len(self.notices) < _MOST_NOTICES:
            self.notices.setdefault(message.text, message)


def _add_step(attempt: Attempt, event: Mapping[str, Any], when: datetime | None) -> None:
    name, status = str(event.get('name')), str(event.get('status'))
    current = next((s for s in reversed(attempt.spans) if s.kind == 'step' and s.name == name), None)
    if current is None or (status == 'running' and current.status != 'running'):
        current = Span(name, 'step', when)
        attempt.spans.append(current)
    current.status = status
    if status != 'running':
        current.end = current.end or when
        seconds = seconds_of(event.get('seconds'))
        current.seconds = current.seconds if seconds is None else seconds


def _add_training(attempt: Attempt, event: Mapping[str, Any], when: datetime | None) -> None:
    name = _training(event)
    current = next((s for s in reversed(attempt.spans) if s.kind == 'training' and s.name == name), None)
    if event.get('status') == 'started' or current is None:
        if len(attempt.spans) < _MOST_TRAININGS:
            attempt.spans.append(Span(name, 'training', when))
    else:
        current.status, current.end = str(event.get('status')), when


def _training(event: Mapping[str, Any]) -> str:
    name = event.get('training')
    return name if isinstance(name, str) else ''
