"""Putting images into the folders of their classes.

Which folder a class has is known when all classes are: until then, what was read of each image waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from synapse_hooks.conversion.contract import BaseSink, WriteResult, Written
from synapse_hooks.conversion.write_context import WriteContext
from synapse_hooks.data import (
    DEFAULT_SUFFIXES,
    MEASURED,
    Classification,
    DatasetInfo,
    LossReport,
    Sample,
    read_header,
)
from synapse_hooks.data.batch import Batch
from synapse_hooks.data.skeletons import made_of
from synapse_hooks.errors import ParamsError, suggest
from synapse_hooks.formats import trainer_cache
from synapse_hooks.formats.imagefolder.names import class_folders, folder_of, write_names
from synapse_hooks.formats.imagefolder.scan import FolderCaches

_READABLE = frozenset(('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff'))
TASK = 'classify'
_NO_PLACE = 'an image folder holds classes of whole images'


class _ClassLabel(NamedTuple):
    """A class of the whole image."""

    label: str
    id: str
    attributes: list[str]


class ImageFolderSink(BaseSink):
    """Collects images and their classes, and links the images when all classes are known.

    Args:
        context: The context of this conversion.
    """

    def __init__(self, context: WriteContext) -> None:
        self.context = context

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

    def initialize_write(self, info: DatasetInfo) -> None:
        """There is nothing to plan.

        Raises:
            ParamsError: Another task than `classify` is asked for.
        """
        task = self.context.options.task
        if task not in (None, TASK):
            raise ParamsError(
                f'target_task: image folders are for {TASK}, not {task!r}',
                hint=suggest(str(task), [TASK]) or f'choose {TASK}, or another format',
                field='target_task',
            )

    def write(self, plan: Any, info: DatasetInfo, shard: int, batches: Iterator[Batch]) -> WriteResult:
        """Collect the images of a shard. Shapes have no place in an image folder: they are dropped."""
        counts: dict[str, int] = {}
        with closing(self.context.spool(shard)) as spool:
            for batch in batches:
                spool.put(self._collect(batch, counts))
        # Images without a class are not there.
        return WriteResult(counts)

    def finalize(self, plan: Any, info: DatasetInfo, results: Sequence[WriteResult]) -> Written:
        """Link the images of all shards, and make a folder for every class in every split.

        Two images may want one name: all of them are put in place together. The folder itself is what a trainer wants.
        """
        out, order = self.context.out, {name: place for place, name in enumerate(info.classes or ())}
        folders = class_folders(order, divided=bool(info.splits))
        splits = {folder_of(split) for split in info.splits or {'': 0}}
        for split in sorted(splits):
            for folder in folders.values():
                (out / split / folder).mkdir(parents=True, exist_ok=True)
        for shard in range(len(results)):
            for batch in self.context.spool(shard).take():
                for id, file, suffix, split, classes in batch:
                    label = _class(self.context.report, id, [_ClassLabel(*one) for one in classes], folders, order)
                    target = _free(out / split / folders[label], id, suffix)
                    self.context.link_image(Sample(id, image=file), target)
        write_names(out, folders)
        return Written(when_published=self._caches(info))

    def _caches(self, info: DatasetInfo) -> Callable[[Path], None] | None:
        """What writes the caches of ultralytics, which hold absolute paths. It trains on folders of splits only."""
        if not (info.splits and self.context.options.trainer_cache and trainer_cache.version()):
            return None
        return FolderCaches(self.context.out, [folder_of(split) for split in info.splits], self.context.report)

    def _collect(self, batch: Batch, counts: dict[str, int]) -> list[Any]:
        """The images of a batch with their classes; they are counted by split."""
        report = self.context.report
        batch = self.context.leave_out(
            batch, {item: reason for item, sample in enumerate(batch.samples) if (reason := _unreadable(sample))}
        )
        for columns in batch.columns:
            for item, id in zip(columns.items, columns.ids, strict=True):
                report.dropped(columns.kind, _NO_PLACE, batch.samples[item].id, str(id))
        classes: list[list[_ClassLabel]] = [[] for _ in batch.samples]
        for item, _, annotation in batch.others:
            if isinstance(annotation, Classification):
                classes[item].append(_ClassLabel(annotation.label, annotation.id, list(annotation.attributes)))
            else:
                fault = annotation.malformed()
                reason = f'it is malformed: {fault}' if fault else _NO_PLACE
                for kind, count in made_of(annotation).items():
                    report.dropped(kind, reason, batch.samples[item].id, annotation.id, count)
        waiting = []
        for sample, labels in zip(batch.samples, classes, strict=True):
            if not labels:
                report.dropped('image', 'it has no class of the whole image', sample.id)
            else:
                split = sample.split or ''
                counts[split] = counts.get(split, 0) + 1
                waiting.append(
                    (sample.id, sample.file, _suffix(sample), folder_of(split), [tuple(one) for one in labels])
                )
        return waiting


def _class(
    report: LossReport, id: str, classes: list[_ClassLabel], folders: dict[str, str], order: dict[str, int]
) -> str:
    """The class of the image. Its other classes are dropped."""
    chosen = min(classes, key=lambda one: order[one.label])
    for one in classes:
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
    if reason := sample.without_image:
        return reason
    return '' if _suffix(sample) else f'torchvision reads no {sample.suffix} images'


def _suffix(sample: Sample) -> str:
    """The extension by which torchvision takes the file for an image; empty where it could not."""
    suffix = sample.suffix
    if suffix.lower() in _READABLE:
        return suffix
    known = read_header(Path(sample.file)).kind if suffix.lower() in MEASURED else ''
    return DEFAULT_SUFFIXES.get(known, '')


def _free(folder: Path, id: str, suffix: str) -> Path:
    """Where an image goes: an id that begins with the folder, as the ids of image folders do, does not repeat it."""
    name = id.removeprefix(f'{folder.name}/')
    place, tries = folder / f'{name}{suffix}', 1
    while place.exists():
        tries += 1
        place = folder / f'{name}~{tries}{suffix}'
    return place
