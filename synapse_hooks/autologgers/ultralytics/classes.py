"""What a validator of ultralytics has found for each class."""

from __future__ import annotations

from typing import Any, Final

from synapse_hooks.autologgers.values import numbers
from synapse_hooks.journal.evaluation import Confusion, Evaluation

_NAMES: Final = {
    'Images': 'images', 'Instances': 'instances', 'Pixels': 'pixels',
    'Box-P': 'precision', 'Box-R': 'recall', 'Box-F1': 'F1',
}  # fmt: skip


def evaluation_of(validator: Any) -> Evaluation | None:
    """The metrics of each class, and the confusion matrix; None where there is neither.

    ultralytics fills the confusion matrix if it draws plots (`plots=True`, its default). A validator's attributes used
    here exist since 8.4.50: `metrics.summary()` and `confusion_matrix`, whose matrix has a column for each true class.
    """
    rows = [row for row in validator.metrics.summary() if 'Class' in row]
    classes = {
        str(row['Class']): numbers({_NAMES.get(name, name): value for name, value in row.items() if name != 'Class'})
        for row in rows
    }
    confusion = _confusion(getattr(validator, 'confusion_matrix', None))
    return Evaluation(classes, confusion) if classes or confusion else None


def _confusion(found: Any) -> Confusion | None:
    matrix = getattr(found, 'matrix', None)
    if matrix is None or not matrix.sum() > 0:
        return None
    labels = [str(name) for name in found.names.values()]
    labels += ['background'] * (len(matrix) - len(labels))
    return Confusion(labels, matrix.T.tolist())
