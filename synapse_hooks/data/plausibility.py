"""Plausibility of a dataset as a whole: only crowd regions, a split without annotations."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from synapse_hooks.data.losses import LossReport

ALL_CROWDS = (
    'all objects are crowd regions (iscrowd: 1), which most targets and trainings leave out: usually masks that were '
    'drawn with a brush in CVAT, and are objects; `--crowds objects` (of a run: `-p crowds=objects`) reads them so'
)
NO_LABELS = 'no image of this split has an annotation: was it exported without them?'


def check_plausibility(
    report: LossReport, *, objects: int, crowds: int, splits: Mapping[str, int], labelled: Collection[str | None]
) -> None:
    """Report what is doubtful about a dataset.

    Args:
        report: Where it is reported.
        objects: How many objects there are.
        crowds: How many of them are crowd regions.
        splits: The images of each split.
        labelled: The splits with at least one annotation.

    Example:
        >>> report = LossReport()
        >>> check_plausibility(report, objects=9, crowds=0, splits={'train': 8, 'test': 2}, labelled={'train'})
        >>> [(loss.kind, loss.examples[0]['file']) for loss in report.losses.values()]
        [('split', 'test')]
    """
    if crowds and crowds == objects:
        report.doubtful('annotation', ALL_CROWDS, count=crowds)
    for split, images in splits.items():
        if images and labelled and split not in labelled:
            report.doubtful('split', NO_LABELS, split)
