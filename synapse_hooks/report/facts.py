"""What a run was made of: parameters, dataset, losses, plugins, environment, code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from synapse_hooks.pages.html import Html, join, table, tag
from synapse_hooks.report.history import History
from synapse_hooks.runs import Run
from synapse_hooks.safe_text import text_of

_LETTERS: Final = 400
_ROWS: Final = 400
_FATES: Final = ('converted', 'dropped', 'repaired', 'doubtful')


def dataset(run: Run) -> Html | None:
    """The counts of the dataset, and what its conversion changed; None if the run has none."""
    found, losses = run.dataset, run.losses
    if found is None and losses is None:
        return None
    parts: list[Html | None] = []
    if found is not None:
        splits, classes = found.get('splits'), found.get('classes')
        counts = {str(name): value for name, value in splits.items()} if isinstance(splits, dict) else {}
        facts = {'format': found.get('format'), **counts}
        facts |= {'classes': len(classes)} if isinstance(classes, list) else {}
        parts.append(fact_list(facts))
        if isinstance(classes, list) and classes:
            names = [tag('span', text_of(name, 80), class_='badge split') for name in classes[:_ROWS]]
            more = f'and {len(classes) - _ROWS:,} more' if len(classes) > _ROWS else None
            parts.append(tag('p', *names, more, class_='names-list'))
        parts.append(pairs({'path': found.get('path'), 'digest': found.get('digest')}))
    if losses is not None:
        parts.append(_losses(losses))
    return join(parts)


def _losses(losses: Mapping[str, Any]) -> Html:
    written = losses.get('written')
    rows = [['written', kind, count, None, None] for kind, count in _items(written) if count]
    for fate in _FATES:
        for loss in losses.get(fate) or []:
            examples = [text_of(one.get('file'), 80) for one in loss.get('examples') or [] if isinstance(one, dict)]
            rows.append(
                [fate, text_of(loss.get('kind')), loss.get('count'), text_of(loss.get('reason')), ', '.join(examples)]
            )
    rows += [['attribute left out', name, count, None, None] for name, count in _items(losses.get('attributes'))]
    unreadable = losses.get('unreadable')
    if isinstance(unreadable, dict) and unreadable.get('count'):
        first: dict[str, Any] = next(iter(unreadable.get('examples') or []), {})
        rows.append(
            ['unreadable', 'file', unreadable['count'], text_of(first.get('reason')), text_of(first.get('file'))]
        )
    title = f'Conversion from {text_of(losses.get("from"))} to {text_of(losses.get("to"))}'
    return join([tag('h3', title), table(('', 'kind', 'count', 'reason', 'first of them'), rows[:_ROWS])])


def parameters(run: Run, history: History) -> Html | None:
    """The parameters of the action, and those that a framework logged."""
    logged = {name: values for name, values in history.params.items() if values}
    if not run.params and not logged:
        return None
    parts = [pairs(run.params)]
    for name, values in logged.items():
        title = f'logged by training {name}' if name else 'logged'
        parts.append(tag('details', tag('summary', f'{title}: {len(values)}'), pairs(values)))
    return join(parts)


def provenance(run: Run) -> Html:
    """Where and with what the run was made."""
    git, environment = run.git or {}, run.environment
    code = run.record.get('code')
    facts = {
        'run directory': str(run.path),
        'target': run.target,
        'python': environment.get('python'),
        'platform': environment.get('platform'),
        'executable': environment.get('executable'),
        'git': f'{git.get("sha")}{" with uncommitted changes" if git.get("dirty") else ""}' if git else None,
        'workspace': run.record.get('workspace'),
        'host': run.record.get('host'),
        'moved from': ', '.join(map(str, run.record.get('moved_from') or [])) or None,
        'checkpoint': None if run.checkpoint is None else run.checkpoint.get('name') or run.checkpoint.get('path'),
    }
    plugins = [[name, text_of(version, _LETTERS)] for name, version in run.plugins.items()]
    left_out = run.record.get('left_out')
    return join(
        [
            pairs(facts),
            tag('h3', 'Plugins'),
            table(('plugin', 'distribution'), plugins[:_ROWS]) if plugins else None,
            table(('left out', ''), [[text_of(one, _LETTERS), ''] for one in left_out])
            if isinstance(left_out, list) and left_out
            else None,
            _more('digests of the code', [list(item) for item in _items(code)], ('file', 'digest')),
        ]
    )


def _more(title: str, rows: Sequence[Sequence[Any]], headings: Sequence[str]) -> Html | None:
    return tag('details', tag('summary', title), table(headings, rows[:_ROWS])) if rows else None


def pairs(values: Mapping[str, Any]) -> Html | None:
    """Names and values as a table; those that are None are omitted."""
    rows = [[name, text_of(value, _LETTERS)] for name, value in values.items() if value is not None]
    more = len(rows) - _ROWS
    note = tag('p', f'and {more:,} more', class_='soft') if more > 0 else None
    return join([table(('name', 'value'), rows[:_ROWS]), note]) if rows else None


def fact_list(facts: Mapping[str, Any]) -> Html:
    """A few facts in large letters; those that are None are omitted."""
    cells = [
        tag('div', tag('dt', name), tag('dd', f'{value:,}' if isinstance(value, int) else text_of(value, 200)))
        for name, value in facts.items()
        if value is not None
    ]
    return tag('dl', *cells, class_='facts')


def _items(values: object) -> list[tuple[str, Any]]:
    return list(values.items()) if isinstance(values, dict) else []
