"""Plain-text tables without rich: folded to the width of a terminal, and not folded in a pipe."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from synapse_hooks.cli.text_width import fold, terminal_columns, truncated, width
from synapse_hooks.terminal import one_line, secret_replacements

_GAP: Final = '  '
_NARROWEST: Final = 12
"""Columns below which a folded cell is harder to read than a row that is written as lines."""


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Collection[int] = (),
    columns: int | None = None,
) -> str:
    """Columns aligned to the left, but to the right for those numbered in `right`; None is a dash.

    Args:
        headings: One for each column.
        rows: The cells.
        right: Columns of numbers, which are never folded.
        columns: Fold the widest cells so that the table has this width. None is the width of the terminal; nothing is
            folded if stdout is not one.

    Example:
        >>> print(table(['name', 'n'], [['a', 1], ['bcd', None], ['승용차', 12]], right=[1]))
        name     n
        a        1
        bcd      -
        승용차  12
        >>> print(table(['name', 'hooks'], [['coco', 'convert, open_dataset']], columns=20))
        name  hooks
        coco  convert,
              open_dataset
    """
    # Looked up once: a table may have a hundred thousand cells.
    replacements = secret_replacements()
    cells = [
        ['-' if cell in (None, '') else one_line(truncated(str(cell)), replacements) for cell in row] for row in rows
    ]
    if columns is None:
        columns = terminal_columns()
    widths = [max(map(width, column)) for column in zip(headings, *cells, strict=True)]
    if columns is not None:
        fitted = _fitted(widths, right, columns - len(_GAP) * (len(widths) - 1))
        if fitted is None:
            return '\n\n'.join(_as_records(headings, row, columns) for row in cells)
        widths = fitted
    return '\n'.join(line for row in [headings, *cells] for line in _lines(row, widths, right))


def _fitted(widths: list[int], right: Collection[int], room: int) -> list[int] | None:
    """The widths of columns that fit into `room`: columns of text share one limit. None if it would be too small."""
    most = max(widths)
    for limit in range(most, min(most, _NARROWEST) - 1, -1):
        fitted = [size if place in right else min(size, limit) for place, size in enumerate(widths)]
        if sum(fitted) <= room:
            return fitted
    return None


def _lines(row: Sequence[str], widths: Sequence[int], right: Collection[int]) -> list[str]:
    """A row as lines: as many as its most folded cell has."""
    folded = [fold(cell, size) if width(cell) > size else [cell] for cell, size in zip(row, widths, strict=True)]
    height = max(map(len, folded))
    return [
        _GAP.join(
            _padded(lines[number] if number < len(lines) else '', widths[place], place in right)
            for place, lines in enumerate(folded)
        ).rstrip()
        for number in range(height)
    ]


def _as_records(headings: Sequence[str], row: Sequence[str], columns: int) -> str:
    """A row with a line for each cell, for a terminal that is too narrow for the table."""
    names = max(map(width, headings))
    room = max(columns - names - len(_GAP), 1)
    widths = [names, room]
    return '\n'.join(
        line
        for name, cell in zip(headings, row, strict=True)
        if cell != '-'
        for line in _lines([name, cell], widths, ())
    )


def _padded(cell: str, columns: int, right: bool) -> str:
    padding = ' ' * (columns - width(cell))
    return padding + cell if right else cell + padding
