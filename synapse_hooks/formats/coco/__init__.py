"""COCO: one `annotations.json` for each split, with the images beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from synapse_hooks.conversion.writer import counted
from synapse_hooks.data import DatasetInfo
from synapse_hooks.formats.base import Format
from synapse_hooks.formats.coco.document import Openings, open_document
from synapse_hooks.formats.coco.layout import find_sources, looks_like_coco, must_be_coco
from synapse_hooks.formats.coco.schemas import Schemas

if TYPE_CHECKING:
    from synapse_hooks.conversion.reading import ReadContext
    from synapse_hooks.conversion.writer import Writer
    from synapse_hooks.formats.coco.source import CocoSource

__all__ = ['CocoFormat']


class CocoFormat(Format):
    """Reads and writes boxes, polygons, masks, crowds and keypoints. Captions are read, panoptic segments counted.

    Categories are numbered from 1 in the order of the dataset's classes, the same in every split.
    """

    name: ClassVar[str] = 'coco'

    # -- reading -------------------------------------------------------------------------------------------------

    def __init__(self) -> None:
        self._openings = Openings()

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

        return CocoSource(path, context, self._openings)

    # -- writing -------------------------------------------------------------------------------------------------

    def written_classes(self, info: DatasetInfo) -> tuple[str, ...]:
        """Those of objects that have one."""
        return tuple(filter(None, super().written_classes(info)))

    def plan(self, info: DatasetInfo) -> dict[str, tuple[str, ...]]:
        """The joints of each class that has any."""
        return {label: names for label, names in info.skeletons.items() if names}

    def writer(self, plan: dict[str, tuple[str, ...]], info: DatasetInfo, out: Path, share: int) -> Writer:
        """See `synapse_hooks.formats.coco.writer`."""
        from synapse_hooks.formats.coco.writer import CocoWriter

        return CocoWriter(self, Schemas(plan, info, self.report), out, share)

    def counts(self, found: Sequence[Any]) -> Counter[str]:
        """Items without an image are not there."""
        return counted({split: images for split, (images, _) in counts.items()} for counts in found)

    def finish(self, plan: dict[str, tuple[str, ...]], info: DatasetInfo, out: Path, found: Sequence[Any]) -> Path:
        """Put the files together; the training split's is the one that a trainer wants."""
        from synapse_hooks.formats.coco.writer import put_together

        return put_together(Schemas(plan, info, self.report), info, out, found)
