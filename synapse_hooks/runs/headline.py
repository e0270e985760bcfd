"""The one metric that represents a run in a list, and which of two values of a metric is better."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_WORD: Final = re.compile('[a-z]+[0-9]*(?:-[0-9]+)?')
_WORDS_HIGHER: Final = (
    'map50-95 map ap map50 ap50 accuracy acc top1 top-1 f1 iou miou dice auc r2 bleu fitness score reward '
    'precision recall top5 top-5'
)
_WORDS_LOWER: Final = 'loss error err mse rmse mae mape perplexity ppl wer cer fid'
_HIGHER: Final = tuple(_WORDS_HIGHER.split())
"""Words of metrics that are better the higher they are; the first is the first choice."""
_LOWER: Final = frozenset(_WORDS_LOWER.split())


class Headline(NamedTuple):
    """The metric that represents a run."""

    name: str
    """The name of the metric."""
    value: float
    """Its value."""
    higher_is_better: bool | None
    """Whether higher values are better; None if the name does not say it."""

    def __str__(self) -> str:
        return f'{short_name(self.name)} {self.value:.4g}'


def short_name(name: str) -> str:
    """The name of a metric as a list shows it: without what ultralytics puts around those of boxes.

    Example:
        >>> short_name('metrics/mAP50-95(B)'), short_name('val/loss')
        ('mAP50-95', 'val/loss')
    """
    return name.removeprefix('metrics/').removesuffix('(B)')


def metric_value(values: Mapping[str, float], name: str) -> float | None:
    """The value of the metric with this name, else of the one that a list shows by this name; None without one.

    Example:
        >>> metric_value({'metrics/mAP50-95(B)': 0.4}, 'mAP50-95')
        0.4
    """
    if name in values:
        return values[name]
    return next((value for long, value in values.items() if short_name(long) == short_name(name)), None)


def higher_is_better(name: str) -> bool | None:
    """Whether higher values of a metric are better, by the words in its name; None where they do not say it.

    Example:
        >>> higher_is_better('metrics/mAP50-95(B)'), higher_is_better('val/box_loss'), higher_is_better('labels')
        (True, False, None)
    """
    words = set(_WORD.findall(name.lower()))
    if words & _LOWER:
        return False
    return True if words.intersection(_HIGHER) else None


def headline(values: Mapping[str, float]) -> Headline | None:
    """The metric that represents a run, of its last values by name; None where there are none.

    In this order: mAP50-95 and the others that are better the higher they are, as listed in this module; losses and
    errors, those of the validation first; the first of the others. Where several trainings have the same metric, it is
    the best value of them. A value that is not finite comes last.

    Example:
        >>> headline({'train/box_loss': 0.8, 'val/box_loss': 1.2, 'metrics/mAP50(B)': 0.71})
        Headline(name='metrics/mAP50(B)', value=0.71, higher_is_better=True)
        >>> headline({'fold1/accuracy': 0.7, 'fold2/accuracy': 0.8}).value
        0.8
    """
    found = min(values.items(), key=lambda item: _rank(*item), default=None)
    return None if found is None else Headline(*found, higher_is_better(found[0]))


def is_known(name: str) -> bool:
    """Whether a name is that of a metric, and not of any number."""
    return higher_is_better(name) is not None


def _rank(name: str, value: float) -> tuple[bool, int, float]:
    is_better_high = higher_is_better(name)
    words = set(_WORD.findall(name.lower()))
    if is_better_high:
        return not math.isfinite(value), min(_HIGHER.index(word) for word in words.intersection(_HIGHER)), -value
    if is_better_high is False:
        return not math.isfinite(value), 100 + (not words & {'val', 'valid', 'test'}), 0.0
    return not math.isfinite(value), 200, 0.0
