"""What a source uses while a dataset is read: the loss report, the policy for unreadable items, files, images."""

# A Path for each of a million images costs more than looking at them.
# ruff: noqa: PTH116
from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from synapse_hooks.conversion.contract import Projection
from synapse_hooks.conversion.dataset_files import LEADS_OUT, DatasetFiles, too_many_pixels
from synapse_hooks.conversion.fingerprint import Fingerprint
from synapse_hooks.data import MEASURED, LossReport, Sample, Unreadable, probe, probe_many
from synapse_hooks.data.images import MOST_PIXELS, Probed
from synapse_hooks.errors import UnreadableItem, cannot_read
from synapse_hooks.storage.boundary import Boundary
from synapse_hooks.storage.safe_open import TEXT_LIMIT


class ReadContext:
    """One reading of one dataset.

    Args:
        path: The dataset's folder or main file. None: its files may be anywhere.
        projection: What of the samples is wanted.
        report: Where losses are counted.
        unreadable: What to do about items that cannot be read; None ends the reading at the first one.
        fingerprint: Takes note of what is read; None where no digest is wanted.
    """

    def __init__(
        self,
        path: Path | None = None,
        projection: Projection = 'samples',
        *,
        report: LossReport | None = None,
        unreadable: Unreadable | None = None,
        fingerprint: Fingerprint | None = None,
    ) -> None:
        self.report = LossReport() if report is None else report
        self.projection = projection
        self.unreadable = unreadable
        self.fingerprint = fingerprint
        self.arrivals: Path | None = None
        """Of a dataset that is still being exported: the file with its shards, which `arrived_shards` waits for."""
        self.files = DatasetFiles(
            self.report, None if path is None else Boundary(path if path.is_dir() else path.parent)
        )
        """Opens the files of the dataset; `read_file` is the same with errors of ours."""

    def read_file(self, file: str | os.PathLike[str], *, limit: int = TEXT_LIMIT) -> bytes:
        """The content of a file of the dataset that is not an image: the only way in which a format should open one.

        A pipe or a device is not waited for, and a link does not show a file from outside of the dataset.

        Args:
            file: Which.
            limit: Bytes that it may have; 64 MiB by default.

        Raises:
            UnreadableItem: It is missing, cannot be read, is not a regular file, is too large, or is a link that leads
                out of the dataset. Pass it to `skip`, or let it end the conversion.
        """
        try:
            return self.files.read(file, limit=limit)
        except OSError as error:
            raise cannot_read(UnreadableItem, error, file) from error

    def open_file(self, file: str | os.PathLike[str]) -> int:
        """Open a file of the dataset that is too large to be read as a whole, or of which some places are read.

        The same files are refused as by `read_file`.

        Args:
            file: Which.

        Returns:
            A descriptor for `os.pread`, which the caller closes.

        Raises:
            UnreadableItem: As `read_file` does, but for the size.
        """
        try:
            return self.files.open(file)
        except OSError as error:
            raise cannot_read(UnreadableItem, error, file) from error

    def skip(self, error: UnreadableItem) -> None:
        """Leave out an item that cannot be read, and count it.

        Raises:
            UnreadableItem: The policy does not allow it, or no longer.
        """
        if self.unreadable is None:
            raise error
        self.unreadable.record(error)

    @contextmanager
    def discarding(self) -> Iterator[None]:
        """While the block runs, what is read, skipped or reported is not counted: a look ahead."""
        kept = self.report, self.unreadable, self.fingerprint
        self.report = self.files.report = LossReport()
        self.unreadable = Unreadable('skip', self.report)
        self.fingerprint = None
        try:
            yield
        finally:
            self.report, self.unreadable, self.fingerprint = kept
            self.files.report = self.report

    def measure(self, sample: Sample) -> bool:
        """Fill in the size of the sample's image, as displayed, and see that it is one; False where it cannot be read.

        A dataset that declares sizes may still hold damaged images. The file of another medium must exist.

        Raises:
            UnreadableItem: The policy does not allow an unreadable item, or no longer.
        """
        return next(self.measure_all([sample]))

    def measure_all(self, samples: Sequence[Sample]) -> Iterator[bool]:
        """What `measure` answers for each of them, in less time; each is measured when its answer is asked for."""
        files = [
            '' if (sample.width and sample.suffix.lower() not in MEASURED) or sample.medium != 'image' else sample.file
            for sample in samples
        ]
        own = self.files
        for sample, quick in zip(samples, probe_many(files), strict=True):
            if not sample.file and sample.width * sample.height <= MOST_PIXELS:
                yield True
                continue
            try:
                if sample.medium == 'image':
                    out = own.leads_out(sample.file, link=quick is None)
                else:
                    own.admit(sample.file)
                    out = False
                probed = quick or _look_closer(sample)
                if not (sample.width and sample.height):
                    sample.width, sample.height = probed[:2]
                if sample.width * sample.height > MOST_PIXELS:
                    raise too_many_pixels(sample)
            except UnreadableItem as error:
                self.skip(error)
                yield False
                continue
            except OSError as error:
                self.skip(cannot_read(UnreadableItem, error, sample.file))
                yield False
                continue
            except ValueError as error:
                problem = f'{sample.file!r} cannot be the name of a file: {error}'
                self.skip(UnreadableItem(problem, hint='correct it in the annotations', path=sample.file))
                yield False
                continue
            if out:
                own.report.doubtful('image', LEADS_OUT, sample.id)
            if self.fingerprint is not None:
                self.fingerprint.add_file(*probed[2:])
            yield True


def _look_closer(sample: Sample) -> Probed:
    """Size and state of an image whose first bytes do not contain them, or is a link, which may be followed.

    Of other media the size is what the sample says.

    Raises:
        UnreadableItem: It is not an image.
        OSError: It cannot be read.
    """
    file = sample.file
    if not file:
        raise too_many_pixels(sample)
    is_image = sample.medium == 'image'
    if is_image and (not (sample.width and sample.height) or sample.suffix.lower() in MEASURED):
        return next(probe_many([file], links=True)) or probe(file)
    state = os.stat(file)
    if not stat.S_ISREG(state.st_mode):
        raise UnreadableItem(
            f'{file} is not a regular file', hint=f'put the {"image" if is_image else "file"} there', path=file
        )
    return sample.width, sample.height, state.st_size, state.st_mtime_ns
