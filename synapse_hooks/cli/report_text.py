"""A report of runs as text: what `report` prints without --html."""

from __future__ import annotations

from collections.abc import Sequence

from synapse_hooks.cli.run_comparison import comparison
from synapse_hooks.cli.table import table
from synapse_hooks.report import RunContents
from synapse_hooks.report.charts import charts, labels
from synapse_hooks.report.failure import message_of
from synapse_hooks.report.scale import number_text
from synapse_hooks.report.timeline import ended_attempts, seconds_of
from synapse_hooks.runs import Run
from synapse_hooks.runs.summary import HEADINGS, duration_of, duration_text, status_text, summary_cells
from synapse_hooks.safe_text import text_of

_MESSAGES = 5
_CLASSES = 40
_CURVES = 60


def report_text(runs: Sequence[RunContents]) -> str:
    """The whole report: curves of all runs beside one another, and of each what happened."""
    parts = [table(HEADINGS, [summary_cells(each.run) for each in runs])] if len(runs) > 1 else []
    parts += [_run(each, several=len(runs) > 1) for each in runs]
    if len(runs) > 1:
        parts.append(comparison([each.run for each in runs], show_all=False).text)
    parts.append(_curves(runs))
    return '\n\n'.join(part for part in parts if part)


def _run(each: RunContents, *, several: bool) -> str:
    run = each.run
    parts = [_head(run), _failure(each), _timeline(each)]
    if not several:
        parts += [_losses(run), _classes(each)]
    return '\n\n'.join(part for part in parts if part)


def _head(run: Run) -> str:
    best = run.best_metric
    facts = [status_text(run), run.action, duration_of(run), None if best is None else str(best)]
    lines = [f'{run.name}: {", ".join(fact for fact in facts if fact)}', str(run.path)]
    return '\n'.join([*lines, *([f'note: {run.note}'] if run.note else [])])


def _failure(each: RunContents) -> str:
    error = each.run.error
    if error is None:
        return ''
    message, hint = message_of(error)
    lines = [f'{error.get("type")}: {message}']
    if error.get('cause'):
        lines.append(f'  cause: {text_of(error["cause"])}')
    if error.get('plugin'):
        of = f' of {error["distribution"]}' if error.get('distribution') else ''
        lines.append(f'  plugin {error["plugin"]!r}{of}')
    if hint:
        lines.append(f'  → {hint}')
    messages = list(each.history.last_messages)[-_MESSAGES:]
    return '\n'.join([*lines, *(f'  {message.level:8}{message.text}' for message in messages)])


def _timeline(each: RunContents) -> str:
    attempts = ended_attempts(each.run, each.history)
    answered = {stage.name: stage.answered_by for stage in each.run.stages}
    rows = []
    for attempt in attempts:
        for span in attempt.spans:
            seconds = seconds_of(span, attempt.end)
            is_step = span.kind == 'step'
            name = span.name if is_step else f'  training {span.name}'.rstrip()
            who = answered.get(span.name) if is_step and attempt is attempts[-1] else None
            took = None if seconds is None else duration_text(seconds)
            rows.append([attempt.number or None, name, span.status, took, who])
    headings = ['attempt', 'step', 'status', 'took', 'answered by']
    if len(attempts) == 1:
        headings, rows = headings[1:], [row[1:] for row in rows]
    return table(headings, rows, right=[headings.index('took')]) if rows else ''


def _losses(run: Run) -> str:
    losses = run.losses or {}
    rows = [
        [fate, loss.get('kind'), loss.get('count'), loss.get('reason')]
        for fate in ('converted', 'dropped', 'repaired', 'doubtful')
        for loss in losses.get(fate) or []
    ]
    return table([f'{losses.get("from")} to {losses.get("to")}', 'kind', 'count', 'reason'], rows) if rows else ''


def _curves(runs: Sequence[RunContents]) -> str:
    names = [each.run.name for each in runs]
    rows = []
    for chart in charts([each.metrics for each in runs]):
        for curve, label in zip(chart.curves, labels(chart, names), strict=True):
            if curve.points:
                values = [value for _, value in curve.points]
                numbers = map(number_text, (values[0], min(values), max(values), values[-1]))
                rows.append([chart.title, label, len(values), *numbers])
    more = len(rows) - _CURVES
    headings = ['curve', '', 'points', 'first', 'lowest', 'highest', 'last']
    text = table(headings, rows[:_CURVES], right=range(2, 7)) if rows else ''
    return f'{text}\n{more:,} more: --html has them' if more > 0 else text


def _classes(each: RunContents) -> str:
    parts = []
    for evaluation in each.evaluations.values():
        names = list(dict.fromkeys(name for values in evaluation.classes.values() for name in values))
        rows = [
            [label, *(number_text(values[name]) if name in values else None for name in names)]
            for label, values in list(evaluation.classes.items())[:_CLASSES]
        ]
        if rows:
            parts.append(table(['class', *names], rows, right=range(1, len(names) + 1)))
    return '\n\n'.join(parts)
