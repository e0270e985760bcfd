"""Image folders for classification: a folder for each class, below a folder for each split."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from synapse_hooks.formats.base import BaseFormat
from synapse_hooks.formats.imagefolder.layout import looks_like_imagefolder

if TYPE_CHECKING:
    from synapse_hooks.conversion.read_context import ReadContext
    from synapse_hooks.conversion.write_context import WriteContext
    from synapse_hooks.formats.imagefolder.sink import ImageFolderSink
    from synapse_hooks.formats.imagefolder.source import ImageFolderSource

__all__ = ['ImageFolderFormat']


class ImageFolderFormat(BaseFormat):
    """What torchvision's `ImageFolder` and ultralytics' `classify` read.

    Both number the classes by sorted names of folders, in each split by itself. Every split that is written therefore
    has a folder for every class, an empty one too: a class has the same number everywhere, or torchvision says that the
    folder is empty (`allow_empty=True` lets it be).
    """

    name: ClassVar[str] = 'imagefolder'

    def recognise(self, path: Path) -> bool:
        """A folder with two or more folders that hold images and nothing else, or with such folders in its splits."""
        return path.is_dir() and looks_like_imagefolder(path)

    def source(self, path: Path, context: ReadContext) -> ImageFolderSource:
        """The images. Those in no class, and other files, are counted as dropped."""
        from synapse_hooks.formats.imagefolder.source import ImageFolderSource

        return ImageFolderSource(path, context)

    def sink(self, context: WriteContext) -> ImageFolderSink:
        """See `synapse_hooks.formats.imagefolder.sink`."""
        from synapse_hooks.formats.imagefolder.sink import ImageFolderSink

        return ImageFolderSink(context)
