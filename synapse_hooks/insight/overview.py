"""The counts of an inspection as plots, each with its numbers in a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from synapse_hooks.insight.bin_names import bucket_name, count_name, ratio_name, share_name
from synapse_hooks.insight.histograms import Histogram
from synapse_hooks.insight.inspection import Inspection
from synapse_hooks.insight.plots import Bar, bubbles, columns, heat_map, stack
from synapse_hooks.insight.statistics import Label
from synapse_hooks.pages.html import Html, table, tag

_MOST_CLASSES: Final = 100
_HEADINGS: Final = ('', 'count')


def class_table(inspection: Inspection) -> Html:
    """Every class: its number, a bar divided by split, the counts."""
    splits = list(inspection.statistics.splits)
    several = splits != ['']
    shown = inspection.labels[:_MOST_CLASSES]
    most = max((label.count for label in shown), default=0)
    names = [split or 'no split' for split in splits] if several else []
    headings = [('class', ''), ('number', 'n'), ('', ''), *((name, 'n') for name in (*names, 'all', 'items'))]
    head = tag('tr', *(tag('th', name, scope='col', class_=side or None) for name, side in (*headings, ('kinds', ''))))
    rows = [_class_row(label, splits, most, several=several) for label in shown]
    legend = [tag('span', tag('i', class_=f's{place % 5}'), name) for place, name in enumerate(names)]
    more = len(inspection.labels) - len(shown)
    return tag(
        'section',
        tag('h2', 'Classes and labels'),
        tag(
            'div',
            tag('div', *legend, class_='legend') if legend else None,
            tag('div', tag('table', tag('thead', head), tag('tbody', *rows)), class_='scroll wide'),
            tag('p', f'and {more:,} more: --json has all', class_='soft') if more else None,
            class_='card',
        ),
        _kinds(inspection, splits, names),
    )


def _class_row(label: Label, splits: Sequence[str], most: int, *, several: bool) -> Html:
    counts = [(split or 'no split', label.splits.get(split, 0)) for split in splits]
    numbers: list[int | None] = [label.number, *([count for _, count in counts] if several else [])]
    numbers += [label.count, label.samples]
    cells = [tag('td', '–' if number is None else f'{number:,}', class_='n') for number in numbers]
    bar = tag('td', stack(counts, most), class_='plot')
    kinds = tag('td', ', '.join(sorted(label.kinds)) or 'never used', class_='soft')
    return tag('tr', tag('td', label.name, class_='name'), cells[0], bar, *cells[1:], kinds)


def _kinds(inspection: Inspection, splits: Sequence[str], names: Sequence[str]) -> Html:
    rows = [
        [kind, *([counts[split] for split in splits] if names else []), counts.total()]
        for kind, counts in inspection.statistics.kinds().items()
    ]
    return tag('details', tag('summary', 'Kinds of annotation'), table(['kind', *names, 'all'], rows))


def plots(inspection: Inspection) -> Html:
    """Plots of box sizes, aspect ratios and positions, annotations in an item, and image sizes."""
    statistics = inspection.statistics
    boxes = statistics.boxes
    figures = []
    if boxes.count:
        shares: dict[float, str] = {1: '0.001 %', 5: '0.01 %', 9: '0.1 %', 13: '1 %', 17: '10 %', 21: '100 %'}
        ratios: dict[float, str] = {1: '1:16', 9: '1:4', 17: '1:1', 25: '4:1', 33: '16:1'}
        buckets = [(bucket_name(name), count) for name, count in boxes.buckets.items()]
        figures += [
            _histogram("Box area, as a share of its image's", boxes.shares, share_name, shares, buckets),
            _histogram('Box width by height', boxes.ratios, ratio_name, ratios),
            _places(boxes.centres),
        ]
    counts = statistics.annotations_per_item()
    middles = {place + 0.5: f'{edge:g}' for place, edge in enumerate([0, *counts.edges])}
    figures.append(_histogram('Annotations in an item', counts, count_name, middles))
    if statistics.sizes:
        facts = statistics.size_summary()
        common = [(f'{size["width"]} × {size["height"]}', size['count']) for size in facts['common']]
        title = f'Image sizes, {facts["different"]:,} different'
        figures.append(_figure(title, bubbles(statistics.sizes, alt=_alt(title, common)), table(_HEADINGS, common)))
    return tag('section', tag('h2', 'Shapes and sizes'), tag('div', *figures, class_='plots'))


def _histogram(
    title: str,
    histogram: Histogram,
    name: Callable[[float | None, float | None], str],
    ticks: Mapping[float, str],
    more: Sequence[Bar] = (),
) -> Html:
    bars = [(name(low, high), count) for low, high, count in histogram.bins()]
    rows = [*more, *(bar for bar in bars if bar[1])]
    return _figure(title, columns(bars, ticks, alt=_alt(title, bars)), table(_HEADINGS, rows))


def _places(centres: npt.NDArray[np.int64]) -> Html:
    """The heat map, and a table with a quarter of its rows and columns."""
    fourth = len(centres) // 4
    coarse = centres.reshape(4, fourth, 4, fourth).sum(axis=(1, 3))
    rows = [[name, *map(int, row)] for name, row in zip(('top', '', '', 'bottom'), coarse, strict=True)]
    picture = heat_map(centres, alt=f'Heat map of the centres of {int(centres.sum()):,} boxes')
    return _figure('Where the centres of boxes are', picture, table(['', 'left', '', '', 'right'], rows))


def _figure(title: str, plot: Html, numbers: Html) -> Html:
    details = tag('details', tag('summary', 'numbers'), numbers)
    return tag('figure', tag('figcaption', title), plot, details, class_='card')


def _alt(title: str, bars: Sequence[Bar]) -> str:
    """The text alternative of a plot: its highest bars."""
    highest = sorted((bar for bar in bars if bar[1]), key=lambda bar: -bar[1])[:3]
    return f'{title}; most: ' + ', '.join(f'{name}: {count:,}' for name, count in highest)
