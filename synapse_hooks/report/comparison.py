"""Several runs side by side: a line for each, then what differs between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from synapse_hooks.pages.html import Html, join, tag
from synapse_hooks.report.badges import badge
from synapse_hooks.runs import Run
from synapse_hooks.runs.comparison import ComparedField, compare, value_text
from synapse_hooks.runs.summary import HEADINGS, status_text, summary_cells
from synapse_hooks.safe_text import text_of

_LETTERS: Final = 120
_ROWS: Final = 300


def overview(runs: Sequence[Run]) -> Html:
    """A line for each run, with a link to what the page says of it."""
    head = tag('tr', *(tag('th', name, scope='col') for name in HEADINGS))
    rows = []
    for number, run in enumerate(runs):
        cells = summary_cells(run)
        name = tag('a', cells[0], href=f'#run-{number}')
        shown = [name, badge(run.status, status_text(run)), *(cell or '–' for cell in cells[2:])]
        rows.append(tag('tr', *(tag('td', cell) for cell in shown)))
    return _table(head, rows)


def comparison(runs: Sequence[Run]) -> Html:
    """What differs, with the best of each metric marked, then what is equal in all, folded."""
    fields = compare(runs)
    differing = [field for field in fields if field.differs]
    equal = [field for field in fields if not field.differs]
    head = tag('tr', tag('th', '', scope='col'), *(tag('th', run.name, scope='col') for run in runs))
    table = _table(head, [_row(field) for field in differing[:_ROWS]]) if differing else tag('p', 'Nothing differs.')
    equal_head = tag('tr', tag('th', 'in all runs', scope='col'), tag('th', 'value', scope='col'))
    equal_rows = [tag('tr', tag('th', f.name, scope='row'), tag('td', _text(f.values[0]))) for f in equal[:_ROWS]]
    folded = tag('details', tag('summary', f'{len(equal):,} fields are equal'), _table(equal_head, equal_rows))
    left_out = len(differing) - _ROWS
    more = tag('p', f'and {left_out:,} more', class_='soft') if left_out > 0 else None
    return join([table, more, folded if equal else None])


def _row(field: ComparedField) -> Html:
    cells = [
        tag('td', _text(value), tag('span', ' best', class_='badge good best') if place == field.best else None)
        for place, value in enumerate(field.values)
    ]
    return tag('tr', tag('th', field.name, scope='row'), *cells)


def _text(value: Any) -> str:
    return '–' if value is None else text_of(value_text(value), _LETTERS)


def _table(head: Html, rows: Sequence[Html]) -> Html:
    table = tag('table', tag('thead', head), tag('tbody', *rows), class_='compared')
    return tag('div', table, class_='scroll wide', tabindex=0)
