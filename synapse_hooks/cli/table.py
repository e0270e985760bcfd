"""Plain tables: they can be piped, and cost no import."""

from __future__ import annotations

from collections.abc import Sequence


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns aligned to the left; None is a dash.

    Example:
        >>> print(table(['name', 'n'], [['a', 1], ['bcd', None]]))
        name  n
        a     1
        bcd   -
    """
    cells = [list(headings), *[['-' if cell in (None, '') else str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    return '\n'.join(
        '  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )
