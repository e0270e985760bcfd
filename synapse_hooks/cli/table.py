"""Plain tables: they can be piped, and cost no import."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, right: Collection[int] = ()) -> str:
    """Columns aligned to the left, but to the right for those numbered in `right`; None is a dash.

    Example:
        >>> print(table(['name', 'n'], [['a', 1], ['bcd', None], ['승용차', 12]], right=[1]))
        name     n
        a        1
        bcd      -
        승용차  12
    """
    cells = [list(headings), *[['-' if cell in (None, '') else str(cell) for cell in row] for row in rows]]
    widths = [max(width(row[column]) for row in cells) for column in range(len(headings))]
    return '\n'.join(
        '  '.join(_padded(cell, widths[place], place in right) for place, cell in enumerate(row)).rstrip()
        for row in cells
    )


def width(text: str) -> int:
    """How many columns of a terminal a text takes.

    Example:
        >>> width('abc'), width('승용차')
        (3, 6)
    """
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(letter) in 'WF' for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)


def _padded(cell: str, columns: int, right: bool) -> str:
    padding = ' ' * (columns - width(cell))
    return padding + cell if right else cell + padding
