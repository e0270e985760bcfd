"""How runs and metrics look in a notebook: small tables."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from synapse_hooks.journal import Redactor, secrets_of
from synapse_hooks.pages.html import Html, join, table, tag
from synapse_hooks.runs.summary import HEADINGS, duration_text, summary_cells
from synapse_hooks.safe_text import text_of

if TYPE_CHECKING:
    from synapse_hooks.runs.collection import Runs
    from synapse_hooks.runs.metric_table import Metrics
    from synapse_hooks.runs.run import Run

_ROWS: Final = 50
_LETTERS: Final = 200


def runs_html(runs: Runs) -> Html:
    """A table of the newest runs."""
    rows = _clean([summary_cells(run) for run in runs[:_ROWS]])
    return join([table(HEADINGS, rows), _more(len(runs))])


def run_html(run: Run) -> Html:
    """A run with its stages and parameters."""
    facts = [[name, value] for name, value in _clean(run.to_dict()).items() if value not in (None, '', {}, [])]
    shown = [[name, text_of(value, _LETTERS)] for name, value in facts if name not in ('params', 'metrics')]
    rows = [
        [stage.name, stage.status, None if stage.seconds is None else duration_text(stage.seconds), stage.answered_by]
        for stage in run.stages
    ]
    return join(
        [
            tag('b', _clean(run.name)),
            table(('', ''), shown),
            table(('stage', 'status', 'took', 'answered by'), _clean(rows)) if rows else None,
            _pairs('parameter', _clean(run.params)),
            _pairs('metric', _clean(run.last_values)),
        ]
    )


def metrics_html(metrics: Metrics) -> Html:
    """The last value and the number of values of each metric."""
    rows = [
        [row.training, row.phase, row.name, len(points), f'{points[-1][1]:.6g}']
        for row, points in metrics.curves().items()
    ]
    headings = ('training', 'phase', 'metric', 'values', 'last')
    return join([table(headings, _clean(rows[:_ROWS])), _more(len(rows))])


def _clean(value: Any) -> Any:
    """JSON values without the secrets of the environment: a notebook is passed on."""
    return Redactor(secrets_of(os.environ)).clean(value)


def _pairs(heading: str, values: dict[str, Any]) -> Html | None:
    rows: Iterable[list[str]] = ([name, text_of(value, _LETTERS)] for name, value in list(values.items())[:_ROWS])
    return table((heading, 'value'), rows) if values else None


def _more(count: int) -> Html | None:
    return tag('p', f'{count - _ROWS:,} more') if count > _ROWS else None
