"""Whether a dataset has what is needed for a conversion."""

from __future__ import annotations

from synapse_hooks.context import Dataset
from synapse_hooks.conversion.pipeline import ReadResult
from synapse_hooks.errors import DatasetInvalid


def require_content(source: Dataset, read: ReadResult) -> None:
    """See that there was something to convert, and that it could be read.

    Args:
        source: What was read.
        read: What is known of it.

    Raises:
        UnreadableItem: Too many items could not be read.
        DatasetInvalid: There is nothing, or some items are in a split and others are not.
    """
    path, tally, report = source['path'], read.tally, read.report
    if read.unreadable is not None:
        read.unreadable.finish(tally.count)
    lost = ''
    if not tally.count and report.unreadable_count:
        lost = 'nothing that can be read'
    elif tally.count and not tally.kinds and not report.lossless:
        lost = 'no labels that can be used'
    if lost:
        raise DatasetInvalid(
            f'{path} has {lost}\n{report.summary()}',
            hint='repair what is named, or export the dataset again',
            path=str(path),
        )
    if not tally.count:
        raise DatasetInvalid(
            f'{path} has no images (read as {source["format"]!r})',
            hint='check the path and the format: `synapse-hooks convert --from FORMAT`',
            path=str(path),
        )
    if not tally.kinds:
        raise DatasetInvalid(
            f'{path} has no labels: {tally.count:,} items and not one annotation',
            hint='check that the annotations were exported with the images',
            path=str(path),
        )
    without = tally.count - tally.splits.total()
    if 0 < without < tally.count:
        raise DatasetInvalid(
            f'{path}: {without:,} of {tally.count:,} items are in no split, while others are',
            hint='put every item into a split, or none',
            path=str(path),
        )
