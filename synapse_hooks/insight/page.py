"""An inspection as one HTML page without scripts, which loads no other files and needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from synapse_hooks.insight.gallery import gallery
from synapse_hooks.insight.inspection import Inspection
from synapse_hooks.insight.overview import class_table, plots
from synapse_hooks.insight.problems import Problem
from synapse_hooks.pages.document import document
from synapse_hooks.pages.html import Html, table, tag

PICTURES: Final = 48
"""How many samples a page shows."""


def page(inspection: Inspection) -> str:
    """The page. It is the same for the same dataset.

    Args:
        inspection: Made with `shown=PICTURES`, so that there are samples to show.
    """
    return document(
        f'{inspection.name} ({inspection.format})',
        _header(inspection),
        _problems(inspection),
        class_table(inspection),
        plots(inspection),
        gallery(inspection),
        made_by='inspect',
    )


def _header(inspection: Inspection) -> Html:
    statistics = inspection.statistics
    facts: dict[str, str] = {
        'items': f'{statistics.items:,}',
        'annotations': f'{statistics.annotations:,}',
        'classes': f'{len(inspection.classes):,}',
        'not annotated': f'{sum(statistics.unannotated.values()):,}',
    }
    facts |= {name: f'{count:,}' for name, count in statistics.splits.items() if name}
    sizes = statistics.size_summary()
    if sizes['common']:
        facts['median size, px'] = f'{sizes["width"]["median"]} × {sizes["height"]["median"]}'
    pairs = [tag('div', tag('dt', name), tag('dd', value)) for name, value in facts.items()]
    where = tag('p', f'{inspection.format} · {inspection.path}', class_='soft')
    return tag('header', tag('h1', inspection.name), where, tag('dl', *pairs, class_='facts'))


def _problems(inspection: Inspection) -> Html:
    found = inspection.problems.found
    if not found:
        good = tag('li', tag('span', 'good', class_='badge good'), 'No problems found.', class_='card good')
        return tag('section', tag('h2', 'Problems'), tag('ul', good, class_='problems'))
    return tag('section', tag('h2', 'Problems'), tag('ul', *map(_problem, found), class_='problems'))


def _problem(problem: Problem) -> Html:
    kind = problem.kind
    title = tag('h3', tag('span', kind.severity, class_=f'badge {kind.severity}'), f'{kind.title}: {problem.count:,}')
    names = {'file': 'file', 'split': 'split', 'annotation': 'annotation', 'detail': 'detail'}
    # Columns without any value are omitted.
    columns = [name for name in names if any(getattr(example, name) for example in problem.examples)]
    rows: Sequence[Sequence[Any]] = [
        [getattr(example, name) or None for name in columns] for example in problem.examples
    ]
    first = f'the first {len(problem.examples)}' if problem.count > len(problem.examples) else 'where'
    listing = table([names[name] for name in columns], rows)
    examples = tag('details', tag('summary', first), listing, open=kind.severity == 'error')
    return tag('li', title, tag('p', kind.advice, class_='soft'), examples, class_=f'card {kind.severity}')
