"""COCO: one `annotations.json` for each split, with the images beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from synapse_hooks.conversion.writer import counted
from synapse_hooks.data import DatasetInfo, Sample
from synapse_hooks.formats.base import Format
from synapse_hooks.formats.coco.document import Openings, open_document
from synapse_hooks.formats.coco.layout import find_sources, looks_like_coco, must_be_coco, need_sources
from synapse_hooks.formats.coco.schemas import Schemas, declared

if TYPE_CHECKING:
    from synapse_hooks.conversion.writer import Writer
    from synapse_hooks.formats.coco.items import CocoItems

__all__ = ['CocoFormat']


class CocoFormat(Format):
    """Reads and writes boxes, polygons, masks, crowds and keypoints. Captions are read, panoptic segments counted.

    Categories are numbered from 1 in the order of the dataset's classes, the same in every split.
    """

    name: ClassVar[str] = 'coco'
    trusted: ClassVar[bool] = True

    # -- reading -------------------------------------------------------------------------------------------------

    def __init__(self) -> None:
        self._openings = Openings()

    def declare(self, path: Path) -> DatasetInfo:
        """The classes are the categories, in the order of their ids; files of one dataset meet by name."""
        sources = need_sources(path)
        naming = [file for source in sources for file in source.naming]
        categories = [category for file in naming for category in self._openings.categories(file)]
        skeletons = declared(categories)
        return DatasetInfo(
            classes=tuple(dict.fromkeys(str(category['name']) for category in categories)),
            splits={source.split: 0 for source in sources if source.split is not None},
            skeletons={label: tuple(map(str, schema['keypoints'])) for label, schema in skeletons.items()},
            extra={'coco': {'skeletons': skeletons}} if skeletons else {},
        )

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

    def items(self, path: Path) -> CocoItems:
        """The images, in the order of each file's `images`. Annotations without image or category count as dropped."""
        from synapse_hooks.formats.coco.items import CocoItems

        sources = need_sources(path)
        if path.is_file() and self.files.boundary is not None:
            # Its images may be in a folder beside its own: annotations/ and val2017/.
            self.files.boundary.add(path.parent.parent)
        for source in sources:
            for file in source.files:
                self.files.admit(file)
        return CocoItems(self, sources, self._openings)

    def read(self, path: Path) -> Iterator[Sample]:
        """The same one after the other."""
        yield from self.items(path).read()

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
