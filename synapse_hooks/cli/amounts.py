"""Amounts as text: bytes, and numbers of things."""

from __future__ import annotations


def size_text(size: int) -> str:
    """A size in bytes as text.

    Example:
        >>> size_text(1_234_567_890)
        '1,234.6 MB'
    """
    return f'{size / 1e6:,.1f} MB'


def count_text(count: int, what: str) -> str:
    """A number of things.

    Args:
        count: How many.
        what: One of them, a word with the plural `-s`.

    Example:
        >>> count_text(1, 'run'), count_text(1200, 'file')
        ('1 run', '1,200 files')
    """
    return f'{count:,} {what}{"s" * (count != 1)}'
