"""COCO: one `annotations.json` for each split, with the images beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from synapse_hooks.formats.base import BaseFormat
from synapse_hooks.formats.coco.document import DocumentCache, open_document
from synapse_hooks.formats.coco.layout import find_sources, looks_like_coco, must_be_coco

if TYPE_CHECKING:
    from synapse_hooks.conversion.read_context import ReadContext
    from synapse_hooks.conversion.write_context import WriteContext
    from synapse_hooks.formats.coco.sink import CocoSink
    from synapse_hooks.formats.coco.source import CocoSource

__all__ = ['CocoFormat']


class CocoFormat(BaseFormat):
    """Reads and writes boxes, polygons, masks, crowds and keypoints. Captions are read, panoptic segments counted.

    Categories are numbered from 1 in the order of the dataset's classes, the same in every split.
    """

    name: ClassVar[str] = 'coco'

    def __init__(self) -> None:
        self._cache = DocumentCache()

    def recognise(self, path: Path) -> bool:
        """A folder with annotation files in one of the known places, or such a file.

        Raises:
            DatasetInvalid: A file that has the name of an annotation file is none; or several files could be meant.
        """
        files = [source.files[0] for source in find_sources(path)]
        if any(map(looks_like_coco, files)):
            return True
        for file in filter(must_be_coco, files):
            open_document(file, whole=False)
        return False

    def source(self, path: Path, context: ReadContext) -> CocoSource:
        """The images of all annotation files."""
        from synapse_hooks.formats.coco.source import CocoSource

        return CocoSource(path, context, self._cache)

    def sink(self, context: WriteContext) -> CocoSink:
        """See `synapse_hooks.formats.coco.sink`."""
        from synapse_hooks.formats.coco.sink import CocoSink

        return CocoSink(context)
