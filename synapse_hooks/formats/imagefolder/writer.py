"""Putting images into the folders of their classes.

Which folder a class has is known when all classes are: until then, what was read of each image waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from synapse_hooks.data import MEASURED, USUAL, Classification, DatasetInfo, Other, Sample, read_header
from synapse_hooks.data.batch import Batch
from synapse_hooks.data.skeletons import made_of
from synapse_hooks.formats.imagefolder.names import class_folders, folder_of, write_names
from synapse_hooks.storage import Spool

if TYPE_CHECKING:
    from synapse_hooks.formats.base import Format

_READABLE = frozenset(('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff'))
_NO_PLACE = 'an image folder holds classes of whole images'


class _Said(NamedTuple):
    """What was said of the whole image."""

    label: str
    id: str
    attributes: list[str]


class ImageFolderWriter:
    """Notes the images of a share, and their classes.

    Args:
        format: Whose report counts.
        out: The dataset's folder.
        share: The number of the share.
    """

    def __init__(self, format: Format, out: Path, share: int) -> None:
        self.format = format
        self._spool = Spool(out / f'.waiting-{share}')
        self._counts: dict[str, int] = {}

    def add(self, batch: Batch) -> None:
        """Note a batch. Shapes have no place in an image folder: they are dropped."""
        report = self.format.report
        why = {item: reason for item, sample in enumerate(batch.samples) if (reason := _unreadable(sample))}
        for kind, columns in (('box', batch.boxes), ('polygon', batch.polygons)):
            for item, id in zip(columns.items, columns.ids, strict=True):
                report.dropped(kind, why.get(item, _NO_PLACE), batch.samples[item].id, str(id))
        said: list[list[_Said]] = [[] for _ in batch.samples]
        for item, _, annotation in batch.others:
            if isinstance(annotation, Classification) and item not in why:
                said[item].append(_Said(annotation.label, annotation.id, list(annotation.attributes)))
            else:
                fault = annotation.fault if isinstance(annotation, Other) else ''
                reason = why.get(item) or (f'it is malformed: {fault}' if fault else _NO_PLACE)
                for kind, count in made_of(annotation).items():
                    report.dropped(kind, reason, batch.samples[item].id, annotation.id, count)
        waiting = []
        for item, (sample, found) in enumerate(zip(batch.samples, said, strict=True)):
            if item in why:
                if sample.file:
                    report.dropped('image', why[item], sample.id)
            elif not found:
                report.dropped('image', 'it has no class of the whole image', sample.id)
            else:
                split = sample.split or ''
                self._counts[split] = self._counts.get(split, 0) + 1
                waiting.append(
                    (sample.id, sample.file, _suffix(sample), folder_of(split), [tuple(one) for one in found])
                )
        self._spool.put(waiting)

    def found(self) -> dict[str, int]:
        """The images in each split; '' where there are none."""
        self._spool.close()
        return self._counts

    def settle(self, info: DatasetInfo, before: Sequence[dict[str, int]]) -> None:
        """Two images may want one name: all of them are put in place together, by `put_in_place`."""

    def close(self) -> None:
        """Close the file of what waits."""
        self._spool.close()


def put_in_place(format: Format, info: DatasetInfo, out: Path, found: Sequence[dict[str, int]]) -> None:
    """Link the images of all shares, and make a folder for every class in every split.

    Args:
        format: Whose report and options count.
        info: Complete.
        out: The dataset's folder.
        found: What each share has found.
    """
    order = {name: place for place, name in enumerate(info.classes or ())}
    folders = class_folders(order, divided=bool(info.splits))
    splits = {folder_of(split) for split in info.splits or {'': 0}}
    for split in sorted(splits):
        for folder in folders.values():
            (out / split / folder).mkdir(parents=True, exist_ok=True)
    for share in range(len(found)):
        for batch in Spool(out / f'.waiting-{share}').take():
            for id, file, suffix, split, said in batch:
                label = _class(format, id, [_Said(*one) for one in said], folders, order)
                target = _free(out / split / folders[label], id, suffix)
                format.link_image(Sample(id, image=file), target)
    write_names(out, folders)


def _class(format: Format, id: str, said: list[_Said], folders: dict[str, str], order: dict[str, int]) -> str:
    """The class of the image. What is said beyond that is dropped."""
    report = format.report
    chosen = min(said, key=lambda one: order[one.label])
    for one in said:
        if one is not chosen:
            again = one.label == chosen.label
            reason = 'the image has that class already' if again else 'an image is in the folder of one class only'
            report.dropped('classification', reason, id, one.id)
    if folders[chosen.label] != chosen.label:
        report.converted(
            'classification', 'its class cannot be the name of a folder: classes.json has it', id, chosen.id
        )
    report.left_out(chosen.attributes)
    return chosen.label


def _unreadable(sample: Sample) -> str:
    """Why torchvision could not read the image; empty where it can."""
    if not sample.file:
        return 'there is no image'
    return '' if _suffix(sample) else f'torchvision reads no {sample.suffix} images'


def _suffix(sample: Sample) -> str:
    """The extension by which torchvision takes the file for an image; empty where it could not."""
    suffix = sample.suffix
    if suffix.lower() in _READABLE:
        return suffix
    known = read_header(Path(sample.file)).kind if suffix.lower() in MEASURED else ''
    return USUAL.get(known, '')


def _free(folder: Path, id: str, suffix: str) -> Path:
    """Where an image goes: an id that begins with the folder, as the ids of image folders do, does not repeat it."""
    name = id.removeprefix(f'{folder.name}/')
    place, tries = folder / f'{name}{suffix}', 1
    while place.exists():
        tries += 1
        place = folder / f'{name}~{tries}{suffix}'
    return place
