"""The timeline of a run: its attempts, their steps and trainings, how long each took and who answered."""

from __future__ import annotations

from datetime import datetime

from synapse_hooks.pages.html import Html, join, number, table, tag
from synapse_hooks.report.badges import SEVERITY, badge
from synapse_hooks.report.history import Attempt, History, Span
from synapse_hooks.runs import Run
from synapse_hooks.runs.stage import HookCall
from synapse_hooks.runs.summary import duration_text
from synapse_hooks.safe_text import text_of


def timeline(run: Run, history: History) -> Html:
    """Every attempt as a table with bars, of which the last is open, and the hooks of each step."""
    attempts = ended_attempts(run, history)
    parts = [_attempt(attempt, run, is_last=attempt is attempts[-1]) for attempt in attempts]
    return join([*parts, _hooks(run)])


def ended_attempts(run: Run, history: History) -> list[Attempt]:
    """The attempts, sorted. What a killed process left as running is `killed`, a training `not finished`."""
    attempts = sorted(history.attempts.values(), key=lambda attempt: attempt.number) or [_from_record(run)]
    for attempt in attempts:
        goes_on = run.is_active and attempt is attempts[-1]
        attempt.status = attempt.status or ('running' if goes_on else 'killed')
        for span in attempt.spans:
            if span.status == 'running' and not goes_on:
                span.status = 'killed' if span.kind == 'step' else 'not finished'
    return attempts


def seconds_of(span: Span, end: datetime | None) -> float | None:
    """How long a span took, or until the `end` of its attempt; None where it is not known."""
    if span.seconds is not None or span.status == 'reused':
        return None if span.status == 'reused' else span.seconds
    until = span.end or end
    return (until - span.start).total_seconds() if span.start and until else None


def _attempt(attempt: Attempt, run: Run, *, is_last: bool) -> Html:
    start = min((span.start for span in attempt.spans if span.start), default=attempt.start)
    ends = [span.end for span in attempt.spans if span.end]
    end = max([*ends, *([attempt.end] if attempt.end else [])], default=start)
    total = (end - start).total_seconds() if start and end else 0.0
    facts = [f'attempt {attempt.number}' if attempt.number else 'from run.json']
    facts += [f'{start:%Y-%m-%d %H:%M:%S} UTC'] if start else []
    facts += [duration_text(total)]
    head = tag('tr', *(tag('th', text, scope='col', class_=side) for text, side in (
        ('step', None), ('status', None), ('', None), ('took', 'n'), ('answered by', None),
    )))  # fmt: skip
    answered = {stage.name: stage.answered_by for stage in run.stages} if is_last else {}
    rows = [_row(span, start, end, total, answered.get(span.name)) for span in attempt.spans]
    listing = tag('div', tag('table', tag('thead', head), tag('tbody', *rows)), class_='scroll wide', tabindex=0)
    title = tag('summary', ' · '.join(facts), ' ', badge(attempt.status.replace('finished', 'succeeded')))
    return tag('details', title, listing, open=is_last, class_='card attempt')


def _row(span: Span, start: datetime | None, end: datetime | None, total: float, answered: str | None) -> Html:
    is_step = span.kind == 'step'
    seconds = seconds_of(span, end)
    bar = None
    if seconds is not None and span.start and start:
        left = 100 * (span.start - start).total_seconds() / (total or 1)
        wide = 100 * seconds / (total or 1)
        left, wide = min(max(left, 0), 99.4), max(wide, 0.6)
        style = f'margin-left:{number(left)}%;width:{number(min(wide, 100 - left))}%'
        kind = SEVERITY.get(span.status, 'split') if is_step else 'training'
        bar = tag('div', style=style, class_=f'span {kind}')
    name = tag('td', span.name if is_step else span.name or 'training', class_='name' if is_step else 'name inner')
    took = tag('td', '–' if seconds is None else duration_text(seconds), class_='n')
    who = answered if is_step else 'training'
    return tag('tr', name, tag('td', badge(span.status)), tag('td', bar, class_='plot'), took,
               tag('td', who or '–', class_='soft'))  # fmt: skip


def _from_record(run: Run) -> Attempt:
    """What run.json says, for a run whose journal is missing."""
    spans = [Span(s.name, 'step', s.started, s.finished, s.status, s.seconds) for s in run.stages]
    return Attempt(0, start=run.started, end=run.finished, status=run.status, spans=spans)


def _hooks(run: Run) -> Html | None:
    """Of each step the plugins that were called for its hooks, how long they took, and who answered."""
    rows = [[stage.name, *_hook(called)] for stage in run.stages for called in stage.hooks]
    if not rows:
        return None
    listing = table(('step', 'hook', 'plugin', 'answered', 'calls', 'took'), rows)
    return tag('details', tag('summary', 'hooks of each step'), listing, class_='card attempt')


def _hook(called: HookCall) -> list[str | None]:
    answered = 'yes' if called.answered else None
    return [
        text_of(called.hook),
        text_of(called.plugin),
        answered,
        str(called.calls),
        f'{1000 * called.seconds:.3g} ms',
    ]
