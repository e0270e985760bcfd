"""An inspection as one HTML page without scripts, which loads no other files and needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from synapse_hooks.insight.gallery import gallery
from synapse_hooks.insight.html import Html, table, tag
from synapse_hooks.insight.inspection import Inspection
from synapse_hooks.insight.overview import class_table, plots
from synapse_hooks.insight.problems import Problem
from synapse_hooks.insight.style import STYLE
from synapse_hooks.version import __version__

PICTURES: Final = 48
"""How many samples a page shows."""

_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(inspection: Inspection) -> str:
    """The page. It is the same for the same dataset.

    Args:
        inspection: Made with `shown=PICTURES`, so that there are samples to show.
    """
    head = tag(
        'head',
        tag('meta', charset='utf-8'),
        # If escaping had a gap, scripts would still not run, and nothing would be loaded.
        tag('meta', http_equiv='Content-Security-Policy', content=_POLICY),
        tag('meta', name='viewport', content='width=device-width, initial-scale=1'),
        tag('title', f'{inspection.name} ({inspection.format})'),
        tag('style', Html(STYLE)),
    )
    footer = tag('footer', f'synapse-hooks {__version__} inspect')
    main = tag(
        'main', _header(inspection), _problems(inspection), class_table(inspection), plots(inspection),
        gallery(inspection), footer,
    )  # fmt: skip
    return f'<!doctype html>\n{tag("html", head, tag("body", main), lang="en")}\n'


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
