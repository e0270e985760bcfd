"""The files of one dataset: they are opened in one place, which checks links that lead out of it.

A link to a *folder* elsewhere is how people share a large store of images. It is followed, and reported. So is a link
to an image elsewhere, where it is one by its first bytes. A link to any other file elsewhere is refused: it may
disclose anything.
"""

from __future__ import annotations

import errno
import os

from synapse_hooks.data import LossReport, Sample
from synapse_hooks.data.images import MOST_PIXELS, looks_like_image
from synapse_hooks.errors import UnreadableItem
from synapse_hooks.storage.boundary import Boundary
from synapse_hooks.storage.safe_open import TEXT_LIMIT, StrPath, UnsafeFile, open_regular, read_file

LEADS_OUT = 'it is outside of the dataset, where a link or a path leads'
_REFUSED = 'it is a link that leads out of the dataset'


class DatasetFiles:
    """Opens what a dataset names.

    Args:
        report: Records links that lead out and are followed.
        boundary: The folders of the dataset; None if they are not known: then links are not checked.
    """

    def __init__(self, report: LossReport, boundary: Boundary | None = None) -> None:
        self.report = report
        self.boundary = boundary

    def read(self, file: StrPath, *, limit: int = TEXT_LIMIT) -> bytes:
        """The content of a regular file of the dataset, which is not an image.

        Raises:
            UnsafeFile: It is not a regular file, has more than `limit` bytes, or is a link that leads out.
            OSError: It cannot be read.
        """
        name = os.fspath(file)
        if self.boundary is None:
            return read_file(name, limit=limit)
        try:
            data = read_file(name, limit=limit, links=False)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            self.admit(name)
            return read_file(name, limit=limit)
        if not self.boundary.has_folder(name.rpartition(os.sep)[0]):
            self.report.doubtful('file', LEADS_OUT, name)
        return data

    def open(self, file: StrPath) -> int:
        """Open a regular file of the dataset, which is not an image; returns its descriptor.

        Raises:
            UnsafeFile: It is not a regular file, or is a link that leads out.
            OSError: It cannot be opened.
        """
        self.admit(file)
        return open_regular(file)

    def admit(self, file: StrPath) -> None:
        """Check that a file may be read; for files that are not images and that other code opens.

        Raises:
            UnsafeFile: It is a link that leads out.
        """
        name = os.fspath(file)
        if self.boundary is None or self.boundary.has(name):
            return
        if os.path.islink(name):  # noqa: PTH114 (its name is a text)
            raise UnsafeFile(errno.EACCES, _REFUSED, name)
        self.report.doubtful('file', LEADS_OUT, name)

    def leads_out(self, image: str, *, link: bool) -> bool:
        """Whether an image is elsewhere.

        Args:
            image: Its file.
            link: Whether the file itself may be a link.

        Raises:
            UnsafeFile: It is elsewhere, and not an image.
        """
        boundary = self.boundary
        if boundary is None or (boundary.has(image) if link else boundary.has_folder(image.rpartition(os.sep)[0])):
            return False
        if link and not looks_like_image(image):
            raise UnsafeFile(errno.EACCES, 'it leads out of the dataset, and is not an image', image)
        return True


def too_many_pixels(sample: Sample) -> UnreadableItem:
    """The error for an image that is too large according to its header or its dataset."""
    return UnreadableItem(
        f'{sample.file or sample.id} has {sample.width:,} x {sample.height:,} pixels, more than {MOST_PIXELS:,}',
        hint='correct the size, or cut the image into tiles',
        path=sample.file or sample.id,
    )
