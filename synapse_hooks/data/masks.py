"""Masks as runs of pixels: between rows and columns, and COCO's two ways of writing them."""

from __future__ import annotations

from collections.abc import Iterable

from synapse_hooks.data.geometry import Bounds
from synapse_hooks.data.sample import Mask

Runs = list[tuple[int, int]]


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


def transpose(runs: Runs, across: int, along: int) -> Runs:
    """Runs counted along lines of `along` pixels, of which there are `across`, counted the other way.

    Rows to columns: `transpose(runs, height, width)`; columns to rows: `transpose(runs, width, height)`.

    Example:
        >>> transpose([(0, 2), (3, 2)], 2, 3)
        [(0, 4)]
    """
    turned = sorted(index % along * across + index // along for index in to_indices(runs))
    return from_indices(turned)


def by_rows(mask: Mask, width: int, height: int) -> Runs:
    """A mask's runs, counted row by row."""
    return transpose(mask.runs, width, height) if mask.columns else mask.runs


def by_columns(mask: Mask, width: int, height: int) -> Runs:
    """A mask's runs, counted column by column."""
    return mask.runs if mask.columns else transpose(mask.runs, height, width)


def mask_bounds(mask: Mask, width: int, height: int) -> Bounds | None:
    """The smallest upright rectangle around a mask's pixels, or None for an empty one.

    Example:
        >>> mask_bounds(Mask([(5, 2), (9, 2)]), 4, 3)
        (1, 1, 3, 3)
    """
    along = height if mask.columns else width
    low_line = low_place = None
    high_line = high_place = 0
    for start, length in mask.runs:
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
    """Runs, in ascending order, as COCO's uncompressed `counts` over so many pixels.

    Example:
        >>> to_counts([(2, 3)], 6)
        [2, 3, 1]
    """
    counts, place = [], 0
    for start, length in runs:
        counts += [start - place, length]
        place = start + length
    return [*counts, pixels - place] if place < pixels or not counts else counts


def _decompress(text: str | bytes) -> list[int]:
    """pycocotools' packing: groups of five bits, low ones first; after the third number, differences to two before."""
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
