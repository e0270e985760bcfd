"""A chart as SVG: lines over one another, which follow the light or dark scheme of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from synapse_hooks.pages.html import Html, number, tag
from synapse_hooks.report.downsampling import Point
from synapse_hooks.report.scale import Scale, number_text

_WIDTH: Final = 460
_HEIGHT: Final = 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 86, 10, 12, 40
_PLACES: Final = 60
"""Where a plot can be pointed at, for its values."""
_LISTED: Final = 12
COLOURS: Final = 8
"""How many colours of lines the style has."""


@dataclass(frozen=True)
class Line:
    """A line of a plot."""

    label: str
    points: Sequence[Point]
    """Sorted by x; one point is drawn as a mark."""
    colour: int
    """Its number, which the style knows up to `COLOURS`."""
    dashed: bool = False
    missing: Sequence[float] = ()
    """Where it has no finite value."""

    @property
    def classes(self) -> str:
        """The names of its style."""
        return f'c{self.colour % COLOURS}{" dashed" if self.dashed else ""}'


def line_plot(lines: Sequence[Line], *, x_label: str, y_label: str, alt: str, may_be_logarithmic: bool = True) -> Html:
    """Lines with both axes, and of each place its values to point at. At least one line must have a point.

    Args:
        lines: Those in front come last.
        x_label: What is beside the horizontal axis.
        y_label: What is beside the vertical axis.
        alt: The text alternative.
        may_be_logarithmic: Whether the vertical axis is, if the values are of many magnitudes.
    """
    steps = [step for line in lines for step, _ in line.points]
    xs = Scale.of([*steps, *(step for line in lines for step in line.missing)])
    values = (value for line in lines for _, value in line.points)
    ys = Scale.of(values, margin=0.05, may_be_logarithmic=may_be_logarithmic)
    drawn = [_line(line, xs, ys) for line in lines]
    return tag(
        'svg', *_axes(xs, ys, x_label, y_label + (' (logarithmic)' if ys.logarithmic else '')), *drawn,
        *_targets(lines, xs, ys), viewBox=f'0 0 {_WIDTH} {_HEIGHT}', role='img', aria_label=alt, class_='lines',
    )  # fmt: skip


def swatch(line: Line) -> Html:
    """A short piece of the line, for a legend."""
    return tag(
        'svg', tag('path', d='M0 5H22', class_=f'curve {line.classes}'), viewBox='0 0 22 10', class_='swatch',
        aria_hidden='true',
    )  # fmt: skip


def _x(scale: Scale, step: float) -> float:
    return _LEFT + scale.place(step) * (_WIDTH - _LEFT - _RIGHT)


def _y(scale: Scale, value: float) -> float:
    return _HEIGHT - _BOTTOM - scale.place(value) * (_HEIGHT - _BOTTOM - _TOP)


def _line(line: Line, xs: Scale, ys: Scale) -> Html:
    gaps = [f'M{number(_x(xs, step))} {_HEIGHT - _BOTTOM}v-7' for step in line.missing]
    marks = tag('path', d=''.join(gaps), class_=f'curve {line.classes}') if gaps else None
    places = [(number(_x(xs, step)), number(_y(ys, value))) for step, value in line.points]
    if len(places) == 1:
        ((x, y),) = places
        return tag('g', marks, tag('circle', cx=x, cy=y, r=4, class_=f'mark {line.classes}'))
    return tag('g', marks, tag('path', d=_path(line, places), class_=f'curve {line.classes}'))


def _path(line: Line, places: Sequence[tuple[str, str]]) -> str:
    """The line, which is broken where values are missing."""
    words: list[str] = []
    missing = sorted(line.missing)
    ahead = 0
    for (step, _), (x, y) in zip(line.points, places, strict=True):
        broken = not words
        while ahead < len(missing) and missing[ahead] < step:
            ahead, broken = ahead + 1, True
        words.append(f'{"M" if broken else "L"}{x} {y}')
    return ''.join(words)


def _axes(xs: Scale, ys: Scale, x_label: str, y_label: str) -> list[Html]:
    floor = _HEIGHT - _BOTTOM
    parts = []
    for value in ys.ticks(4):
        y = _y(ys, value)
        parts.append(tag('path', d=f'M{_LEFT} {number(y)}H{_WIDTH - _RIGHT}', class_='grid'))
        parts.append(tag('text', number_text(value), x=_LEFT - 6, y=y + 4, class_='label end'))
    parts.append(tag('path', d=f'M{_LEFT} {floor}H{_WIDTH - _RIGHT}', class_='axis'))
    for step in xs.ticks(5, whole=True):
        x = _x(xs, step)
        parts.append(tag('path', d=f'M{number(x)} {floor}v4', class_='axis'))
        # The last number may be wider than what is beside the axis.
        side = 'end' if x > _WIDTH - _RIGHT - 20 else 'middle'
        x = _WIDTH - 2 if side == 'end' else x
        parts.append(tag('text', number_text(step), x=x, y=floor + 17, class_=f'label {side}'))
    middle = (_TOP + floor) / 2
    parts.append(tag('text', x_label, x=(_LEFT + _WIDTH - _RIGHT) / 2, y=_HEIGHT - 5, class_='label middle'))
    turned = f'rotate(-90 10 {number(middle)})'
    parts.append(tag('text', _short(y_label), x=10, y=middle, class_='label middle', transform=turned))
    return parts


def _short(text: str) -> str:
    return text if len(text) <= 32 else f'{text[:31]}…'


def _targets(lines: Sequence[Line], xs: Scale, ys: Scale) -> list[Html]:
    """Columns that show the values of all lines when they are pointed at: one for each step, or for several."""
    steps = sorted({step for line in lines for step, _ in line.points})
    if len(steps) <= _PLACES:
        edges = [steps[0], *((left + right) / 2 for left, right in pairwise(steps)), steps[-1]]
    else:
        edges = [xs.low + (xs.high - xs.low) * place / _PLACES for place in range(_PLACES + 1)]
    ends = [0] * len(lines)
    parts = []
    for place in range(len(edges) - 1):
        last = place == len(edges) - 2
        words, marks, inside = [], [], []
        for which, line in enumerate(lines):
            start = ends[which]
            while ends[which] < len(line.points) and (last or line.points[ends[which]][0] < edges[place + 1]):
                ends[which] += 1
            here = line.points[start : ends[which]]
            if here:
                inside += [here[0][0], here[-1][0]]
                low, high = min(value for _, value in here), max(value for _, value in here)
                words.append(f'{line.label}: {number_text(low)}' + f' to {number_text(high)}' * (low != high))
                marks.append(tag('circle', cx=_x(xs, here[-1][0]), cy=_y(ys, here[-1][1]), r=3, class_=line.classes))
        if not words:
            continue
        more = [f'and {len(words) - _LISTED} more'] if len(words) > _LISTED else []
        first, end = number_text(min(inside)), number_text(max(inside))
        title = '\n'.join([first if first == end else f'{first} to {end}', *words[:_LISTED], *more])
        left, right = _x(xs, edges[place]), _x(xs, edges[place + 1])
        wide = max(right - left, 6)
        target = tag('rect', x=left, y=_TOP, width=wide, height=_HEIGHT - _TOP - _BOTTOM, class_='target')
        parts.append(tag('g', tag('title', title), target, *marks[:_LISTED], class_='point'))
    return parts
