"""Runs to look at: those of a workspace, and of each its record, stages, metrics and events.

    for run in Runs():
        print(run.name, run.status, run.best_metric)

`Run` and `Runs` only read; `removal` and `notes` change run directories. Each name is imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from synapse_hooks.lazy import import_lazily

if TYPE_CHECKING:
    from synapse_hooks.runs.collection import Runs
    from synapse_hooks.runs.headline import Headline
    from synapse_hooks.runs.metric_table import MetricRow, Metrics
    from synapse_hooks.runs.run import Run
    from synapse_hooks.runs.stage import Stage

_HOMES = {
    'Headline': 'headline',
    'MetricRow': 'metric_table',
    'Metrics': 'metric_table',
    'Run': 'run',
    'Runs': 'collection',
    'Stage': 'stage',
}

__all__ = ['Headline', 'MetricRow', 'Metrics', 'Run', 'Runs', 'Stage']

import_lazily(__name__, _HOMES)
