"""The result of an evaluation by class: a table and a confusion matrix, in a file of the run that reports show.

It is an artifact with the role `evaluation`, since a line of the journal has no room for a thousand classes. The file
is a JSON object:

    v           1
    classes     [{name, metrics: {precision, recall, mAP50, instances, ...}}]
    confusion   null, or {labels, matrix}: matrix[i][j] counts what is labels[i] and was predicted as labels[j]
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from synapse_hooks.errors import RunError
from synapse_hooks.events import Logging
from synapse_hooks.journal.values import encode
from synapse_hooks.storage import TABLE_LIMIT, read_file, safe_name, write_atomic

ROLE: Final = 'evaluation'
"""The role of the artifact."""
FOLDER: Final = 'evaluations'
"""Where the files are, in the run directory."""
_VERSION: Final = 1


class Confusion(msgspec.Struct, frozen=True):
    """A confusion matrix: `matrix[i][j]` counts what is `labels[i]` and was predicted as `labels[j]`."""

    labels: list[str]
    """The classes, and `background` for what is none of them, where the task has that."""
    matrix: list[list[float]]
    """A row for each true label, with a number for each predicted one."""


@dataclass(frozen=True)
class Evaluation:
    """The metrics of each class, and which classes were taken for which."""

    classes: Mapping[str, Mapping[str, float]]
    """The metrics of each class by name; a metric may be missing for some."""
    confusion: Confusion | None = None
    """Which classes were taken for which, if that is known."""


class _Row(msgspec.Struct):
    name: str
    metrics: dict[str, float] = {}


class _File(msgspec.Struct):
    v: int
    classes: list[_Row] = []
    confusion: Confusion | None = None


def log_evaluation(log: Logging, name: str, evaluation: Evaluation) -> None:
    """Write an evaluation into the run directory, and record it as an artifact.

    Args:
        log: The log of a training or a session.
        name: Of the evaluation, which replaces an earlier one with this name: the name of the training.
        evaluation: Numbers that are not finite are left out.

    Raises:
        StorageError: The file cannot be written.

    Example:
        >>> from synapse_hooks.testing import recording_session
        >>> session, recorded = recording_session('any', getfixture('tmp_path'))
        >>> log_evaluation(session, 'train', Evaluation({'cat': {'precision': 0.5}}))
        >>> recorded.of('artifact')[0]['path']
        'evaluations/train.json'
    """
    rows = [
        {'name': label, 'metrics': {name: float(value) for name, value in values.items() if math.isfinite(value)}}
        for label, values in evaluation.classes.items()
    ]
    confusion = evaluation.confusion
    content = {'v': _VERSION, 'classes': rows, 'confusion': confusion and msgspec.structs.asdict(confusion)}
    path = log.run_dir / FOLDER / f'{safe_name(name)}.json'
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, encode(content))
    log.log_artifact(path, kind='table', role=ROLE)


def read_evaluation(path: Path) -> Evaluation:
    """The evaluation in a file.

    Args:
        path: The file of an artifact with the role `evaluation`.

    Raises:
        RunError: It cannot be read, or is not an evaluation.
    """
    try:
        found = msgspec.json.decode(read_file(path, limit=TABLE_LIMIT), type=_File)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RunError(f'{path} is not an evaluation: {error}', hint='log it again', path=str(path)) from error
    confusion = found.confusion
    if confusion is not None and not _is_square(confusion):
        raise RunError(f'{path}: the confusion matrix must have a row and a column for each label', path=str(path))
    return Evaluation({row.name: row.metrics for row in found.classes}, confusion)


def _is_square(confusion: Confusion) -> bool:
    sides: Sequence[Any] = [confusion.matrix, *confusion.matrix]
    return all(len(side) == len(confusion.labels) for side in sides)
