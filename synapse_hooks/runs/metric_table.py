"""The metrics of a run as a table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from synapse_hooks.journal import metrics_table

if TYPE_CHECKING:
    from synapse_hooks.pages.html import Html

_SHOWN = 20


class MetricRow(NamedTuple):
    """One number of a run."""

    training: str | None
    """The name of the training; None if the run does not name its trainings."""
    phase: str
    """`train`, `val`, `final` or `custom`."""
    axis: str
    """What `step` counts: `epoch`, for example."""
    step: int | float | None
    """The place on the axis; None for a number that belongs to no step."""
    name: str
    """The name of the metric."""
    value: float
    """The number; nan and infinity are possible."""


class Metrics(Sequence[MetricRow]):
    """Numbers of a run, one row for each training, phase, axis, step and name, in the order in which they came up.

    Attempts are joined: a step that was trained again after an interruption is there once, as the later attempt has it.

    Args:
        rows: The rows.

    Example:
        >>> from synapse_hooks.journal import Journal
        >>> journal = Journal(getfixture('tmp_path'))
        >>> for step in (1, 2):
        ...     journal.record('metrics', {'phase': 'val', 'axis': 'epoch', 'step': step, 'values': {'loss': 1 / step}})
        >>> metrics = Metrics.of(journal.run_dir)
        >>> len(metrics), metrics.names
        (2, ['loss'])
        >>> metrics.select(name='loss', phase='val').points()
        [(1, 1.0), (2, 0.5)]
    """

    def __init__(self, rows: Sequence[MetricRow]) -> None:
        self._rows = rows

    @classmethod
    def of(cls, run_dir: Path) -> Metrics:
        """The metrics of the run in a directory.

        Raises:
            RunError: There is no such folder.
        """
        table = metrics_table(run_dir)
        return cls([MetricRow(k.training, k.phase, k.axis, k.step, k.name, value) for k, value in table.items()])

    @overload
    def __getitem__(self, place: int) -> MetricRow: ...
    @overload
    def __getitem__(self, place: slice) -> Metrics: ...
    def __getitem__(self, place: int | slice) -> MetricRow | Metrics:
        return Metrics(self._rows[place]) if isinstance(place, slice) else self._rows[place]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f'<Metrics: {len(self):,} rows of {", ".join(self.names) or "nothing"}>'

    @property
    def names(self) -> list[str]:
        """The names of the metrics, in the order in which they came up."""
        return list(dict.fromkeys(row.name for row in self._rows))

    def select(
        self, *, name: str | None = None, phase: str | None = None, training: str | None = None, axis: str | None = None
    ) -> Metrics:
        """The rows with this name, phase, training and axis, as far as they are given."""
        wanted = [
            (place, value) for place, value in enumerate((training, phase, axis, None, name)) if value is not None
        ]
        return Metrics([row for row in self._rows if all(row[place] == value for place, value in wanted)])

    def points(self) -> list[tuple[int | float | None, float]]:
        """Steps and values, sorted by step: a curve, if the rows are those of one metric."""
        points = [(row.step, row.value) for row in self._rows]
        return sorted(points, key=lambda point: -math.inf if point[0] is None else point[0])

    def curves(self) -> dict[MetricRow, list[tuple[int | float | None, float]]]:
        """The points of each metric of each training, phase and axis; the key is its last row."""
        groups: dict[tuple[Any, ...], list[MetricRow]] = {}
        for row in self._rows:
            groups.setdefault((row.training, row.phase, row.axis, row.name), []).append(row)
        return {rows[-1]: Metrics(rows).points() for rows in groups.values()}

    def columns(self) -> dict[str, list[Any]]:
        """The table column by column."""
        return {name: [row[place] for row in self._rows] for place, name in enumerate(MetricRow._fields)}

    def to_dataframe(self, library: str | None = None) -> Any:
        """The table as a DataFrame, with a column for each field of `MetricRow`.

        Args:
            library: `pandas` or `polars`; None takes the first of them that is installed.

        Raises:
            ConfigError: It is not installed.
        """
        from synapse_hooks.runs.dataframes import dataframe

        return dataframe(self.columns(), library)

    def _repr_html_(self) -> Html:
        from synapse_hooks.runs.notebook import metrics_html

        return metrics_html(self)
