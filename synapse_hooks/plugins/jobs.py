"""The job of a run: whoever watches it at the backend sees status, progress and metrics.

It is a plugin like any other, registered for runs that belong to a job. The shapes of the records are those of the
Synapse backend: `progress_record` and `metrics_record`, both with what is known of each step.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.errors import summary
from synapse_hooks.hookspecs import hookimpl
from synapse_hooks.journal import without_secrets

if TYPE_CHECKING:
    from synapse_hooks.context import Outcome, TrainContext

STATUS: Final[dict[str, str]] = {'succeeded': 'SUCCEEDED', 'failed': 'FAILED', 'cancelled': 'STOPPED'}


class JobReporter:
    """Keeps the record of `runtime_ctx.job_id` up to date."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._steps: dict[str, dict[str, Any]] = {}
        self._metrics: dict[tuple[str | None, str], dict[str, float]] = {}

    @hookimpl
    def run_started(self, context: TrainContext) -> None:
        """RUNNING, and where."""
        _update(context, status='RUNNING', meta={'run_dir': str(context.run_dir)})

    @hookimpl
    def progress_changed(self, context: TrainContext, progress: Mapping[str, Any]) -> None:
        """How far the step and the run are, in percent, with the seconds that remain if the pace stays."""
        name = str(progress.get('step') or progress.get('category'))
        total = float(progress.get('total') or 0)
        share = min(1.0, float(progress.get('curr') or 0) / total) if total else 0.0
        step = self._steps.setdefault(name, {'proportion': None, 'order': len(self._steps)})
        step.update(percent=round(100 * share, 2), time_remaining=None)
        overall = float(progress.get('overall') or 0)
        elapsed = time.monotonic() - self._started
        current = {
            'overall': round(100 * overall, 2),
            'step': name,
            'percent': step['percent'],
            'order': step['order'],
            'time_elapsed': round(elapsed, 1),
            'time_remaining': round(elapsed * (1 - overall) / overall, 1) if overall > 0 else None,
        }
        _update(context, progress_record={'record': {'steps': self._steps}, 'current_progress': current})

    @hookimpl
    def log_metrics(self, context: TrainContext, points: Sequence[Mapping[str, Any]]) -> None:
        """The latest value of each metric, by phase; where a run holds several trainings, by `TRAINING/PHASE`."""
        for point in points:
            self._metrics.setdefault((point.get('training'), str(point['phase'])), {}).update(point['values'])
        several = len({training for training, _ in self._metrics if training}) > 1
        steps: dict[str, dict[str, float]] = {}
        for (training, phase), values in self._metrics.items():
            steps.setdefault(f'{training}/{phase}' if several and training else phase, {}).update(values)
        _update(context, metrics_record={'record': {'steps': steps}})

    @hookimpl
    def run_finished(self, context: TrainContext, outcome: Outcome, error: BaseException | None) -> None:
        """SUCCEEDED with the model, FAILED with the error, or STOPPED."""
        result: dict[str, Any] = {'model': context.model, 'run_dir': str(context.run_dir)}
        if error is not None:
            result['error'] = summary(error)
        _update(context, status=STATUS[outcome], result=result)


def _update(context: TrainContext, **fields: Any) -> None:
    job = context.runtime_ctx.job_id
    if job is not None:
        context.client.update_job(job, **without_secrets(fields, os.environ))
