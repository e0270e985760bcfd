"""A report as JSON values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from synapse_hooks.report.charts import Chart, charts
from synapse_hooks.report.contents import RunContents
from synapse_hooks.report.history import Attempt, Message
from synapse_hooks.report.timeline import ended_attempts


def report_data(runs: Sequence[RunContents]) -> dict[str, Any]:
    """What `report --json` prints: each run, and the curves of all with their first, last, lowest and highest point."""
    return {
        'runs': [_run(each) for each in runs],
        'curves': [curve for chart in charts([each.metrics for each in runs]) for curve in _curves(chart)],
    }


def _run(each: RunContents) -> dict[str, Any]:
    run, history = each.run, each.history
    return {
        **run.to_dict(),
        'dataset_record': run.dataset,
        'losses': run.losses,
        'stages': [stage.to_dict() for stage in run.stages],
        'timeline': [_attempt(attempt) for attempt in ended_attempts(run, history)],
        'last_messages': [_message(message) for message in history.last_messages],
        'warnings': [_message(message) for message in history.notices.values()],
        'logged_params': history.params,
        'evaluations': {
            name: {
                'classes': evaluation.classes,
                'confusion': None
                if evaluation.confusion is None
                else {'labels': evaluation.confusion.labels, 'matrix': evaluation.confusion.matrix},
            }
            for name, evaluation in each.evaluations.items()
        },
        'artifacts': list(history.artifacts.values()),
        'corrupt_lines': history.corrupt,
        'plugins': run.plugins,
        'environment': run.environment,
        'git': run.git,
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    spans = [
        {'kind': s.kind, 'name': s.name, 'status': s.status, 'started': _time(s.start), 'seconds': s.seconds}
        for s in attempt.spans
    ]
    return {'attempt': attempt.number, 'status': attempt.status, 'started': _time(attempt.start), 'spans': spans}


def _message(message: Message) -> dict[str, Any]:
    return {'time': _time(message.when), 'attempt': message.attempt, 'level': message.level, 'text': message.text}


def _time(when: Any) -> str | None:
    return None if when is None else when.isoformat()


def _curves(chart: Chart) -> list[dict[str, Any]]:
    found = []
    for curve in chart.curves:
        low, high = (choose(curve.points, key=lambda p: p[1], default=None) for choose in (min, max))
        first, last = (curve.points[0], curve.points[-1]) if curve.points else (None, None)
        found.append(
            {
                'run': curve.run, 'training': curve.training, 'phase': curve.phase, 'name': curve.name,
                'axis': chart.axis, 'points': len(curve.points), 'not_finite': len(curve.missing),
                'first': first, 'last': last, 'lowest': low, 'highest': high,
            }
        )  # fmt: skip
    return found
