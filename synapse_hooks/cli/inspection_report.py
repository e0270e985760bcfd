"""An inspection of a dataset as text: tables, bar charts and problems; folded on a terminal, not folded in a pipe."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from synapse_hooks.cli.table import table
from synapse_hooks.cli.text_width import paragraph, terminal_columns, truncated, width
from synapse_hooks.insight import Inspection, Label, Problem
from synapse_hooks.insight.bin_names import bucket_name, count_name, ratio_name, share_name
from synapse_hooks.insight.histograms import Histogram

_BAR_LENGTH: Final = 40
_MIN_BAR_LENGTH: Final = 8
_MAX_LABELS: Final = 40
"""Labels in the table on a terminal."""
_SPLITS: Final = 3


def inspection_report(inspection: Inspection) -> str:
    """The whole report."""
    statistics = inspection.statistics
    facts = f'{statistics.items:,} items, {statistics.annotations:,} annotations, {len(inspection.classes):,} classes'
    parts = [f'{for_terminal(inspection.name)}: {inspection.format}, {facts}', _media(inspection), _splits(inspection)]
    if inspection.labels:
        parts.append(_labels(inspection))
    parts += [_kinds(inspection), _sizes(inspection)]
    parts.append(_histogram('annotations in an item', statistics.annotations_per_item(), count_name))
    if statistics.boxes.count:
        boxes = statistics.boxes
        sizes = [(bucket_name(name), count) for name, count in boxes.buckets.items()]
        parts.append(_bar_chart('boxes of objects', sizes))
        parts.append(_histogram("box area, as a share of its image's", boxes.shares.merged(4), share_name))
        parts.append(_histogram('box width by height', boxes.ratios.merged(4), ratio_name))
    parts.append('\n'.join(_problems(inspection.problems.found)))
    return '\n\n'.join(part for part in parts if part)


def for_terminal(text: str) -> str:
    """A text from a dataset made safe for a terminal: no control characters, and not megabytes.

    Example:
        >>> for_terminal('a\\x1b[2Jb')
        'a�[2Jb'
    """
    return ''.join(
        '\ufffd' if unicodedata.category(letter) in ('Cc', 'Cf', 'Cs') else letter for letter in truncated(text)
    )


def _split_names(inspection: Inspection) -> list[str]:
    """The splits that get columns of their own: none if the dataset has no splits, or too many."""
    names = list(inspection.statistics.splits)
    return [] if names == [''] or len(names) > _SPLITS + 1 else names


def _media(inspection: Inspection) -> str:
    """One line, if not all items are images."""
    media = inspection.statistics.media
    counts = ', '.join(f'{count:,} {name}' for name, count in sorted(media.items()))
    return f'media of the items: {counts}' if media.keys() - {'image'} else ''


def _splits(inspection: Inspection) -> str:
    statistics = inspection.statistics
    named = list(statistics.splits) != ['']
    rows = [
        [
            for_terminal(name) or ('no split' if named else 'all'),
            count,
            statistics.unannotated[name],
            statistics.annotations_by_split[name],
        ]
        for name, count in statistics.splits.items()
    ]
    return _numbers('split', ['items', 'without annotations', 'annotations'], rows)


def _labels(inspection: Inspection) -> str:
    splits = _split_names(inspection)
    most = None if terminal_columns() is None else _MAX_LABELS
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
        for_terminal(label.name),
        label.number,
        *counts,
        label.count,
        label.samples,
        for_terminal(', '.join(sorted(label.kinds))),
    ]


def _kinds(inspection: Inspection) -> str:
    splits = _split_names(inspection)
    rows = [
        [for_terminal(kind), *(counts[name] for name in splits), counts.total()]
        for kind, counts in inspection.statistics.kinds().items()
    ]
    return _numbers('kind', [*(name or 'no split' for name in splits), 'all'], rows) if rows else ''


def _sizes(inspection: Inspection) -> str:
    facts = inspection.statistics.size_summary()
    if not facts['common']:
        return ''
    rows: list[list[object]] = [
        [side, facts[side]['min'], facts[side]['median'], facts[side]['max']] for side in ('width', 'height')
    ]
    text = _numbers('image size, px', ['min', 'median', 'max'], rows)
    common = [f'{size["width"]} x {size["height"]} ({size["count"]:,})' for size in facts['common'][:4]]
    return f'{text}\nmost common of {facts["different"]:,}: {", ".join(common)}'


def _numbers(name: str, headings: Sequence[str], rows: Sequence[Sequence[object]], *, extra: str = '') -> str:
    """A table: names in the first column, then numbers, then text in the column `extra` if it is given."""
    cells = [[f'{cell:,}' if isinstance(cell, int) else cell for cell in row] for row in rows]
    columns = [name, *headings, *([extra] if extra else [])]
    return table(columns, cells, right=range(1, len(headings) + 1))


def _histogram(title: str, histogram: Histogram, name: Callable[[float | None, float | None], str]) -> str:
    rows = [(name(low, high), count) for low, high, count in histogram.bins()]
    filled = [place for place, (_, count) in enumerate(rows) if count]
    return _bar_chart(title, rows[filled[0] : filled[-1] + 1]) if filled else ''


def _bar_chart(title: str, rows: Sequence[tuple[str, int]]) -> str:
    most, total = max(count for _, count in rows) or 1, sum(count for _, count in rows) or 1
    cells = [[name, f'{count:,}', f'{count / total:.1%}'] for name, count in rows]
    headings, columns = [title, 'count', 'share'], terminal_columns()
    taken = sum(max(map(width, column)) + 2 for column in zip(headings, *cells, strict=True))
    length = _BAR_LENGTH if columns is None else min(_BAR_LENGTH, columns - taken)
    if length >= _MIN_BAR_LENGTH:
        headings.append('')
        for cell, (_, count) in zip(cells, rows, strict=True):
            cell.append(_bar(count / most, length))
    return table(headings, cells, right=(1, 2))


def _bar(share: float, length: int) -> str:
    """A bar in eighths of a character; a share above 0 is always visible.

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
    parts = [f'{count} {severity}{"s" * (count > 1)}' for severity, count in counts.items() if count]
    yield f'problems: {", ".join(parts)}'
    for problem in found:
        yield f'{problem.kind.severity:8}{problem.kind.title}: {problem.count:,}'
        for example in problem.examples:
            where = ' '.join(for_terminal(word) for word in (example.file, example.annotation) if word)
            if example.split and not example.file:
                where += for_terminal(example.split)
            yield paragraph(': '.join(part for part in (where, for_terminal(example.detail)) if part), ' ' * 8)
