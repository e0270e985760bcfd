"""What is read from estimators: parameters, learning curves, the results of searches."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import Any, Final

CURVES: Final = {
    'loss_curve_': ('train', 'loss'),
    'validation_scores_': ('val', 'score'),
    'train_score_': ('train', 'train_score'),
    'validation_score_': ('val', 'score'),
}
"""Attributes of fitted estimators with a value for each iteration: the phase, and the name of the metric."""


def params_of(estimator: Any) -> dict[str, Any]:
    """The class, and every parameter, with those of inner estimators as `clf__C`."""
    return {'estimator': type(estimator).__name__} | {
        str(name): plain(value) for name, value in sorted(estimator.get_params(deep=True).items())
    }


def curves_of(estimator: Any) -> Iterator[tuple[str, str, list[float]]]:
    """The learning curves of a fitted estimator, or of the last step of a pipeline: phase, name, values."""
    final = getattr(estimator, '_final_estimator', estimator)
    for attribute, (phase, name) in CURVES.items():
        values = getattr(final, attribute, None)
        # It is None if the estimator has no early stopping, for example.
        if values is not None and getattr(values, 'ndim', 1) == 1 and len(values):
            yield phase, name, [float(value) for value in values]


def table(results: Mapping[str, Sequence[Any]]) -> str:
    """Columns of a search or a cross-validation as CSV."""
    names = [name for name in results if name != 'params']
    out = StringIO()
    writer = csv.writer(out, lineterminator='\n')
    writer.writerow(names)
    writer.writerows(zip(*(results[name] for name in names), strict=True))
    return out.getvalue()


def plain(value: Any) -> Any:
    """JSON values as they are; numbers of numpy as numbers; everything else as text, shortened."""
    if hasattr(value, 'item') and getattr(value, 'ndim', None) == 0:
        value = value.item()
    if value is None or isinstance(value, bool | int | str) or (isinstance(value, float) and value - value == 0):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple) and len(value) <= 100:
        return [plain(one) for one in value]
    text = ' '.join(str(value).split())
    return text if len(text) <= 500 else f'{text[:497]}...'
