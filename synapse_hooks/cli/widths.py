"""How wide text is, and how it is folded: to the width of a terminal, and nowhere else."""

from __future__ import annotations

import os
import shutil
import unicodedata
from typing import Final

from synapse_hooks.cli.outgoing import outgoing

LONGEST: Final = 2000
"""Characters that a cell or a paragraph may have. What people write is shorter; a hostile file may hold megabytes."""
_BREAKS: Final = ' ,/-'


def terminal_columns() -> int | None:
    """How many columns stdout has, or None where it is not a terminal: then nothing is folded."""
    return max(shutil.get_terminal_size().columns, 1) if os.isatty(1) else None


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


def fold(text: str, columns: int) -> list[str]:
    """A text as lines of at most so many columns, broken after a blank, comma, slash or hyphen where there is one.

    Example:
        >>> fold('convert, open_dataset', 12), fold('승용차', 4), fold('', 4)
        (['convert,', 'open_dataset'], ['승용', '차'], [''])
    """
    lines = []
    for paragraph in text.split('\n'):
        start = after = used = 0
        for place, letter in enumerate(paragraph):
            size = width(letter)
            # A blank at the end of a line takes no room: it is left out.
            while used + size > columns and place > start and letter != ' ':
                end = after if after > start else place
                lines.append(paragraph[start:end].rstrip())
                start, used = end, width(paragraph[end:place])
            used += size
            if letter in _BREAKS:
                after = place + 1
        lines.append(paragraph[start:].rstrip())
    return lines


def bounded(text: str) -> str:
    """A text that is not longer than any that people write; where it was, it says how long.

    Example:
        >>> bounded('a' * 1_000_000)[-24:]
        '… (1,000,000 characters)'
    """
    return text if len(text) <= LONGEST else f'{text[:LONGEST]}… ({len(text):,} characters)'


def paragraph(text: str, indent: str) -> str:
    """A text below its heading: indented, and on a terminal folded.

    Example:
        >>> paragraph('street/1.png box-7: too small', '    ')
        '    street/1.png box-7: too small'
    """
    columns, text = terminal_columns(), bounded(outgoing(text))
    lines = [text] if columns is None else fold(text, max(columns - width(indent), 1))
    return '\n'.join(indent + line for line in lines)
