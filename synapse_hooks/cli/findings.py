"""An inspection of a dataset for people: tables, bars and places, folded on a terminal and whole where it is piped."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from synapse_hooks.cli.table import table
from synapse_hooks.cli.widths import bounded, paragraph, terminal_columns, width
from synapse_hooks.insight import Inspection, Label, Problem
from synapse_hooks.insight.histograms import Histogram
from synapse_hooks.insight.scales import bucket_name, count_name, ratio_name, share_name

_BAR: Final = 40
_SHORTEST_BAR: Final = 8
_MOST: Final = 40
"""Labels in the table on a terminal."""
_SPLITS: Final = 3


def findings(inspection: Inspection) -> str:
    """All of it, as paragraphs."""
    counted = inspection.statistics
    facts = f'{counted.items:,} items, {counted.annotations:,} annotations, {len(inspection.classes):,} classes'
    parts = [f'{shown(inspection.name)}: {inspection.format}, {facts}', _splits(inspection)]
    if inspection.labels:
        parts.append(_labels(inspection))
    parts += [_kinds(inspection), _sizes(inspection)]
    parts.append(_bars('annotations in an item', counted.counts(), count_name))
    if counted.boxes.count:
        boxes = counted.boxes
        sizes = [(bucket_name(name), count) for name, count in boxes.buckets.items()]
        parts.append(_drawn('boxes of objects', sizes))
        parts.append(_bars("box area, as a share of its image's", boxes.shares.coarser(4), share_name))
        parts.append(_bars('box width by height', boxes.ratios.coarser(4), ratio_name))
    parts.append('\n'.join(_problems(inspection.problems.found)))
    return '\n\n'.join(part for part in parts if part)


def shown(text: str) -> str:
    """A text from a dataset as it may stand in a terminal: no control characters, and not megabytes.

    Example:
        >>> shown('a\\x1b[2Jb')
        'a�[2Jb'
    """
    return ''.join(
        '\ufffd' if unicodedata.category(letter) in ('Cc', 'Cf', 'Cs') else letter for letter in bounded(text)
    )


def _split_names(inspection: Inspection) -> list[str]:
    """The splits that get columns of their own: those with names, where there are any, and not too many."""
    names = list(inspection.statistics.splits)
    return [] if names == [''] or len(names) > _SPLITS + 1 else names


def _splits(inspection: Inspection) -> str:
    counted = inspection.statistics
    named = list(counted.splits) != ['']
    rows = [
        [shown(name) or ('no split' if named else 'all'), count, counted.bare[name], counted.annotations_by_split[name]]
        for name, count in counted.splits.items()
    ]
    return _numbers('split', ['items', 'without annotations', 'annotations'], rows)


def _labels(inspection: Inspection) -> str:
    splits = _split_names(inspection)
    most = None if terminal_columns() is None else _MOST
    rows = [_label(label, splits) for label in inspection.labels[:most]]
    headings = ['class', 'number', *(name or 'no split' for name in splits), 'all', 'items']
    text = _numbers(headings[0], headings[1:], rows, extra='kinds')
    undeclared = sum(not label.declared for label in inspection.classes) if inspection.declared else 0
    if undeclared:
        text += f'\n{undeclared:,} classes are not declared: they come after those that are'
    more = len(inspection.labels) - len(rows)
    return f'{text}\n{more:,} more: --json has all' if more else text


def _label(label: Label, splits: Sequence[str]) -> list[object]:
    counts = [label.splits.get(name, 0) for name in splits]
    return [
        shown(label.name),
        label.number,
        *counts,
        label.count,
        label.samples,
        shown(', '.join(sorted(label.kinds))),
    ]


def _kinds(inspection: Inspection) -> str:
    splits = _split_names(inspection)
    rows = [
        [shown(kind), *(counts[name] for name in splits), counts.total()]
        for kind, counts in inspection.statistics.kinds().items()
    ]
    return _numbers('kind', [*(name or 'no split' for name in splits), 'all'], rows) if rows else ''


def _sizes(inspection: Inspection) -> str:
    facts = inspection.statistics.size_facts()
    if not facts['common']:
        return ''
    rows: list[list[object]] = [
        [side, facts[side]['min'], facts[side]['median'], facts[side]['max']] for side in ('width', 'height')
    ]
    text = _numbers('image size, px', ['min', 'median', 'max'], rows)
    common = [f'{size["width"]} x {size["height"]} ({size["count"]:,})' for size in facts['common'][:4]]
    return f'{text}\nmost common of {facts["different"]:,}: {", ".join(common)}'


def _numbers(name: str, headings: Sequence[str], rows: Sequence[Sequence[object]], *, extra: str = '') -> str:
    """A table whose columns are numbers, but for the first, and the last where it has a name."""
    cells = [[f'{cell:,}' if isinstance(cell, int) else cell for cell in row] for row in rows]
    columns = [name, *headings, *([extra] if extra else [])]
    return table(columns, cells, right=range(1, len(headings) + 1))


def _bars(title: str, histogram: Histogram, name: Callable[[float | None, float | None], str]) -> str:
    rows = [(name(low, high), count) for low, high, count in histogram.spans()]
    filled = [place for place, (_, count) in enumerate(rows) if count]
    return _drawn(title, rows[filled[0] : filled[-1] + 1]) if filled else ''


def _drawn(title: str, rows: Sequence[tuple[str, int]]) -> str:
    most, total = max(count for _, count in rows) or 1, sum(count for _, count in rows) or 1
    cells = [[name, f'{count:,}', f'{count / total:.1%}'] for name, count in rows]
    headings, columns = [title, 'count', 'share'], terminal_columns()
    taken = sum(max(map(width, column)) + 2 for column in zip(headings, *cells, strict=True))
    length = _BAR if columns is None else min(_BAR, columns - taken)
    if length >= _SHORTEST_BAR:
        headings.append('')
        for cell, (_, count) in zip(cells, rows, strict=True):
            cell.append(_bar(count / most, length))
    return table(headings, cells, right=(1, 2))


def _bar(share: float, length: int) -> str:
    """Eighths of a character; whatever is there can be seen.

    Example:
        >>> _bar(0.1, 40), _bar(0.001, 40), _bar(0, 40)
        ('████', '▏', ' ')
    """
    eighths = max(round(share * length * 8), 1) if share else 0
    return '█' * (eighths // 8) + ' ▏▎▍▌▋▊▉'[eighths % 8].strip() or ' '


def _problems(found: Sequence[Problem]) -> Iterator[str]:
    if not found:
        yield 'no problems found'
        return
    counts: Mapping[str, int] = {
        severity: sum(problem.kind.severity == severity for problem in found)
        for severity in ('error', 'warning', 'note')
    }
    told = [f'{count} {severity}{"s" * (count > 1)}' for severity, count in counts.items() if count]
    yield f'problems: {", ".join(told)}'
    for problem in found:
        yield f'{problem.kind.severity:8}{problem.kind.title}: {problem.count:,}'
        for example in problem.examples:
            where = ' '.join(shown(word) for word in (example.file, example.annotation) if word)
            if example.split and not example.file:
                where += shown(example.split)
            yield paragraph(': '.join(part for part in (where, shown(example.detail)) if part), ' ' * 8)
