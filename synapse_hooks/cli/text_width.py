"""The width of text in terminal columns, and folding to the width of the terminal."""

from __future__ import annotations

import os
import shutil
import unicodedata
from typing import Final

from synapse_hooks.terminal import sanitized

MAX_CHARACTERS: Final = 2000
"""Characters of a cell or a paragraph that are printed: a hostile file may hold a name of megabytes."""
_BREAKS: Final = ' ,/-'


def terminal_columns() -> int | None:
    """The number of columns of stdout; None if it is not a terminal, and nothing is to be folded."""
    return max(shutil.get_terminal_size().columns, 1) if os.isatty(1) else None


def width(text: str) -> int:
    """The number of terminal columns that a text takes.

    Example:
        >>> width('abc'), width('승용차')
        (3, 6)
    """
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(letter) in 'WF' for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) > 0 for letter in text)


def fold(text: str, columns: int) -> list[str]:
    """A text as lines of at most so many columns, broken after a blank, comma, slash or hyphen if there is one.

    Example:
        >>> fold('convert, open_dataset', 12), fold('승용차', 4), fold('', 4)
        (['convert,', 'open_dataset'], ['승용', '차'], [''])
    """
    lines = []
    for paragraph in text.split('\n'):
        start = after = used = 0
        for place, letter in enumerate(paragraph):
            size = width(letter)
            # A blank at the end of a line is removed, so it needs no column.
            while used + size > columns and place > start and letter != ' ':
                end = after if after > start else place
                lines.append(paragraph[start:end].rstrip())
                start, used = end, width(paragraph[end:place])
            used += size
            if letter in _BREAKS:
                after = place + 1
        lines.append(paragraph[start:].rstrip())
    return lines


def truncated(text: str) -> str:
    """A text of at most `MAX_CHARACTERS`; a longer one is cut, and its length appended.

    Example:
        >>> truncated('a' * 1_000_000)[-24:]
        '… (1,000,000 characters)'
    """
    return text if len(text) <= MAX_CHARACTERS else f'{text[:MAX_CHARACTERS]}… ({len(text):,} characters)'


def paragraph(text: str, indent: str) -> str:
    """A text below a heading: indented, and folded on a terminal.

    Example:
        >>> paragraph('street/1.png box-7: too small', '    ')
        '    street/1.png box-7: too small'
    """
    columns, text = terminal_columns(), truncated(sanitized(text))
    lines = [text] if columns is None else fold(text, max(columns - width(indent), 1))
    return '\n'.join(indent + line for line in lines)
