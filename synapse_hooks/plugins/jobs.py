"""The job of a run: the backend shows its status, progress, metrics, messages and pictures.

It is a plugin like any other, registered for runs that belong to a job. All it does is done by sinks: off the thread of
the training, in order, and again later where the backend could not be reached. The shapes are those of the backend:
`progress_record` and `metrics_record`, both with what is known of each step, and the events of a job's log.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.data import split_name
from synapse_hooks.errors import BackendError, SinkUnavailable
from synapse_hooks.hookspecs import hookimpl
from synapse_hooks.journal import without_secrets

if TYPE_CHECKING:
    from synapse_hooks.context import (
        ArtifactEvent,
        MessageEvent,
        MetricsEvent,
        ProgressEvent,
        RunEndEvent,
        RunStartEvent,
        TrainContext,
    )

STATUS: Final = {'finished': 'SUCCEEDED', 'failed': 'FAILED', 'cancelled': 'STOPPED'}
"""The status of a job, by how its run ended."""
_CATEGORY: Final = {'valid': 'validation', 'test': 'test', 'final': 'test'}
_REFUSED: Final = frozenset((400, 413, 422))
"""Answers of a backend that does not take these values, and never will."""
_LARGEST_PICTURE: Final = 4 << 20


class JobReporter:
    """Keeps the record and the log of `runtime_ctx.job_id` up to date."""

    concurrent_artifacts = False
    """A job that has ended takes no more pictures."""

    def __init__(self) -> None:
        self._began: str | None = None
        self._first = ''
        self._steps: dict[str, dict[str, Any]] = {}
        self._metrics: dict[tuple[str | None, str], dict[str, float]] = {}
        self._pictures = 0

    @hookimpl.log_status
    def log_status(self, context: TrainContext, statuses: Sequence[RunStartEvent | RunEndEvent]) -> None:
        """RUNNING, and where; then SUCCEEDED with the model, FAILED with the error, or STOPPED."""
        for status in statuses:
            if status['type'] == 'run_start':
                self._catch_up(context, status)
                _update(context, status='RUNNING', meta={'run_dir': str(context.run_dir), 'started': self._first})
                continue
            result: dict[str, Any] = {'model': status.get('model'), 'run_dir': str(context.run_dir)}
            if error := status.get('error'):
                result['error'] = f'{error["type"]}: {error["message"]}' if error['message'] else error['type']
            _update(context, status=STATUS[status['status']], result=result)

    @hookimpl.progress_changed
    def progress_changed(self, context: TrainContext, progress: ProgressEvent) -> None:
        """How far the step and the run are, in percent, with the seconds that remain if the pace stays."""
        self._catch_up(context, progress)
        step = self._reached(progress)
        overall = float(progress.get('overall') or 0)
        elapsed = _seconds(self._began, progress.get('ts'))
        current = {
            'overall': round(100 * overall, 2),
            'step': _step_of(progress),
            'percent': step['percent'],
            'order': step['order'],
            'time_elapsed': round(elapsed, 1),
            'time_remaining': round(elapsed * (1 - overall) / overall, 1) if overall > 0 else None,
        }
        _update(context, progress_record={'record': {'steps': self._steps}, 'current_progress': current})

    @hookimpl.log_metrics
    def log_metrics(self, context: TrainContext, points: Sequence[MetricsEvent]) -> None:
        """The latest value of each metric by phase, and every one in the log.

        Where a run holds several trainings, a phase is called `TRAINING/PHASE`.
        """
        for point in points:
            self._catch_up(context, point)
            self._measured(point)
        several = len({training for training, _ in self._metrics if training}) > 1
        steps: dict[str, dict[str, float]] = {}
        for (training, phase), values in self._metrics.items():
            steps.setdefault(f'{training}/{phase}' if several and training else phase, {}).update(values)
        _log(context, [_logged('metric', point, **_metric(point)) for point in points if point['values']])
        _update(context, metrics_record={'record': {'steps': steps}})

    @hookimpl.log_message
    def log_message(self, context: TrainContext, messages: Sequence[MessageEvent]) -> None:
        """Every message in the log."""
        entries = []
        for message in messages:
            key = {'key': message['code']} if message.get('code') else {}
            entry = _logged('message', message, content=message['text'], **key)
            entries.append({**entry, 'level': message.get('level')})
        _log(context, entries)

    @hookimpl.log_artifact
    def log_artifact(self, context: TrainContext, artifacts: Sequence[ArtifactEvent]) -> None:
        """Pictures in the log; other files stay where they are."""
        import base64
        import mimetypes

        for artifact in artifacts:
            file = Path(artifact['path'])
            if artifact.get('kind') != 'image' or not file.is_file() or file.stat().st_size > _LARGEST_PICTURE:
                continue
            kind = mimetypes.guess_type(file.name)[0] or 'application/octet-stream'
            group = artifact.get('role') or file.stem
            entry = _logged('visualization', artifact, category='train', group=group, index=self._pictures)
            self._pictures += 1
            data = base64.b64encode(file.read_bytes()).decode()
            _log(context, [{**entry, 'file': f'data:{kind};base64,{data}'}])

    def _catch_up(self, context: TrainContext, event: Mapping[str, Any]) -> None:
        """Before the first event: read what other processes have reported. An update replaces the whole record."""
        if self._began is not None:
            return
        self._began = self._first = str(event.get('ts') or '')
        if event['type'] == 'run_start' and event.get('attempt', 1) <= 1:
            return
        # A conversion has no job, and must not import what reads journals.
        from synapse_hooks.journal import read_events

        for earlier in read_events(context.run_dir, types=('run_start', 'metrics', 'progress')):
            if earlier['ts'] >= event['ts']:
                continue
            self._first = min(self._first, earlier['ts'])
            if earlier['type'] == 'metrics':
                self._measured(earlier)
            elif earlier.get('attempt') == event.get('attempt'):
                if earlier['type'] == 'progress':
                    self._reached(earlier)
                else:
                    self._began = earlier['ts']

    def _measured(self, point: Mapping[str, Any]) -> None:
        place = point.get('training'), str(point.get('phase'))
        self._metrics.setdefault(place, {}).update(point.get('values') or {})

    def _reached(self, progress: Mapping[str, Any]) -> dict[str, Any]:
        total = float(progress.get('total') or 0)
        share = min(1.0, float(progress.get('curr') or 0) / total) if total else 0.0
        step = self._steps.setdefault(_step_of(progress), {'proportion': None, 'order': len(self._steps)})
        step.update(percent=round(100 * share, 2), time_remaining=None)
        return step


def _step_of(progress: Mapping[str, Any]) -> str:
    return str(progress.get('step') or progress.get('category'))


def _seconds(began: str | None, now: str | None) -> float:
    if not began or not now:
        return 0.0
    return max(0.0, (datetime.fromisoformat(now) - datetime.fromisoformat(began)).total_seconds())


def _metric(point: Mapping[str, Any]) -> dict[str, Any]:
    phase = str(point['phase'])
    training = {'training': point['training']} if point.get('training') else {}
    return {
        'category': _CATEGORY.get(split_name(phase), 'train'),
        'key': str(point.get('axis') or 'epoch'),
        'value': point.get('step') if point.get('step') is not None else 0,
        'metrics': dict(point['values']),
        **training,
    }


def _logged(event: str, recorded: Mapping[str, Any], **data: Any) -> dict[str, Any]:
    return {'event': event, 'data': data, 'datetime': recorded.get('ts')}


def _log(context: TrainContext, entries: list[dict[str, Any]]) -> None:
    job, trial = context.runtime_ctx.job_id, context.trial
    if trial is not None:
        measured = (entry for entry in entries if entry['event'] == 'metric')
        entries = [{**entry, 'data': {**entry['data'], 'trial_id': trial['id']}} for entry in measured]
    if job is not None and entries:
        with _retried_later():
            context.client.add_logs(job, without_secrets(entries, os.environ))


def _update(context: TrainContext, **fields: Any) -> None:
    job = context.runtime_ctx.job_id
    # The job of a trial is that of its search, which reports on all of them.
    if job is not None and context.trial is None:
        with _retried_later():
            context.client.update_job(job, **without_secrets(fields, os.environ))


@contextmanager
def _retried_later() -> Iterator[None]:
    try:
        yield
    except BackendError as error:
        if error.facts.get('status') in _REFUSED:
            raise
        # A token that has expired is replaced; until then nothing is lost.
        raise SinkUnavailable(error.problem) from error
