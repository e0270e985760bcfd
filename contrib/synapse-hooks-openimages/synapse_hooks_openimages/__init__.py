"""Open Images datasets for synapse-hooks: boxes and image-level labels, read and written in columns.

    train/<ImageID>.jpg, validation/..., test/...
    train-annotations-bbox.csv                 a row for each box
    train-annotations-human-imagelabels.csv    a row for each class that an image has, or has not
    class-descriptions-boxable.csv             LabelName,DisplayName

Rules: https://storage.googleapis.com/openimages/web/download_v7.html, "Data formats". Numbers are shares of the image.

layout.py -> table.py -> reading.py     what the files are called; where the rows of an image are; batches of them
          -> writing.py
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from synapse_hooks.formats import BaseFormat, ReadContext, WriteContext
from synapse_hooks_openimages.layout import BOXES, FOLDERS, find_file
from synapse_hooks_openimages.reading import OpenImagesSource
from synapse_hooks_openimages.writing import OpenImagesSink

__all__ = ['OpenImagesFormat']


class OpenImagesFormat(BaseFormat):
    """A CSV file of boxes and a folder of images for each split, as in Open Images V4 to V7."""

    name: ClassVar[str] = 'openimages'
    version: ClassVar[str] = '1'

    def recognise(self, path: Path) -> bool:
        """A folder with a CSV file of boxes under one of the names of Open Images."""
        return path.is_dir() and any(find_file(path, BOXES, folder) for folder in FOLDERS)

    def source(self, path: Path, context: ReadContext) -> OpenImagesSource:
        """Reads ranges of images, each in any process."""
        return OpenImagesSource(path, context)

    def sink(self, context: WriteContext) -> OpenImagesSink:
        """Writes in as many processes as there are."""
        return OpenImagesSink(context)
