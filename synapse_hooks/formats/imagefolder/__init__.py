"""Image folders for classification: a folder for each class, below a folder for each split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from synapse_hooks.conversion.writer import counted
from synapse_hooks.data import DatasetInfo
from synapse_hooks.errors import ParamsError, suggest
from synapse_hooks.formats import trainer_cache
from synapse_hooks.formats.base import Format
from synapse_hooks.formats.imagefolder.layout import looks_like_one
from synapse_hooks.formats.imagefolder.names import class_folders, folder_of

if TYPE_CHECKING:
    from synapse_hooks.conversion.reading import ReadContext
    from synapse_hooks.conversion.writer import Writer
    from synapse_hooks.formats.imagefolder.source import ImageFolderSource

__all__ = ['ImageFolderFormat']

TASK = 'classify'


class ImageFolderFormat(Format):
    """What torchvision's `ImageFolder` and ultralytics' `classify` read.

    Both number the classes by sorted names of folders, in each split by itself. Every split that is written therefore
    has a folder for every class, an empty one too: a class has the same number everywhere, or torchvision says that the
    folder is empty (`allow_empty=True` lets it be).
    """

    name: ClassVar[str] = 'imagefolder'
    kinds: ClassVar[tuple[str, ...]] = ('classification',)
    """The kinds of annotation whose labels are its classes."""

    # -- reading -------------------------------------------------------------------------------------------------

    def recognise(self, path: Path) -> bool:
        """A folder with two or more folders that hold images and nothing else, or with such folders in its splits."""
        return path.is_dir() and looks_like_one(path)

    def source(self, path: Path, context: ReadContext) -> ImageFolderSource:
        """The images. Those in no class, and other files, are counted as dropped."""
        from synapse_hooks.formats.imagefolder.source import ImageFolderSource

        return ImageFolderSource(path, context)

    # -- writing -------------------------------------------------------------------------------------------------

    def written_classes(self, info: DatasetInfo) -> tuple[str, ...]:
        """The classes in the order in which a trainer numbers them: that of their folders.

        Declared classes that only objects have are left out, others are kept, whether an image has them or not.
        """
        labels = info.labels or {}
        of_images = labels.get('classification', frozenset())
        of_objects = {label for kind, names in labels.items() for label in names}.difference(of_images)
        names = [name for name in info.classes_of('classification') if name not in of_objects]
        folders = class_folders(names, divided=bool(info.splits))
        return tuple(sorted(names, key=folders.__getitem__))

    def plan(self, info: DatasetInfo) -> None:
        """There is nothing to plan.

        Raises:
            ParamsError: Another task than `classify` is asked for.
        """
        if self.options.task not in (None, TASK):
            raise ParamsError(
                f'target_task: image folders are for {TASK}, not {self.options.task!r}',
                hint=suggest(str(self.options.task), [TASK]) or f'choose {TASK}, or another format',
                field='target_task',
            )

    def writer(self, plan: None, info: DatasetInfo, out: Path, share: int) -> Writer:
        """See `ImageFolderWriter`."""
        from synapse_hooks.formats.imagefolder.writer import ImageFolderWriter

        return ImageFolderWriter(self, out, share)

    def counts(self, found: Sequence[Any]) -> Counter[str]:
        """Images without a class are not there."""
        return counted(found)

    def finish(self, plan: None, info: DatasetInfo, out: Path, found: Sequence[Any]) -> None:
        """Put each image into the folder of its class. The folder itself is what a trainer wants."""
        from synapse_hooks.formats.imagefolder.writer import put_in_place

        put_in_place(self, info, out, found)

    def when_published(
        self, plan: None, info: DatasetInfo, out: Path, found: Sequence[Any]
    ) -> Callable[[Path], None] | None:
        """Write the caches of ultralytics, which hold absolute paths. It trains on folders of splits only."""
        if not (info.splits and self.options.trainer_cache and trainer_cache.version()):
            return None
        from synapse_hooks.formats.imagefolder.scan import FolderCaches

        return FolderCaches(out, [folder_of(split) for split in info.splits], self.report)
