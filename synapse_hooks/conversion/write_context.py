"""What a sink uses while a dataset is written: the folder, the loss report, options, links to images."""

# A Path for each of a million images costs more than linking them.
# ruff: noqa: PTH103
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from synapse_hooks.conversion.options import Options
from synapse_hooks.conversion.validation import duplicate_id
from synapse_hooks.data import LossReport, Sample
from synapse_hooks.storage import LinkMode, Spool, link_all, link_or_copy

if TYPE_CHECKING:
    from synapse_hooks.data.batch import Batch


class ImageLinks:
    """Puts images into the folder of a dataset, and remembers which folders it has made.

    Args:
        mode: How: a hard link, unless the options say otherwise.
    """

    def __init__(self, mode: LinkMode) -> None:
        self.mode = mode
        self._folders: set[str] = set()

    def link(self, sample: Sample, target: str | os.PathLike[str]) -> None:
        """Put a sample's file at `target` too, making folders as needed; nothing for a sample without one.

        Raises:
            WrongAnswer: There is a file already, called like this sample: two samples have the same id.
            FileExistsError: There is a file already, and the format has chosen another name than the sample's.
        """
        if not sample.file:
            return
        self._make_folder(os.fspath(target))
        try:
            link_or_copy(sample.file, target, mode=self.mode)
        except FileExistsError as error:
            _refuse_duplicate([sample], error)
            raise

    def link_all(self, samples: Sequence[Sample], targets: Sequence[str]) -> None:
        """`link` for many samples, each with a file that was measured, in less time.

        Args:
            samples: Whose files they are.
            targets: The new path of each.
        """
        for target in targets:
            self._make_folder(target)
        try:
            link_all(zip([sample.file for sample in samples], targets, strict=True), mode=self.mode)
        except FileExistsError as error:
            _refuse_duplicate(samples, error)
            raise

    def _make_folder(self, target: str) -> None:
        folder = target.rpartition('/')[0]
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)


def _refuse_duplicate(samples: Iterable[Sample], error: FileExistsError) -> None:
    target = os.fsdecode(error.filename2 or error.filename)
    for sample in samples:
        if sample.file and target.endswith(f'/{sample.file_name}'):
            # Another process has written a sample with this id.
            raise duplicate_id(sample.id, f': {target} exists') from error


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
        self._links = ImageLinks(options.images)

    def spool(self, shard: int) -> Spool:
        """Where a shard keeps what waits for `finalize_shard` or `finalize`: any sink of the conversion can take it.

        Args:
            shard: The number of the shard.
        """
        return Spool(self.out / f'.waiting-{shard}')

    def leave_out(self, batch: Batch, reasons: Mapping[int, str] | None = None) -> Batch:
        """The batch without the samples that cannot be written. They and their annotations are reported as dropped.

        Args:
            batch: What a sink is given; it must not be used afterwards.
            reasons: Why each of them cannot be written, by its number in the batch; None leaves out those without an
                image, for the reason that `Sample.without_image` gives.
        """
        if reasons is None:
            reasons = {item: why for item, sample in enumerate(batch.samples) if (why := sample.without_image)}
        if not reasons:
            return batch
        kept: list[Sample] = []
        for item, sample in enumerate(batch.rows()):
            if item in reasons:
                self.report.dropped_item(sample, reasons[item])
            else:
                kept.append(sample)
        # Not at the top: it needs numpy, which listing plugins does not.
        from synapse_hooks.data.batch import Batch, gather

        return Batch.of_samples(kept) if batch.is_rows else gather(kept, measured=batch.measured)

    def link_image(self, sample: Sample, target: str | os.PathLike[str]) -> None:
        """Put a sample's file at `target` too, making folders as needed: a hard link unless options say otherwise."""
        self._links.link(sample, target)

    def link_images(self, samples: Sequence[Sample], targets: Sequence[str]) -> None:
        """`link_image` for many samples, such as those of a batch, in less time.

        Args:
            samples: Each has a file: see `leave_out`.
            targets: The new path of each.
        """
        self._links.link_all(samples, targets)
