"""The results of a run: the last metrics, the metrics of each class, and which classes were taken for which."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from synapse_hooks.journal.evaluation import Confusion, Evaluation
from synapse_hooks.pages.html import Html, join, tag
from synapse_hooks.report.charts import LEARNING_RATE, chart_title
from synapse_hooks.report.scale import number_text

_MOST_CLASSES: Final = 200
_MOST_LABELS: Final = 60
"""Labels of a confusion matrix with a cell for each pair."""
_MOST_PAIRS: Final = 30


def results(last: Mapping[str, float], evaluations: Mapping[str, Evaluation]) -> Html | None:
    """The section's content; None if there is nothing to show.

    Args:
        last: The last value of each metric.
        evaluations: By the name of the training.
    """
    shown = [(name, value) for name, value in last.items() if chart_title(name) != LEARNING_RATE]
    cells = [tag('div', tag('dt', name), tag('dd', number_text(value))) for name, value in shown[:_MOST_CLASSES]]
    parts: list[Html] = [tag('dl', *cells, class_='facts compact')] if cells else []
    for name, evaluation in evaluations.items():
        of = f' of {name}' if len(evaluations) > 1 else ''
        if evaluation.classes:
            parts.append(_card(f'Classes{of}', class_table(evaluation.classes)))
        if evaluation.confusion is not None:
            parts.append(_card(f'Confusion matrix{of}', confusion(evaluation.confusion)))
    return join(parts) if parts else None


def _card(title: str, content: Html) -> Html:
    return tag('div', tag('h3', title), content, class_='card')


def class_table(classes: Mapping[str, Mapping[str, float]]) -> Html:
    """A row for each class; values between 0 and 1 have a bar."""
    names = list(dict.fromkeys(name for values in classes.values() for name in values))
    head = tag('tr', tag('th', 'class', scope='col'), *(tag('th', name, scope='col', class_='n') for name in names))
    shares = {
        name
        for name in names
        if all(0 <= values.get(name, 0) <= 1 for values in classes.values())
        and any(values.get(name, 0) != round(values.get(name, 0)) for values in classes.values())
    }
    rows = [
        tag('tr', tag('th', label, scope='row', class_='name'), *(_cell(values.get(n), n in shares) for n in names))
        for label, values in list(classes.items())[:_MOST_CLASSES]
    ]
    more = len(classes) - len(rows)
    table = tag('table', tag('thead', head), tag('tbody', *rows), class_='classes')
    return join([_scroll(table), tag('p', f'and {more:,} more: --json has all', class_='soft') if more > 0 else None])


def _cell(value: float | None, is_share: bool) -> Html:
    if value is None:
        return tag('td', '–', class_='n')
    style = f'--share:{100 * value:.1f}%' if is_share else None
    return tag('td', number_text(value), class_='n share' if is_share else 'n', style=style)


def confusion(matrix: Confusion) -> Html:
    """A row for each true class and a column for each predicted one; of many classes, the most common confusions."""
    labels = matrix.labels
    if len(labels) > _MOST_LABELS:
        return _pairs(matrix)
    corner = tag('th', 'true \\ predicted', scope='col', class_='corner')
    head = tag('tr', corner, *(tag('th', tag('span', label), scope='col') for label in labels))
    rows = []
    for place, row in enumerate(matrix.matrix):
        total = sum(row) or 1.0
        cells = [_count(value, value / total, column == place) for column, value in enumerate(row)]
        rows.append(tag('tr', tag('th', labels[place], scope='row'), *cells))
    table = tag('table', tag('thead', head), tag('tbody', *rows), class_='confusion')
    note = 'Each row is a true class; the darker, the more of it was predicted as the class of the column.'
    background = ' background: objects that were missed (columns), and predictions where there is none (rows).'
    return join([_scroll(table), tag('p', note + background * ('background' in labels), class_='soft small')])


def _count(value: float, share: float, is_right: bool) -> Html:
    if not value:
        return tag('td', '', class_='right' if is_right else None)
    strength = 0.12 + 0.88 * math.sqrt(min(max(share, 0.0), 1.0))
    classes = f'{"right" if is_right else "wrong"}{" strong" if strength > 0.6 else ""}'
    return tag('td', number_text(value), class_=classes, style=f'--strength:{100 * strength:.0f}%')


def _pairs(matrix: Confusion) -> Html:
    found = [
        (value, matrix.labels[row], matrix.labels[column])
        for row, values in enumerate(matrix.matrix)
        for column, value in enumerate(values)
        if value and row != column
    ]
    found.sort(key=lambda pair: -pair[0])
    right = sum(row[place] for place, row in enumerate(matrix.matrix))
    every = sum(map(sum, matrix.matrix)) or 1.0
    head = tag('tr', *(tag('th', name, scope='col') for name in ('true', 'predicted')), tag('th', 'count', class_='n'))
    rows = [
        tag('tr', tag('td', true), tag('td', predicted), tag('td', number_text(value), class_='n'))
        for value, true, predicted in found[:_MOST_PAIRS]
    ]
    note = f'{number_text(right)} of {number_text(every)} are right. The most common confusions of {len(found):,}:'
    return join([tag('p', note), _scroll(tag('table', tag('thead', head), tag('tbody', *rows)))])


def _scroll(table: Html) -> Html:
    return tag('div', table, class_='scroll', tabindex=0)
