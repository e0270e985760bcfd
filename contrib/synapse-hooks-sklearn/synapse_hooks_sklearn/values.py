"""What is read from estimators: parameters, learning curves, the results of searches."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import Any, Final

from synapse_hooks.autologgers.values import json_value

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
        str(name): json_value(value) for name, value in sorted(estimator.get_params(deep=True).items())
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
