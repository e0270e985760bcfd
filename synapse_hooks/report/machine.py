"""What a run used of its machine, as charts: processor and memory in percent, memory in bytes, GPUs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from synapse_hooks.report.charts import Chart, Curve
from synapse_hooks.report.downsampling import Point

_UNITS: Final = (
    ('_percent', 'in use, %', 1.0),
    ('memory', 'memory, GB', 1e9),
    ('memory_used', 'memory, GB', 1e9),
    ('disk_free', 'free disk, GB', 1e9),
    ('_temperature', 'temperature, °C', 1.0),
    ('_power', 'power, W', 1.0),
)
"""The end of a figure's name, the chart that it belongs to, and what it is divided by."""


def machine_charts(figures: Mapping[str, Sequence[Point]]) -> list[Chart]:
    """Charts of figures by name, each with points of minutes since the run began and a value.

    Example:
        >>> found = machine_charts({'cpu_percent': [(0, 5.0), (1, 50.0)], 'process_memory': [(0, 1e9), (1, 2e9)]})
        >>> [(chart.title, [curve.name for curve in chart.curves]) for chart in found]
        [('in use, %', ['cpu_percent']), ('memory, GB', ['process_memory'])]
    """
    found: dict[str, Chart] = {}
    for name, points in figures.items():
        title, divisor = next(((title, by) for end, title, by in _UNITS if name.endswith(end)), (name, 1.0))
        if len(points) > 1:
            scaled = [(minutes, value / divisor) for minutes, value in points]
            found.setdefault(title, Chart(title, 'minutes')).curves.append(Curve(0, None, '', name, scaled))
    return list(found.values())
