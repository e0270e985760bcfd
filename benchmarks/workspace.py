"""What taking a model in costs in a workspace that has many already."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from sqlite3 import connect

from figures import MEMORY, Figure, main

from synapse_hooks.backends import Workspace

FEW, MANY, ROUNDS = 10, 10_000, 41


def measure() -> list[Figure]:
    """In memory where there is a disk in memory, so that waiting for the disk does not hide the rest."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as root:
        small, large = filled(Path(root) / 'small', FEW), filled(Path(root) / 'large', MANY)
        turns = [(initialised(small), initialised(large)) for _ in range(ROUNDS)]
        created = [(taken_in(small), taken_in(large)) for _ in range(ROUNDS)]
    figures = []
    for what, pairs in (('init', turns), ('create_model', created)):
        one, many = (statistics.median(column) for column in zip(*pairs, strict=True))
        figures += [
            Figure(f'{what}, {MANY:,} models / {FEW}', many / one, 'x', 1.5, f'medians of {ROUNDS}, turn by turn'),
            Figure(f'  {what}, {FEW} models', one, 'ms'),
            Figure(f'  {what}, {MANY:,} models', many, 'ms'),
        ]
    return figures


def filled(root: Path, models: int) -> Workspace:
    """A workspace with so many models: one that was taken in, and copies of its record and of its folder."""
    workspace = Workspace(root)
    first = model(root)
    workspace.create_model(first, name='first')
    with closing(connect(root / 'workspace.sqlite')) as database, database:
        for number in range(2, models + 1):
            (root / 'models' / str(number)).mkdir()
            query = 'INSERT INTO records SELECT kind, ?, ?, NULL, owner, time, body FROM records WHERE id=1'
            database.execute(query, (number, f'model-{number}'))
    return workspace


def model(root: Path) -> Path:
    """A file to take in."""
    file = root.with_name(f'{root.name}.pt')
    file.write_bytes(b'nothing')
    return file


def initialised(workspace: Workspace) -> float:
    """Milliseconds of `init` on a workspace that is there."""
    return milliseconds(workspace.init)


def taken_in(workspace: Workspace) -> float:
    """Milliseconds of `create_model` with a small file."""
    return milliseconds(lambda: workspace.create_model(workspace.root.with_name(f'{workspace.root.name}.pt')))


def milliseconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


if __name__ == '__main__':
    sys.exit(main(measure, __doc__))
