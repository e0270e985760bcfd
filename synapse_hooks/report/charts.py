"""The curves of one or several runs, divided into charts: what is measured in the same way is in one chart."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from synapse_hooks.report.downsampling import Point

if TYPE_CHECKING:
    from synapse_hooks.runs import Metrics

_PREFIX: Final = re.compile(r'^(train|training|val|valid|validation|test)(?:[/_. ])(?=.)', re.IGNORECASE)
_RATE: Final = re.compile(r'(^|[/_. ])(lr|learning[ _-]?rate)([/_. ]|$)', re.IGNORECASE)
_PHASES: Final = {'val': 'val', 'valid': 'val', 'validation': 'val', 'test': 'test', 'train': 'train'}
LEARNING_RATE: Final = 'learning rate'


@dataclass
class Curve:
    """One metric of one training of one run."""

    run: int
    """The number of the run, from 0."""
    training: str | None
    phase: str
    name: str
    """The name of the metric; of several, where their values are the same."""
    points: list[Point]
    """Sorted by step; finite values only."""
    missing: list[float] = field(default_factory=list)
    """The steps whose value is not finite."""


@dataclass
class Chart:
    """What is drawn over one another."""

    title: str
    axis: str
    curves: list[Curve] = field(default_factory=list)

    @property
    def is_rate(self) -> bool:
        """Whether it shows learning rates."""
        return self.title == LEARNING_RATE


def charts(runs: Sequence[Metrics]) -> list[Chart]:
    """The charts of runs: losses and metrics in the order in which they came up, learning rates after them.

    `train/box_loss` and `val/box_loss` are in one chart. What has a single value in all runs has no curve.
    """
    found: dict[tuple[str, str], Chart] = {}
    for number, metrics in enumerate(runs):
        for row, points in metrics.curves().items():
            stepped = [(float(step), value) for step, value in points if step is not None and math.isfinite(step)]
            if stepped:
                title = chart_title(row.name)
                chart = found.setdefault((title, row.axis), Chart(title, row.axis))
                finite = [point for point in stepped if math.isfinite(point[1])]
                missing = [step for step, value in stepped if not math.isfinite(value)]
                chart.curves.append(
                    Curve(number, row.training, phase_of(row.phase, row.name), row.name, finite, missing)
                )
    for chart in found.values():
        chart.curves = _merged(chart.curves)
    drawn = [chart for chart in found.values() if any(len(curve.points) > 1 for curve in chart.curves)]
    return sorted(drawn, key=lambda chart: (chart.axis != 'epoch', chart.is_rate))


def chart_title(name: str) -> str:
    """The name of the chart that a metric belongs to.

    Example:
        >>> chart_title('val/box_loss'), chart_title('metrics/mAP50(B)'), chart_title('lr/pg0')
        ('box_loss', 'mAP50(B)', 'learning rate')
    """
    if _RATE.search(name):
        return LEARNING_RATE
    return _PREFIX.sub('', name).removeprefix('metrics/') or name


def phase_of(phase: str, name: str) -> str:
    """The phase that a curve is drawn for: that of the event, unless the name says another one."""
    prefix = _PREFIX.match(name)
    named = _PHASES.get(prefix[1].lower()) if prefix else None
    return phase if named is None or phase == 'final' else named


def _merged(curves: Sequence[Curve]) -> list[Curve]:
    """Curves of one training that are the same throughout are one: learning rates of several parameter groups."""
    found: dict[tuple[object, ...], Curve] = {}
    for curve in curves:
        key = curve.run, curve.training, curve.phase, tuple(curve.points), tuple(curve.missing)
        if key in found:
            found[key].name += f', {curve.name}'
        else:
            found[key] = curve
    return list(found.values())


def labels(chart: Chart, runs: Sequence[str]) -> list[str]:
    """A label for each curve of a chart: as much of run, training, phase and name as distinguishes them."""
    parts: Mapping[str, list[str]] = {
        'run': [runs[curve.run] for curve in chart.curves],
        'training': [curve.training or '' for curve in chart.curves],
        'phase': [curve.phase for curve in chart.curves],
    }
    always = {'phase', 'run'} if len(runs) > 1 else {'phase'}
    kept = [values for name, values in parts.items() if len(set(values)) > 1 or name in always]
    named = [curve.name for curve in chart.curves]
    if chart.is_rate or len(set(zip(*kept, strict=True))) < len(named):
        kept.append(named)
    texts = [' '.join(part for part in parts if part) for parts in zip(*kept, strict=True)]
    return [text or name for text, name in zip(texts, named, strict=True)]
