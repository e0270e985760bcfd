"""What a sink uses while a dataset is written: the folder, the loss report, options, links to images."""

# A Path for each of a million images costs more than linking them.
# ruff: noqa: PTH103, PTH120
from __future__ import annotations

import os
from pathlib import Path

from synapse_hooks.conversion.options import Options
from synapse_hooks.data import LossReport, Sample
from synapse_hooks.storage import Spool, link_or_copy


class WriteContext:
    """One sink at work.

    Args:
        out: The folder of the dataset, which is published when everything is written.
        options: How the conversion is done.
        report: Where losses are counted; None makes one.
    """

    def __init__(self, out: Path, options: Options, report: LossReport | None = None) -> None:
        self.out = out
        self.options = options
        self.report = LossReport() if report is None else report
        self._made: set[str] = set()

    def spool(self, shard: int) -> Spool:
        """Where a shard keeps what waits for `finalize_shard` or `finalize`: any sink of the conversion can take it.

        Args:
            shard: The number of the shard.
        """
        return Spool(self.out / f'.waiting-{shard}')

    def link_image(self, sample: Sample, target: str | os.PathLike[str]) -> None:
        """Put a sample's image at `target` too, making folders as needed: a hard link unless options say otherwise."""
        if not sample.file:
            return
        folder = os.path.dirname(target)
        if folder not in self._made:
            os.makedirs(folder, exist_ok=True)
            self._made.add(folder)
        link_or_copy(sample.file, target, mode=self.options.images)
