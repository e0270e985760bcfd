"""The segments in which a journal is stored: what was appended is sent, and not the whole file again.

The folder `events.jsonl/` of a store has objects whose names are the places in the journal where they begin. A segment
takes in those before it that are at most 1.5 times its size, as the digits of a binary number carry: after n times
there are about log2(n), and each byte was sent about so often; lines of journals differ by a few bytes. A journal is
only ever appended to. So a reader with an older index, which takes as many bytes of each segment as that says, has what
was there then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from synapse_hooks.storage import open_regular

JOURNAL: Final = re.compile(r'events(-\d+-\d+)?\.jsonl')
"""The names of journals in a run directory."""
_SEGMENT: Final = re.compile(rf'({JOURNAL.pattern})/(\d{{12,}})')


def segment_name(journal: str, start: int) -> str:
    """What the segment of a journal is called that begins at a byte.

    Example:
        >>> segment_name('events.jsonl', 340)
        'events.jsonl/000000000340'
    """
    return f'{journal}/{start:012}'


def journal_of(name: str) -> tuple[str, int] | None:
    """The journal that a segment is of, and where in it the segment begins; None for another file.

    Example:
        >>> journal_of('events-1-7.jsonl/000000000340')
        ('events-1-7.jsonl', 340)
    """
    match = _SEGMENT.fullmatch(name)
    return None if match is None else (match.group(1), int(match.group(3)))


def journals(sizes: Mapping[str, int]) -> dict[str, list[int]]:
    """The sizes of the segments of each journal, in order, from those of all files that are stored.

    Raises:
        ValueError: One is missing.
    """
    found: dict[str, list[int]] = {}
    for name in sorted(sizes, key=lambda name: journal_of(name) or ('', 0)):
        if (segment := journal_of(name)) is not None:
            before = found.setdefault(segment[0], [])
            if segment[1] != sum(before):
                raise ValueError(f'what is before {name} is missing')
            before.append(sizes[name])
    return found


def grown(file: Path, sizes: Sequence[int]) -> list[int]:
    """The sizes that the segments of a journal have after what was appended to it is sent.

    A line that is not complete yet is left for the next time.

    Args:
        file: The journal.
        sizes: Those that are stored.
    """
    end = sum(sizes)
    with open(open_regular(file), 'rb') as source:
        if source.seek(0, 2) < end:
            # It was replaced: nothing of it is stored.
            sizes, end = [], 0
        source.seek(end)
        size = source.read().rfind(b'\n') + 1
    return list(sizes) if not size else carried(sizes, size)


def carried(sizes: Iterable[int], size: int) -> list[int]:
    """The sizes of segments after one more, which takes in those before it that are at most 1.5 times its size.

    Example:
        >>> carried([800, 200, 100], 100)
        [800, 400]
        >>> carried([201, 200], 199)
        [600]
    """
    kept = list(sizes)
    while kept and kept[-1] <= 1.5 * size:
        size += kept.pop()
    return [*kept, size]


def read_segment(file: Path, start: int, size: int) -> bytes:
    """The bytes of a journal that a segment has."""
    with open(open_regular(file), 'rb') as source:
        source.seek(start)
        return source.read(size)
