"""Runs side by side, for `runs compare`."""

from __future__ import annotations

from collections.abc import Sequence

from synapse_hooks.cli.common import CommandResult
from synapse_hooks.cli.table import table
from synapse_hooks.runs import Run
from synapse_hooks.runs.comparison import ComparedField, compare, value_text


def comparison(runs: Sequence[Run], *, show_all: bool) -> CommandResult:
    """What `synapse-hooks runs compare` prints."""
    fields = compare(runs)
    differing, equal = [f for f in fields if f.differs], [f for f in fields if not f.differs]
    headings = ['', *(run.path.name for run in runs)]
    parts = [table(headings, [_row(field) for field in differing])] if differing else ['the runs do not differ']
    if any(field.best is not None for field in differing):
        parts.append('* the best value')
    if show_all and equal:
        parts.append(table(['equal in all', ''], [[field.name, value_text(field.values[0])] for field in equal]))
    elif equal:
        parts.append(f'{len(equal)} fields are equal: --all shows them')
    data = {
        'runs': [{'name': run.name, 'path': str(run.path)} for run in runs],
        'different': {field.name: list(field.values) for field in differing},
        'equal': {field.name: field.values[0] for field in equal},
        'best': {field.name: field.best for field in differing if field.best is not None},
    }
    return CommandResult(data, '\n\n'.join(parts))


def _row(field: ComparedField) -> list[str | None]:
    marks = [' *' if place == field.best else '' for place in range(len(field.values))]
    return [
        field.name,
        *(None if v is None else value_text(v) + mark for v, mark in zip(field.values, marks, strict=True)),
    ]
