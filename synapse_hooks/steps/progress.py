"""Progress of a whole run: weighted by step, and never decreasing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from synapse_hooks.context import Recorder
from synapse_hooks.steps.base import BaseStep


class Progress:
    """A recorder that adds the progress of the whole run to each progress event.

    Args:
        recorder: Where events go.
        steps: All steps of the run; a step counts by its share of the sum of weights.
    """

    def __init__(self, recorder: Recorder, steps: Iterable[BaseStep[Any]]) -> None:
        self._recorder = recorder
        steps = list(steps)
        total = sum(step.progress_weight for step in steps)
        # Where all weights are zero each step counts the same.
        self._shares = {step.name: step.progress_weight / total if total > 0 else 1 / len(steps) for step in steps}
        self._done = 0.0
        self._fraction = 0.0
        self._step: str | None = None
        self.overall = 0.0
        """How far the run is, from 0 to 1."""
        self.losses: dict[str, Any] | None = None
        """The loss report of the current step, once there is one."""

    def begin(self, step: str) -> None:
        """`step` starts, or starts again; what was reached before stays."""
        self._step, self._fraction, self.losses = step, 0.0, None

    def finish(self, step: str) -> None:
        """`step` is done."""
        self._done += self._shares.get(step, 0.0)
        self._step, self._fraction = None, 0.0
        self.record('progress', {'category': step, 'curr': 1, 'total': 1, 'step': step})

    def record(self, type: str, payload: Mapping[str, Any]) -> None:
        """Pass an event on; a progress event gets `step` and `overall`, and a loss report is kept for run.json."""
        if type == 'losses':
            self.losses = dict(payload)
        if type == 'progress':
            payload = {'step': self._step, **payload, 'overall': round(self._reach(payload), 6)}
        self._recorder.record(type, payload)

    def _reach(self, payload: Mapping[str, Any]) -> float:
        total = float(payload.get('total') or 0)
        if self._step is not None and total > 0:
            fraction = min(1.0, max(0.0, float(payload.get('curr') or 0) / total))
            self._fraction = max(self._fraction, fraction)
        share = self._shares.get(self._step, 0.0) if self._step is not None else 0.0
        self.overall = max(self.overall, min(1.0, self._done + share * self._fraction))
        return self.overall
