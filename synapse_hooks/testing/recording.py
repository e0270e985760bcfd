"""Recorders and sessions for tests, which keep the logged events in a list."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synapse_hooks.context import AutologSession


@dataclass(eq=False)
class Recording:
    """A recorder that keeps events in a list, each a dict with its `type`. Threads may share it.

    It is stricter than the journal of a run: a value that is not JSON is an error here; the journal converts it.

    Example:
        >>> log = Recording()
        >>> log.record('metrics', {'phase': 'train', 'values': {'loss': 0.5}})
        >>> log.of('metrics', phase='train')
        [{'type': 'metrics', 'phase': 'train', 'values': {'loss': 0.5}}]
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    """Each with its `type`, in the order of recording."""
    fail_on: frozenset[str] = frozenset()
    """Types of events that cannot be recorded: recording one raises OSError."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def record(self, type: str, payload: Mapping[str, Any]) -> None:
        """Keep an event.

        Raises:
            OSError: `fail_on` has its type.
            TypeError, ValueError: A value is not JSON: a tensor, a path, not-a-number.
        """
        if type in self.fail_on:
            raise OSError(f'events of type {type!r} cannot be recorded: the test has set `fail_on`')
        json.dumps(payload, allow_nan=False)
        with self._lock:
            self.events.append({'type': type, **payload})

    def of(self, type: str, **fields: Any) -> list[dict[str, Any]]:
        """The events of a type that have these values."""
        events = [event for event in self.events if event['type'] == type]
        return [event for event in events if all(event.get(name) == value for name, value in fields.items())]

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of every metric, by name."""
        return {name: value for event in self.of('metrics') for name, value in event['values'].items()}

    @property
    def warnings(self) -> list[str]:
        """The texts of all warnings."""
        return [event['text'] for event in self.of('message', level='warning')]


def recording_session(
    framework: str, run_dir: Path, *, resume_from: Path | None = None, recorder: Recording | None = None
) -> tuple[AutologSession, Recording]:
    """A session for an autologger, and the recording of what it logs.

    Args:
        framework: The name of the framework, such as `ultralytics`.
        run_dir: The run directory; it is created.
        resume_from: A checkpoint to resume from.
        recorder: The recording to use; None for a new one.

    Example:
        >>> session, log = recording_session('acme', getfixture('tmp_path'))
        >>> with session.guard('reading losses'):
        ...     raise KeyError('loss')
        >>> log.warnings
        ["autolog 'acme': reading losses failed: KeyError: 'loss'; training continues"]
    """
    run_dir.mkdir(parents=True, exist_ok=True)
    recording = recorder if recorder is not None else Recording()
    return AutologSession(framework, recording, run_dir, resume_from), recording
