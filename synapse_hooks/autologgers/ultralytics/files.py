"""The files of an ultralytics training: plots, weights, results.csv, checkpoints."""

from __future__ import annotations

import csv
import pickle
import shutil
from collections.abc import Set
from pathlib import Path
from typing import TYPE_CHECKING, Final

from synapse_hooks.storage import safe_name

if TYPE_CHECKING:
    from synapse_hooks.context import TrainingLog

Stamp = tuple[int, int] | None
"""Nanoseconds since 1970, and bytes."""
_NAMED: Final = (
    ('results.csv', 'table', 'results'),
    ('args.yaml', 'file', 'args'),
    ('weights/best.pt', 'weights', 'best'),
    ('weights/last.pt', 'weights', 'last'),
)


def log_files(log: TrainingLog, save_dir: Path, logged: Set[str] = frozenset()) -> set[str]:
    """Record the files of a training folder as artifacts: every plot by its name, results, arguments, weights.

    Args:
        log: Where to record them.
        save_dir: The training's folder; an absent one holds nothing.
        logged: Paths to leave out.

    Returns:
        The paths that were recorded now.
    """
    files = [(path, 'image', path.stem) for path in sorted([*save_dir.glob('*.png'), *save_dir.glob('*.jpg')])]
    files += [(save_dir / name, kind, role) for name, kind, role in _NAMED]
    fresh = [(path, kind, role) for path, kind, role in files if str(path) not in logged and path.is_file()]
    for path, kind, role in fresh:
        log.log_artifact(path, kind=kind, role=role)
    return {str(path) for path, _, _ in fresh}


def publish_checkpoint(last: Path, log: TrainingLog) -> Path:
    """Copy `last.pt`, which ultralytics rewrites in place, to `<run_dir>/checkpoints/TRAINING/last.pt`, complete at any
    instant.

    Raises:
        OSError: It cannot be copied; the previous copy stays.
    """
    copy = log.run_dir / 'checkpoints' / safe_name(log.name) / 'last.pt'
    copy.parent.mkdir(parents=True, exist_ok=True)
    # Always the same name, so that what a killed process left is written over by the next.
    unfinished = copy.with_name('.last.pt.unfinished')
    shutil.copyfile(last, unfinished)
    unfinished.replace(copy)
    return copy


def stamp(path: Path) -> Stamp:
    """What changes when a file is written: its time and size; None where there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def replay_results(log: TrainingLog, table: Path) -> None:
    """Record the metrics of a training that ran in other processes, from its results.csv: `epoch` (from 1), `time`,
    and one column for each metric.

    Raises:
        OSError, ValueError, KeyError: It cannot be read, or is not such a table.
    """
    with table.open(newline='', encoding='utf-8') as file:
        for raw in csv.DictReader(file):
            row = {str(name).strip(): float(value) for name, value in raw.items() if name and (value or '').strip()}
            epoch = int(row.pop('epoch'))
            row.pop('time', None)
            train = {name: value for name, value in row.items() if name.startswith(('train/', 'lr/'))}
            log.log_metrics(train, phase='train', step=epoch)
            log.log_metrics({k: v for k, v in row.items() if k not in train}, phase='val', step=epoch)


def resumable(path: str | Path) -> bool:
    """Whether `YOLO(path).train(resume=True)` would resume: ultralytics marks a finished model by epoch -1, drops its
    optimizer, and starts a *new* training, on its sample data, when `resume` is set to it.

    A file that is absent, torn or no checkpoint is not resumable. Reading one runs code from it (it is a pickle), as
    loading a model does: use it for your own files only.

    Example:
        >>> resumable('no/such/last.pt')
        False
    """
    if not Path(path).is_file():
        return False
    from ultralytics.utils.patches import torch_load

    try:
        checkpoint = torch_load(path, map_location='cpu')
        return int(checkpoint['epoch']) >= 0 and checkpoint['optimizer'] is not None
    except (
        OSError,
        EOFError,
        RuntimeError,
        pickle.UnpicklingError,
        AttributeError,
        ImportError,
        LookupError,
        TypeError,
    ):
        return False
