"""Image folders for classification: a folder for each class, below a folder for each split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from synapse_hooks.data import MEASURED, Classification, DatasetInfo, Sample, read_header
from synapse_hooks.errors import ParamsError, suggest
from synapse_hooks.formats.base import Format
from synapse_hooks.formats.imagefolder.layout import ImageItems, looks_like_one
from synapse_hooks.formats.imagefolder.names import class_folders, write_names

__all__ = ['ImageFolderFormat']

TASK = 'classify'
_FOLDERS = {'valid': 'val'}
_READABLE = frozenset(('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff'))
_SUFFIX_OF = {'jpeg': '.jpg', 'png': '.png', 'bmp': '.bmp', 'webp': '.webp', 'tiff': '.tif'}


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

    def declare(self, path: Path) -> DatasetInfo:
        """Everything is in the names: nothing is opened."""
        items = self.items(path)
        splits: Counter[str] = Counter()
        for place, names in zip(items.places, items.files, strict=True):
            if place.split is not None and names:
                splits[place.split] += len(names)
        used = {items.label(place.name) for place, names in zip(items.places, items.files, strict=True) if names}
        return DatasetInfo(
            classes=tuple(dict.fromkeys(map(items.label, items.folders))),
            splits=splits,
            count=len(items),
            kinds={'classification': len(items)} if used else {},
            labels={'classification': frozenset(used)} if used else {},
        )

    def recognise(self, path: Path) -> bool:
        """A folder with two or more folders that hold images and nothing else, or with such folders in its splits."""
        return path.is_dir() and looks_like_one(path)

    def items(self, path: Path) -> ImageItems:
        """The images as a list that can be read from anywhere."""
        return ImageItems(path, self.report)

    def read(self, path: Path) -> Iterator[Sample]:
        """An image has the class whose folder it is in. Images in none, and other files, are counted as dropped."""
        items = self.items(path)
        yield from items.read(0, len(items))

    # -- writing -------------------------------------------------------------------------------------------------

    def classes(self, info: DatasetInfo) -> tuple[str, ...]:
        """The classes in the order in which a trainer numbers them: that of their folders.

        Declared classes that only objects have are left out, others are kept, whether an image has them or not.
        """
        labels = info.labels or {}
        of_images = labels.get('classification', frozenset())
        of_objects = {label for kind, names in labels.items() for label in names}.difference(of_images)
        names = [name for name in info.classes_of('classification') if name not in of_objects]
        folders = class_folders(names, divided=bool(info.splits))
        return tuple(sorted(names, key=folders.__getitem__))

    def write(self, samples: Iterator[Sample], info: DatasetInfo, out: Path) -> None:
        """Put each image into the folder of its class. An image without a class of the whole image is dropped.

        Raises:
            ParamsError: Another task than `classify` is asked for.
        """
        if self.options.task not in (None, TASK):
            raise ParamsError(
                f'target_task: image folders are for {TASK}, not {self.options.task!r}',
                hint=suggest(str(self.options.task), [TASK]) or f'choose {TASK}, or another format',
                field='target_task',
            )
        order = {name: place for place, name in enumerate(self.classes(info))}
        folders = class_folders(order, divided=bool(info.splits))
        splits: dict[str, None] = {}
        for sample in samples:
            suffix = self._suffix(sample)
            label = self._class(sample, folders, order) if suffix else None
            if suffix and label is not None:
                split = _FOLDERS.get(sample.split or '', sample.split or '')
                splits[split] = None
                self.link_image(sample, _free(out / split / folders[label], sample.id, suffix))
        for split in splits:
            for folder in folders.values():
                (out / split / folder).mkdir(parents=True, exist_ok=True)
        write_names(out, folders)

    def _suffix(self, sample: Sample) -> str:
        """The extension by which torchvision takes the file for an image; empty where it could not: all is dropped."""
        reason = 'there is no image'
        if sample.image is not None:
            suffix = sample.image.suffix
            if suffix.lower() in _READABLE:
                return suffix
            known = read_header(sample.image).kind if suffix.lower() in MEASURED else ''
            if known in _SUFFIX_OF:
                return _SUFFIX_OF[known]
            reason = f'torchvision reads no {suffix} images'
            self.report.dropped('image', reason, sample.id)
        for annotation in sample.annotations:
            self.report.dropped(annotation.kind, reason, sample.id, annotation.id)
        return ''

    def _class(self, sample: Sample, folders: dict[str, str], order: dict[str, int]) -> str | None:
        """The class of the image, or None where it has none. What is said beyond that is dropped."""
        ones = [one for one in sample.annotations if isinstance(one, Classification)]
        chosen = min(ones, key=lambda one: order[one.label], default=None)
        for annotation in sample.annotations:
            if annotation is chosen:
                continue
            reason = 'an image folder holds classes of whole images'
            if isinstance(annotation, Classification) and chosen is not None:
                again = annotation.label == chosen.label
                reason = 'the image has that class already' if again else 'an image is in the folder of one class only'
            self.report.dropped(annotation.kind, reason, sample.id, annotation.id)
        if chosen is None:
            self.report.dropped('image', 'it has no class of the whole image', sample.id)
            return None
        if folders[chosen.label] != chosen.label:
            reason = 'its class cannot be the name of a folder: classes.json has it'
            self.report.converted('classification', reason, sample.id, chosen.id)
        self.report.left_out(chosen.attributes.keys())
        return chosen.label


def _free(folder: Path, id: str, suffix: str) -> Path:
    """Where an image goes: an id that begins with the folder, as the ids of image folders do, does not repeat it."""
    name = id.removeprefix(f'{folder.name}/')
    place, tries = folder / f'{name}{suffix}', 1
    while place.exists():
        tries += 1
        place = folder / f'{name}~{tries}{suffix}'
    return place
