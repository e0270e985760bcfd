"""What a dataset must have to be converted: items, annotations, splits for all items or for none."""

from __future__ import annotations

from synapse_hooks.context import Dataset
from synapse_hooks.conversion.pipeline import ReadResult
from synapse_hooks.errors import DatasetInvalid


def require_content(source: Dataset, read: ReadResult) -> None:
    """Check that there was something to convert, and that it could be read.

    Args:
        source: What was read.
        read: The result of reading it.

    Raises:
        UnreadableItem: Too many items could not be read.
        DatasetInvalid: There is nothing, or some items are in a split and others are not.
    """
    path, counts, report = source['path'], read.counts, read.report
    if read.unreadable is not None:
        read.unreadable.finish(counts.count)
    lost = ''
    if not counts.count and report.unreadable_count:
        lost = 'nothing that can be read'
    elif counts.count and not counts.kinds and not report.lossless:
        lost = 'no labels that can be used'
    if lost:
        raise DatasetInvalid(
            f'{path} has {lost}\n{report.summary()}',
            hint='fix the files named above, or export the dataset again',
            path=str(path),
        )
    if not counts.count:
        raise DatasetInvalid(
            f'{path} has no images (read as {source["format"]!r})',
            hint='check the path and the format: `synapse-hooks convert --from FORMAT`',
            path=str(path),
        )
    if not counts.kinds:
        raise DatasetInvalid(
            f'{path} has no labels: {counts.count:,} items and not one annotation',
            hint='check that the annotations were exported with the images',
            path=str(path),
        )
    without = counts.count - counts.splits.total()
    if 0 < without < counts.count:
        raise DatasetInvalid(
            f'{path}: {without:,} of {counts.count:,} items are not in a split, while others are',
            hint='put every item into a split, or none',
            path=str(path),
        )
