"""What a conversion is asked to do, and what it has done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from synapse_hooks.context import Dataset
from synapse_hooks.conversion.options import Options
from synapse_hooks.conversion.pipeline import Pipeline, ReadResult
from synapse_hooks.conversion.progress import Progress
from synapse_hooks.data import DatasetInfo, LossReport, Tally
from synapse_hooks.errors import DatasetInvalid

if TYPE_CHECKING:
    from synapse_hooks.formats.base import Format


@dataclass
class Job:
    """What is asked for."""

    format: Format
    options: Options
    source: Dataset
    declared: DatasetInfo
    """What is known before the first sample."""
    out: Path
    open: Callable[[], Pipeline]
    """Opens the dataset, to be read from its beginning."""
    progress: Progress

    def complete(self, tally: Tally) -> DatasetInfo:
        """What is known of the dataset when everything was counted."""
        found = replace(tally.info(self.declared), classes=self.declared.classes)
        return replace(found, classes=self.format.written_classes(found))

    def need_content(self, read: ReadResult) -> None:
        """See that there was something to convert, and that it could be read.

        Raises:
            UnreadableItem: Too many items could not be read.
            DatasetInvalid: There is nothing, or some items are in a split and others are not.
        """
        path, tally, report = self.source['path'], read.tally, read.report
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
                f'{path} has no images (read as {self.source["format"]!r})',
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


@dataclass
class Converted:
    """A dataset as it was written, before it is published."""

    config_path: Path | None
    """The file that a trainer wants."""
    read: ReadResult
    """What was read."""
    report: LossReport
    """What the writer could not express."""
    info: DatasetInfo
    """Complete."""
    format: str
    """What it is."""
    splits: Mapping[str, int]
    """The images in each split, as written."""
    when_published: Callable[[Path], None] | None = None
    """See `Format.when_published`."""
