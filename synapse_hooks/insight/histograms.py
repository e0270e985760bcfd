"""Histograms with fixed bins, and the sizes and positions of boxes, computed in batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synapse_hooks.data.geometry import Bounds

Floats = npt.NDArray[np.float64]

SHARES: Final = tuple(10 ** (step / 4) for step in range(-20, 1))
"""Bin edges of box area by image area: four bins for a power of ten, from 0.00001 to 1."""
RATIOS: Final = tuple(2 ** (step / 4) for step in range(-16, 17))
"""Bin edges of width by height: four bins for a factor of two, from 1/16 to 16."""
COUNTS: Final = (1, 2, 3, 4, 5, 10, 20, 50, 100, 200)
"""Bin edges of annotations in an image."""
BUCKETS: Final = {'tiny': 16**2, 'small': 32**2, 'medium': 96**2, 'large': None}
"""Names of box sizes, each with its upper limit in square pixels: 32 x 32 and 96 x 96 as in COCO, and 16 x 16."""
CELLS: Final = 32
"""Columns and rows of the heat map."""
_BATCH: Final = 8192


class Histogram:
    """Counts values between edges; the first count is for values below all edges, the last for values above.

    Example:
        >>> histogram = Histogram([1, 10])
        >>> histogram.add([0, 1, 5, 10])
        >>> histogram.counts.tolist()
        [1, 2, 1]
    """

    def __init__(self, edges: Sequence[float]) -> None:
        self.edges = list(edges)
        self.counts = np.zeros(len(self.edges) + 1, dtype=np.int64)

    def add(self, values: Floats | Iterable[float]) -> None:
        """Count values; a value equal to an edge is counted above it."""
        values = np.asarray(values if isinstance(values, np.ndarray) else list(values), dtype=np.float64)
        places = np.searchsorted(self.edges, values, side='right')
        self.counts += np.bincount(places, minlength=len(self.counts))

    def merged(self, step: int) -> Histogram:
        """The histogram with every `step`th edge only; the number of inner bins must be a multiple of `step`."""
        made = Histogram(self.edges[::step])
        inner = self.counts[1:-1].reshape(-1, step).sum(axis=1)
        made.counts[:] = [self.counts[0], *inner, self.counts[-1]]
        return made

    def bins(self) -> list[tuple[float | None, float | None, int]]:
        """Every bin: lower edge, upper edge (None for an open end), count."""
        ends = [None, *self.edges, None]
        return [(low, high, int(count)) for (low, high), count in zip(pairwise(ends), self.counts, strict=True)]

    def to_dict(self) -> dict[str, Any]:
        """The histogram as JSON values; `counts` has one number more than `edges`."""
        return {'edges': [float(f'{edge:.6g}') for edge in self.edges], 'counts': self.counts.tolist()}


class BoxStatistics:
    """Sizes, aspect ratios and positions of the boxes around objects."""

    def __init__(self) -> None:
        self.count = 0
        self.buckets: dict[str, int] = dict.fromkeys(BUCKETS, 0)
        self.shares = Histogram(SHARES)
        self.ratios = Histogram(RATIOS)
        self.centres = np.zeros((CELLS, CELLS), dtype=np.int64)
        """Row by row, from the top left."""
        self._rows: list[tuple[float, ...]] = []

    def add(self, box: Bounds, width: int, height: int) -> None:
        """Add a box with an area, in an image of known size."""
        self._rows.append((*box, width, height))
        if len(self._rows) == _BATCH:
            self.flush()

    def flush(self) -> None:
        """Count the boxes that were added."""
        if not self._rows:
            return
        left, top, right, bottom, width, height = np.array(self._rows, dtype=np.float64).T
        self.count += len(self._rows)
        self._rows.clear()
        wide, high = right - left, bottom - top
        below = 0
        for name, limit in BUCKETS.items():
            upto = len(wide) if limit is None else int(np.count_nonzero(wide * high < limit))
            self.buckets[name] += upto - below
            below = upto
        self.shares.add(wide * high / (width * height))
        self.ratios.add(wide / high)
        columns = np.clip((left + right) / 2 / width * CELLS, 0, CELLS - 1).astype(np.int64)
        rows = np.clip((top + bottom) / 2 / height * CELLS, 0, CELLS - 1).astype(np.int64)
        np.add.at(self.centres, (rows, columns), 1)

    def to_dict(self) -> dict[str, Any]:
        """The statistics as JSON values."""
        return {
            'count': self.count,
            'buckets': self.buckets,
            'area_share': self.shares.to_dict(),
            'aspect_ratio': self.ratios.to_dict(),
            'centres': self.centres.tolist(),
        }
