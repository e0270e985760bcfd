"""Masks as runs of pixels: between rows and columns, and COCO's two ways of writing them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from synapse_hooks.data.geometry import Bounds

if TYPE_CHECKING:
    from numpy import int64
    from numpy.typing import NDArray

Runs = list[tuple[int, int]]


class HasRuns(Protocol):
    """What is made of runs of pixels: a `Mask`."""

    runs: Runs
    """`(start, length)`, ascending."""
    columns: bool
    """Whether they are counted column by column."""


def from_indices(indices: Iterable[int]) -> Runs:
    """Pixel numbers as runs, in the order in which they come.

    Example:
        >>> from_indices([4, 5, 6, 9])
        [(4, 3), (9, 1)]
    """
    runs: Runs = []
    start, length = 0, 0
    for index in indices:
        if length and index == start + length:
            length += 1
            continue
        if length:
            runs.append((start, length))
        start, length = index, 1
    if length:
        runs.append((start, length))
    return runs


def to_indices(runs: Runs) -> list[int]:
    """Runs as pixel numbers: what `from_indices` takes."""
    return [index for start, length in runs for index in range(start, start + length)]


def tidy(runs: Runs, pixels: int) -> Runs:
    """The same pixels as ascending runs that neither touch nor overlap, without those that the image does not have.

    Args:
        runs: In any order.
        pixels: How many the image has.

    Example:
        >>> tidy([(8, 5), (0, 2), (1, 3)], 10)
        [(0, 4), (8, 2)]
    """
    last = runs[-1] if runs else (0, 0)
    if last[0] + last[1] <= pixels and all(one[0] + one[1] < other[0] for one, other in pairwise(runs)):
        return runs
    merged: Runs = []
    for start, length in sorted(runs):
        end = min(start + length, pixels)
        if merged and start <= sum(merged[-1]):
            first = merged[-1][0]
            merged[-1] = (first, max(end, sum(merged[-1])) - first)
        elif end > start:
            merged.append((start, end - start))
    return merged


def beyond(runs: Runs, pixels: int) -> bool:
    """Whether runs reach beyond an image of so many pixels.

    Example:
        >>> beyond([(4, 2)], 6), beyond([(4, 3)], 6)
        (False, True)
    """
    return any(start + length > pixels for start, length in runs)


def in_lines(runs: Runs, along: int) -> tuple[NDArray[int64], NDArray[int64], NDArray[int64]]:
    """Tidy runs cut at the ends of the lines that they are counted along: line, first place in it, place behind it.

    Example:
        >>> [numbers.tolist() for numbers in in_lines([(2, 5)], 3)]
        [[0, 1, 2], [2, 0, 0], [3, 3, 1]]
    """
    import numpy as np

    starts, lengths = np.array(runs, dtype=np.int64).reshape(-1, 2).T
    ends = starts + lengths
    first = starts // along
    pieces = (ends - 1) // along - first + 1
    whole = np.repeat(np.arange(len(starts)), pieces)
    lines = first[whole] + np.arange(len(whole)) - (np.cumsum(pieces) - pieces)[whole]
    from_place = np.maximum(starts[whole], lines * along) - lines * along
    to_place = np.minimum(ends[whole], (lines + 1) * along) - lines * along
    return lines, from_place, to_place


def transpose(runs: Runs, across: int, along: int) -> Runs:
    """Runs counted along lines of `along` pixels, of which there are `across`, counted the other way, tidy.

    Rows to columns: `transpose(runs, height, width)`; columns to rows: `transpose(runs, width, height)`.

    Example:
        >>> transpose([(0, 2), (3, 2)], 2, 3)
        [(0, 4)]
    """
    import numpy as np

    runs = tidy(runs, across * along)
    if not runs:
        return []
    lines, starts, ends = in_lines(runs, along)
    if not len(lines):
        return []
    top, height = int(lines.min()), int(lines.max() - lines.min()) + 1
    # Between two places where any run begins or ends, all columns are alike, and one is turned for all of them.
    places = np.unique(np.concatenate((starts, ends)))
    first, last = np.searchsorted(places, starts), np.searchsorted(places, ends)
    band = max(1, _BAND // height)
    pieces = [
        _turned(lines - top, first, last, height, range(at, min(at + band, len(places) - 1)))
        for at in range(0, len(places) - 1, band)
    ]
    stripe, begin, end = (np.concatenate(numbers) for numbers in zip(*pieces, strict=True))
    counts = np.bincount(stripe, minlength=len(places) - 1)
    widths = np.diff(places)
    column = np.repeat(np.arange(places[0], places[-1]), np.repeat(counts, widths))
    of_column = np.repeat(counts, widths)
    offset = np.arange(len(column)) - np.repeat(np.cumsum(of_column) - of_column, of_column)
    pick = np.repeat(np.repeat(np.cumsum(counts) - counts, widths), of_column) + offset
    begin, end = column * across + begin[pick] + top, column * across + end[pick] + top
    # A run to the end of a line goes on in the next one.
    apart = begin[1:] != end[:-1]
    begin, end = begin[np.append(True, apart)], end[np.append(apart, True)]
    return list(zip(begin.tolist(), (end - begin).tolist(), strict=True))


_BAND = 1 << 24
"""Pixels that are turned at once: a mask may be as large as its image."""


def _turned(
    lines: NDArray[int64], starts: NDArray[int64], ends: NDArray[int64], height: int, band: range
) -> tuple[NDArray[int64], NDArray[int64], NDArray[int64]]:
    """The runs of a band of columns, from top to bottom: the column of each, its first place, the one behind it."""
    import numpy as np

    here = (starts < band.stop) & (ends > band.start)
    lines, starts, ends = lines[here], starts[here].clip(band.start), ends[here].clip(max=band.stop)
    # One more column than pixels: a run ends in the place behind it.
    steps = np.zeros((height, len(band) + 1), dtype=np.int8)
    steps[lines, starts - band.start] += 1
    steps[lines, ends - band.start] -= 1
    turned = np.zeros((len(band), height + 2), dtype=np.int8)
    turned[:, 1:-1] = np.cumsum(steps, axis=1, dtype=np.int8)[:, :-1].T
    edges = np.diff(turned, axis=1)
    column, begin = np.nonzero(edges == 1)
    return column + band.start, begin, np.nonzero(edges == -1)[1]


def by_rows(mask: HasRuns, width: int, height: int) -> Runs:
    """A mask's runs, counted row by row."""
    return transpose(mask.runs, width, height) if mask.columns else mask.runs


def by_columns(mask: HasRuns, width: int, height: int) -> Runs:
    """A mask's runs, counted column by column."""
    return mask.runs if mask.columns else transpose(mask.runs, height, width)


def mask_bounds(mask: HasRuns, width: int, height: int) -> Bounds | None:
    """The smallest upright rectangle around a mask's pixels, or None for one without pixels in the image.

    Example:
        >>> from synapse_hooks.data.areas import Mask
        >>> mask_bounds(Mask([(5, 2), (9, 2)]), 4, 3)
        (1, 1, 3, 3)
    """
    along = height if mask.columns else width
    low_line = low_place = None
    high_line = high_place = 0
    for start, length in tidy(mask.runs, width * height):
        first, last = start // along, (start + length - 1) // along
        left, right = (start % along, (start + length - 1) % along) if first == last else (0, along - 1)
        low_line = first if low_line is None else min(low_line, first)
        low_place = left if low_place is None else min(low_place, left)
        high_line, high_place = max(high_line, last), max(high_place, right)
    if low_line is None or low_place is None:
        return None
    if mask.columns:
        return low_line, low_place, high_line + 1, high_place + 1
    return low_place, low_line, high_place + 1, high_line + 1


def from_counts(counts: list[int] | str | bytes) -> Runs:
    """COCO's `counts`, as a list or compressed, as runs column by column. They alternate: outside, inside, ...

    Raises:
        ValueError: They are damaged.

    Example:
        >>> from_counts([2, 3, 1])
        [(2, 3)]
    """
    numbers = _decompress(counts) if isinstance(counts, str | bytes) else counts
    runs, place = [], 0
    for number, count in enumerate(numbers):
        if count < 0:
            raise ValueError('a run of negative length')
        if number % 2 and count:
            runs.append((place, count))
        place += count
    return runs


def to_counts(runs: Runs, pixels: int) -> list[int]:
    """Runs as COCO's uncompressed `counts` over so many pixels; what lies beyond them is left out.

    Example:
        >>> to_counts([(2, 3)], 6)
        [2, 3, 1]
    """
    counts, place = [], 0
    for start, length in tidy(runs, pixels):
        counts += [start - place, length]
        place = start + length
    return [*counts, pixels - place] if place < pixels or not counts else counts


def compress(counts: list[int]) -> str:
    """COCO's `counts` as pycocotools packs them: what `from_counts` takes as text.

    Groups of five bits, low ones first, each as a character from `0` on; a sixth bit says that the number goes on.
    After the third number stand differences to the last but one.

    Example:
        >>> compress([2, 3, 1])
        '231'
        >>> compress([1000, 40, 3, 2])
        'Xo0X13jN'
    """
    packed = bytearray()
    for place, count in enumerate(counts):
        number = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            bits = number & 0x1F
            number >>= 5
            more = number != (-1 if bits & 0x10 else 0)
            packed.append(bits + 48 + (0x20 if more else 0))
    return packed.decode()


def _decompress(text: str | bytes) -> list[int]:
    data = text.encode() if isinstance(text, str) else text
    numbers: list[int] = []
    place = 0
    while place < len(data):
        number = shift = 0
        more = True
        while more:
            if place == len(data):
                raise ValueError('compressed counts end in the middle of a number')
            bits = data[place] - 48
            number |= (bits & 0x1F) << shift
            more = bool(bits & 0x20)
            place += 1
            shift += 5
            if not more and bits & 0x10:
                number |= -1 << shift
        numbers.append(number + numbers[-2] if len(numbers) > 2 else number)
    return numbers
