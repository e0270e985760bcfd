"""Charts of a page, each with its legend and its numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from synapse_hooks.pages.html import Html, join, table, tag
from synapse_hooks.report.charts import Chart, Curve, labels
from synapse_hooks.report.downsampling import downsampled
from synapse_hooks.report.line_plot import Line, line_plot, swatch
from synapse_hooks.report.scale import number_text
from synapse_hooks.runs.headline import higher_is_better

_MOST_POINTS: Final = 60_000
"""Points of all curves of a page."""
_MOST_OF_CURVE: Final = 600
_LEAST_OF_CURVE: Final = 40
_MOST_CHARTS: Final = 60
_MOST_CURVES: Final = 40
"""Curves in a chart."""


def curves_of(found: Sequence[Chart], names: Sequence[str]) -> Html | None:
    """Charts beside one another, with a note of how many of their points are shown; None if there are none.

    Args:
        found: The charts.
        names: The name of each run.
    """
    if not found:
        return None
    shown = [Chart(chart.title, chart.axis, chart.curves[:_MOST_CURVES]) for chart in found[:_MOST_CHARTS]]
    count = sum(len(chart.curves) for chart in shown)
    most = max(_LEAST_OF_CURVE, min(_MOST_OF_CURVE, _MOST_POINTS // count))
    owners = list(dict.fromkeys((curve.run, curve.training) for chart in shown for curve in chart.curves))
    figures = [_figure(chart, labels(chart, names), owners, most) for chart in shown]
    left_out = sum(len(chart.curves) for chart in found) - count
    more = f'{left_out:,} more curves are not shown: --json has their last values' if left_out else None
    return join(
        [
            tag('p', _counts(shown, figures, most), class_='soft'),
            tag('div', *(figure for figure, _ in figures), class_='plots'),
            None if more is None else tag('p', more, class_='soft'),
        ]
    )


def _counts(shown: Sequence[Chart], figures: Sequence[tuple[Html, int]], most: int) -> str:
    every = sum(len(curve.points) for chart in shown for curve in chart.curves)
    drawn = sum(count for _, count in figures)
    if every == drawn:
        return f'All {every:,} points are shown.'
    return (
        f'{drawn:,} of {every:,} points are shown: a curve with more than {most} is divided into stretches, and of '
        'each the lowest and the highest value is drawn, where it is.'
    )


def _figure(
    chart: Chart, labels: Sequence[str], owners: Sequence[tuple[int, str | None]], most: int
) -> tuple[Html, int]:
    """A chart, and how many points it shows."""
    lines = [_line(chart, place, labels[place], owners, most) for place in range(len(chart.curves))]
    legend = [tag('span', swatch(line), line.label) for line in lines]
    every = sum(len(curve.points) for curve in chart.curves)
    drawn = sum(len(line.points) for line in lines)
    notes = [f'{drawn:,} of {every:,} points shown'] if drawn != every else []
    missing = sum(len(curve.missing) for curve in chart.curves)
    notes += [f'{missing:,} values are not finite: short marks on the axis'] if missing else []
    alt = f'{chart.title} by {chart.axis}; ' + '; '.join(_alt(line) for line in lines[:6] if line.points)
    # Of an accuracy it is the difference that matters, of a loss or a gradient the factor.
    by_factor = not higher_is_better(chart.title)
    plot = line_plot(lines, x_label=chart.axis, y_label=chart.title, alt=alt, may_be_logarithmic=by_factor)
    figure = tag(
        'figure',
        tag('figcaption', chart.title),
        tag('div', *legend, class_='legend'),
        plot,
        tag('p', ' · '.join(notes), class_='soft small') if notes else None,
        tag('details', tag('summary', 'numbers'), _numbers(chart.curves, labels)),
        class_='card',
    )
    return figure, drawn


def _line(chart: Chart, place: int, label: str, owners: Sequence[tuple[int, str | None]], most: int) -> Line:
    curve = chart.curves[place]
    if len(owners) == 1:
        return Line(label, downsampled(curve.points, most), place, missing=curve.missing[:most])
    # A colour for each run or training; the others of its curves in this chart are dashed.
    owner = curve.run, curve.training
    first = next(other for other in chart.curves if (other.run, other.training) == owner)
    return Line(
        label, downsampled(curve.points, most), owners.index(owner), dashed=curve is not first,
        missing=curve.missing[:most],
    )  # fmt: skip


def _alt(line: Line) -> str:
    return f'{line.label}: from {number_text(line.points[0][1])} to {number_text(line.points[-1][1])}'


def _numbers(curves: Sequence[Curve], labels: Sequence[str]) -> Html:
    rows = []
    for curve, label in zip(curves, labels, strict=True):
        if not curve.points:
            rows.append([label, 0, *[None] * 4])
            continue
        low, high = (choose(curve.points, key=lambda point: point[1]) for choose in (min, max))
        ends = [number_text(curve.points[place][1]) for place in (0, -1)]
        rows.append(
            [label, len(curve.points), *ends, *(f'{number_text(v)} at {number_text(s)}' for s, v in (low, high))]
        )
    return join([table(['', 'points', 'first', 'last', 'lowest', 'highest'], rows)])
