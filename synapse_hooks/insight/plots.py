"""Plots as SVG. Colours come from the page's style, so that a plot follows the light or dark scheme."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from synapse_hooks.pages.html import Html, tag

_WIDTH: Final = 400
_HEIGHT: Final = 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 8, 8, 22, 26
_LETTER: Final = 7
"""The approximate width of a letter, in pixels."""
_MOST_SIZES: Final = 300

Bar = tuple[str, int]
"""A name and a count."""


def columns(bars: Sequence[Bar], ticks: Mapping[float, str], *, alt: str) -> Html:
    """A histogram.

    Args:
        bars: The bars, from the left to the right.
        ticks: The labels below the axis, by position: 0 is the left side of the first bar, 1 its right side.
        alt: The text alternative.
    """
    most = max((count for _, count in bars), default=0) or 1
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(bars), 1)
    floor = _HEIGHT - _BOTTOM
    drawn = []
    for place, (name, count) in enumerate(bars):
        # A bar above 0 is always visible.
        high = max((floor - _TOP) * count / most, 1.5) if count else 0
        x = _LEFT + place * step
        gap = min(step * 0.12, 3)
        # The whole column can be pointed at, however low the bar is.
        target = tag('rect', x=x, y=_TOP, width=step, height=floor - _TOP, class_='target')
        bar = tag('rect', x=x + gap / 2, y=floor - high, width=step - gap, height=high, rx=min(2, high), class_='bar')
        drawn.append(tag('g', tag('title', f'{name}: {count:,}'), target, bar))
    return _svg(alt, _top_line(most), *drawn, *_axis({_LEFT + at * step: text for at, text in ticks.items()}, floor))


def heat_map(counts: npt.NDArray[np.int64], *, alt: str) -> Html:
    """A square of cells; higher counts are darker."""
    rows, places = counts.shape
    most = int(counts.max()) or 1
    cells = []
    for row, column in zip(*np.nonzero(counts), strict=True):
        count = int(counts[row, column])
        share = count / most
        cells.append(
            tag(
                'rect',
                tag('title', f'{count:,}'),
                x=float(column),
                y=float(row),
                width=1.02,
                height=1.02,
                fill_opacity=0.06 + 0.94 * math.sqrt(share),
            )
        )
    ground = tag('rect', width=places, height=rows, class_='ground')
    return tag(
        'svg', ground, tag('g', *cells, class_='heat'), viewBox=f'0 0 {places} {rows}', role='img', aria_label=alt,
        class_='square',
    )  # fmt: skip


def bubbles(sizes: Mapping[tuple[int, int], int], *, alt: str) -> Html:
    """Image sizes: a circle at width and height, with an area by count. Of many sizes, only the most common ones."""
    common = sorted(sizes.items(), key=lambda item: (-item[1], item[0]))[:_MOST_SIZES]
    widest, highest = max(width for (width, _), _ in common), max(height for (_, height), _ in common)
    most = common[0][1]
    floor = _HEIGHT - _BOTTOM
    scale = min((_WIDTH - _LEFT - 40) / widest, (floor - _TOP - 6) / highest)
    drawn = []
    for (width, height), count in common:
        x, y = _LEFT + width * scale, floor - height * scale
        radius = 2.5 + 11 * math.sqrt(count / most)
        name = tag('title', f'{width} x {height}: {count:,}')
        outline = tag('path', d=f'M{_LEFT} {y:.1f}H{x:.1f}V{floor}', class_='outline')
        drawn.append(tag('g', name, outline, tag('circle', cx=x, cy=y, r=radius)))
    ticks = {_LEFT + widest * scale: f'{widest:,} px'}
    side = tag('text', f'{highest:,} px', x=_LEFT + 4, y=max(floor - highest * scale - 6, 12), class_='label')
    return _svg(alt, tag('g', *drawn, class_='bubbles'), side, *_axis(ticks, floor))


def stack(counts: Sequence[Bar], most: int) -> Html:
    """A horizontal stacked bar; its length is the sum of the counts by `most`. The table around it has the numbers."""
    parts, x = [], 0.0
    for place, (name, count) in enumerate(counts):
        wide = 100 * count / (most or 1)
        if count:
            title = tag('title', f'{name}: {count:,}')
            parts.append(tag('rect', title, x=x, width=max(wide, 0.4), height=10, class_=f's{place % 5}'))
        x += wide
    return tag('svg', *parts, viewBox='0 0 100 10', preserveAspectRatio='none', class_='stack', aria_hidden='true')


def _svg(alt: str, *children: Html) -> Html:
    return tag('svg', *children, viewBox=f'0 0 {_WIDTH} {_HEIGHT}', role='img', aria_label=alt)


def _top_line(most: int) -> Html:
    line = tag('path', d=f'M{_LEFT} {_TOP}H{_WIDTH - _RIGHT}', class_='grid')
    return tag('g', line, tag('text', f'{most:,}', x=_WIDTH - _RIGHT, y=_TOP - 6, class_='label end'))


def _axis(ticks: Mapping[float, str], floor: float) -> list[Html]:
    parts = [tag('path', d=f'M{_LEFT} {floor}H{_WIDTH - _RIGHT}', class_='axis')]
    for x, text in ticks.items():
        half = len(text) * _LETTER / 2
        side = 'end' if x + half > _WIDTH else 'middle' if x > half else ''
        parts.append(tag('path', d=f'M{x:.1f} {floor}v4', class_='axis'))
        parts.append(
            tag(
                'text',
                text,
                x=_WIDTH if side == 'end' else x if side else 0,
                y=floor + 18,
                class_=f'label {side}'.strip(),
            )
        )
    return parts
