"""The result of a search: its trials as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synapse_hooks.cli.table import table


def search_data(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """What `--json` has of a search: `{best, trials}`; None for another run.

    Args:
        record: What run.json has.
    """
    search = record.get('search')
    if not isinstance(search, dict):
        return None
    best = next(
        ((stage.get('data') or {}).get('best') for stage in record['stages'] if stage['name'] == 'execute'), None
    )
    return {'best': best, 'trials': search.get('trials') or []}


def search_text(record: Mapping[str, Any]) -> str:
    """The trials as a table, the best one first and marked; empty for another run."""
    data = search_data(record)
    if data is None or not data['trials']:
        return ''
    config = record['search'].get('tune_config') or {}
    metric, sign = config.get('metric'), -1 if config.get('mode') == 'max' else 1
    best = (data['best'] or {}).get('id')
    names = list(dict.fromkeys(name for trial in data['trials'] for name in trial.get('params') or {}))

    def place(trial: Mapping[str, Any]) -> tuple[bool, bool, float]:
        value = trial['metrics'].get(metric)
        return trial['id'] != best, value is None, 0.0 if value is None else sign * value

    rows = [
        [
            trial['id'] + (' *' if trial['id'] == best else ''),
            'stopped early' if trial.get('stopped') else trial['status'],
            *(_short(trial['params'].get(name)) for name in names),
            _short(trial['metrics'].get(metric)),
            str((trial.get('error') or {}).get('message') or '').partition('\n')[0],
        ]
        for trial in sorted(data['trials'], key=place)
    ]
    headings = ['trial', 'status', *names, str(metric), 'error']
    if not any(row[-1] for row in rows):
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    right = range(2, 3 + len(names))
    return table(headings, rows, right=list(right)) + '\n* the best trial'


def _short(value: Any) -> str | None:
    if value is None:
        return None
    return f'{value:.5g}' if isinstance(value, float) else str(value)
