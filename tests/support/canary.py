"""A secret that every test has in its environment, and that must be found nowhere afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

NAME: Final = 'CANARY_SECRET'
"""The variable that holds it: by its name, a secret."""
SECRET: Final = 'canary-9e107d9d372bb6826bd81d35'
"""Its value, which occurs nowhere else."""

_LARGEST: Final = 4 << 20
_MARKS: Final = frozenset(('run.json', 'events.jsonl'))

sent: list[bytes] = []
"""What raw servers were sent since the test began: they are hosts of others, and none may get the secret."""


def leaks(folder: Path) -> Iterator[Path]:
    """The files of run directories below a folder that hold the secret."""
    for top, folders, names in os.walk(folder):
        if _MARKS.isdisjoint(names):
            continue
        # All below belongs to the run.
        folders.clear()
        for inner, _, files in os.walk(top):
            for name in files:
                file = Path(inner, name)
                if file.is_file() and file.stat().st_size <= _LARGEST and SECRET.encode() in file.read_bytes():
                    yield file
