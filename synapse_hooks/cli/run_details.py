"""One run in full, for `runs show`."""

from __future__ import annotations

import shlex
from typing import Any

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.table import table
from synapse_hooks.runs import Run
from synapse_hooks.runs.dataframes import flat_columns
from synapse_hooks.runs.summary import duration_of, duration_text, error_text, model_text, status_text
from synapse_hooks.safe_text import text_of


def details(run: Run) -> CommandResult:
    """What `synapse-hooks runs show` prints of a run."""
    parts = [_pairs('', _facts(run)), _stages(run)]
    parts += [_pairs(name, values) for name, values in (('parameter', _flat(run.params)), ('metric', _metrics(run)))]
    text = '\n\n'.join(part for part in parts if part)
    return CommandResult({**run.to_dict(), **_more(run)}, '\n'.join([text, *_next(run)]))


def _facts(run: Run) -> dict[str, Any]:
    dataset: dict[str, Any] = run.dataset or {}
    form = ', '.join(str(dataset[name]) for name in ('format',) if dataset.get(name))
    checkpoint: dict[str, Any] = run.checkpoint or {}
    git = run.git or {}
    error = run.error or {}
    return {
        'run': run.name,
        'path': run.path,
        'status': status_text(run),
        'error': error_text(run),
        'hint': None if _next(run) and str(error.get('hint')).startswith('synapse-hooks resume') else error.get('hint'),
        'note': run.note,
        'action': ' '.join(filter(None, (run.action, f'({run.target})' if run.target else ''))),
        'dataset': ' '.join(filter(None, (run.dataset_name, f'({form})' if form else ''))),
        'digest': dataset.get('digest'),
        'checkpoint': checkpoint.get('name') or checkpoint.get('id') or checkpoint.get('path'),
        'model': model_text(run),
        'best metric': run.best_metric,
        'started': None if run.started is None else f'{run.started.astimezone():%Y-%m-%d %H:%M:%S}',
        'duration': duration_of(run),
        'launched by': _launched(run),
        'attempts': run.attempts if run.attempts > 1 else None,
        'git': f'{git["sha"]}{" (with changes)" if git.get("dirty") else ""}' if git.get('sha') else None,
        'plugins': ', '.join(dict.fromkeys(str(version) for version in run.plugins.values())),
        'python': run.environment.get('python'),
        'platform': run.environment.get('platform'),
        'host': run.environment.get('host'),
    }


def _more(run: Run) -> dict[str, Any]:
    """The fields of `--json` besides those of a list."""
    names = 'target launch result checkpoint plugins environment git left_out undelivered journal'
    return {
        **{name: run.record.get(name) for name in names.split()},
        'dataset_record': run.dataset,
        'stages': [stage.to_dict() for stage in run.stages],
    }


def _launched(run: Run) -> str | None:
    launch: dict[str, Any] = run.record.get('launch') or {}
    resources: dict[str, Any] = launch.get('resources') or {}
    amounts = {name: value for name, value in resources.items() if not isinstance(value, dict)}
    for named in ('others', 'env'):
        amounts |= resources.get(named) or {}
    texts = {name: f'{value:g}' if isinstance(value, float) else value for name, value in amounts.items()}
    given = ' '.join(f'{name}={text}' for name, text in texts.items())
    return ' '.join(filter(None, (launch.get('launcher'), f'({given})' if given else ''))) or None


def _stages(run: Run) -> str:
    rows = [
        [
            stage.name,
            stage.status,
            None if stage.seconds is None else duration_text(stage.seconds),
            stage.answered_by,
            stage.error,
        ]
        for stage in run.stages
    ]
    has_errors = any(row[-1] for row in rows)
    headings = ['stage', 'status', 'took', 'answered by', 'error'][: 5 if has_errors else 4]
    return table(headings, [row[: len(headings)] for row in rows]) if rows else ''


def _metrics(run: Run) -> dict[str, str]:
    return {name: f'{value:.6g}' for name, value in run.last_values.items()}


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    return {name: 'null' if column[0] is None else column[0] for name, column in flat_columns([values]).items()}


def _pairs(heading: str, values: dict[str, Any]) -> str:
    rows = [[name, text_of(value)] for name, value in values.items() if value not in (None, '')]
    return table([heading, 'value' if heading else ''], rows).lstrip('\n ') if rows else ''


def _next(run: Run) -> list[str]:
    """What to type to go on with a run that did not succeed."""
    if run.status in ('failed', 'cancelled') and run.target:
        return ['', f'  → to resume it: `synapse-hooks resume {shlex.quote(str(run.path))}`']
    return []
