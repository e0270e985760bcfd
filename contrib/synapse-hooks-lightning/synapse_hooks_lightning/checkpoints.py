"""Checkpoints of a trainer: which one is the best, and the files that are there at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Saved(NamedTuple):
    """What a `ModelCheckpoint` knows of a file that it has just saved."""

    fitness: float | None
    """Higher is better: the monitored metric, negated where less of it is better; None where nothing is monitored."""
    best: bool


def saved(trainer: Any, path: str) -> Saved:
    """What the trainer's checkpoint callbacks know of a file."""
    for callback in trainer.checkpoint_callbacks:
        score = getattr(callback, 'best_k_models', {}).get(path)
        if score is not None:
            fitness = float(score)
            return Saved(-fitness if callback.mode == 'min' else fitness, callback.best_model_path == path)
    return Saved(None, False)


def artifacts(trainer: Any) -> Iterator[tuple[Path, str, str]]:
    """The files that a training left: path, kind and role."""
    for callback in trainer.checkpoint_callbacks:
        for role in ('best', 'last'):
            path = getattr(callback, f'{role}_model_path', None)
            if path and Path(path).is_file():
                yield Path(path), 'weights', role
    for logger in trainer.loggers:
        folder = getattr(logger, 'log_dir', None)
        for name in ('metrics.csv', 'hparams.yaml'):
            if folder is not None and (file := Path(folder) / name).is_file():
                yield file, 'table' if name.endswith('.csv') else 'file', name.partition('.')[0]
