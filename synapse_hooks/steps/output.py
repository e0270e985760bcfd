"""The folder that a stage has made: where it is, its entry in run.json, and whether it is unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from synapse_hooks.storage import TreeStamp, tree_stamp
from synapse_hooks.storage.folder_cache import is_kept


class OutputPaths(NamedTuple):
    """Where a run has the output of a stage."""

    staged: Path
    """While the stage is at work."""
    final: Path
    """When it is done. It may be a link to a folder that several runs use."""


def output_entry(path: Path, stamp: TreeStamp, until_ns: int | None) -> dict[str, Any]:
    """What run.json has of an output, as the value `published` of its stage.

    Args:
        path: The folder.
        stamp: Its stamp.
        until_ns: The time (nanoseconds since 1970) after which files do not count: trainers leave caches beside the
            data. None where every file counts.
    """
    return {'path': str(path), 'at_ns': until_ns, 'stamp': stamp}


def output_in_place(data: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same for a dataset that was not copied into the run directory; None where its stage names no such dataset.

    Args:
        data: What the step has returned as `StepResult.data`.
    """
    dataset: Any = data.get('dataset')
    if not is_in_place(dataset):
        return None
    return output_entry(Path(dataset['path']), dataset['stamp'], None)


def is_in_place(dataset: Any) -> bool:
    """Whether a dataset of a context, or of run.json, is read where its backend has it."""
    return isinstance(dataset, Mapping) and bool(dataset.get('stamp'))


def is_there(stage: Mapping[str, Any]) -> bool:
    """Whether the dataset or the weights that a finished stage returned still exist.

    Args:
        stage: What run.json has of it.
    """
    data = stage.get('data') or {}
    dataset = data.get('dataset')
    paths = [data.get('weights_path'), dataset.get('path') if isinstance(dataset, dict) else None]
    return all(Path(path).exists() for path in paths if isinstance(path, str))


def output_problem(stage: Mapping[str, Any]) -> str:
    """What happened to the output of a finished stage, as a phrase such as `is gone`; empty where it is as it was.

    Args:
        stage: What run.json has of it.
    """
    published = stage.get('published')
    place = None if published is None else Path(published['path'])
    if place is not None and is_kept(place) and not place.exists():
        return 'is no longer in the cache'
    if not is_there(stage) or (place is not None and not place.is_dir()):
        return 'is gone'
    if place is None or published is None:
        return ''
    same = tree_stamp(place, until_ns=published['at_ns']) == published['stamp']
    return '' if same else 'was changed, or copied without the times of its files (`cp -a` keeps them)'
