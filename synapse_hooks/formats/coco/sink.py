"""Writing annotation files in one pass: what depends on the whole dataset, above all every number, comes at the end."""

# A Path for each of a million images costs more than linking them.
from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

from synapse_hooks.conversion.contract import BaseSink, WriteResult, Written
from synapse_hooks.conversion.write_context import WriteContext
from synapse_hooks.data import DatasetInfo
from synapse_hooks.data.batch import Batch
from synapse_hooks.formats.coco.layout import CONFIG
from synapse_hooks.formats.coco.rows import Rows
from synapse_hooks.formats.coco.schemas import Schemas

Counts = dict[str, tuple[int, int]]
"""Images and annotations in each split; '' without splits."""
_HEAD = b'{"info":{},"licenses":[],"images":['
_LISTS = ('images', 'annotations')


@dataclass
class _Content:
    """What a batch has for one split."""

    images: list[bytes] = field(default_factory=list)
    """What follows the number of each image."""
    rows: list[int] = field(default_factory=list)
    """How many annotations each image has."""
    labels: list[str] = field(default_factory=list)
    """The class of each annotation."""
    texts: list[bytes] = field(default_factory=list)
    """What follows the numbers of each annotation."""


class CocoSink(BaseSink):
    """Writes images at once, the lists of images and annotations when their numbers are known.

    Args:
        context: The context of this conversion.
    """

    def __init__(self, context: WriteContext) -> None:
        self.context = context
        self.out = context.out

    def classes(self, info: DatasetInfo) -> tuple[str, ...]:
        """Those of objects that have one."""
        return tuple(filter(None, super().classes(info)))

    def initialize_write(self, info: DatasetInfo) -> dict[str, tuple[str, ...]]:
        """The joints of each class that has any."""
        return {label: names for label, names in info.skeletons.items() if names}

    def write(
        self, plan: dict[str, tuple[str, ...]], info: DatasetInfo, shard: int, batches: Iterator[Batch]
    ) -> WriteResult:
        """Link the images, and write their annotations to a spool."""
        rows = Rows(self.context.report, Schemas(plan, info, self.context.report))
        counts: Counts = {}
        with closing(self.context.spool(shard)) as spool:
            for batch in batches:
                for split, content in self._contents(batch, rows).items():
                    images, annotations = counts.get(split, (0, 0))
                    counts[split] = images + len(content.images), annotations + len(content.texts)
                    spool.put((split, content.images, content.rows, content.labels, content.texts))
        # Items without an image are not there.
        return WriteResult({split: images for split, (images, _) in counts.items()}, counts)

    def finalize_shard(self, plan: Any, info: DatasetInfo, shard: int, results: Sequence[WriteResult]) -> None:
        """Write this shard's part of every list."""
        numbers = {name: place for place, name in enumerate(info.classes or (), 1)}
        before: list[Counts] = [result.state for result in results[:shard]]
        own: Counts = results[shard].state
        made = {split: total(split, before) for split in own}
        with ExitStack() as stack:
            files = {
                (split, name): stack.enter_context(part(self.out, split, name, shard).open('wb'))
                for split in own
                for name in _LISTS
            }
            for split, *content in self.context.spool(shard).take():
                made[split] = _write(
                    files[split, 'images'], files[split, 'annotations'], numbers, made[split], *content
                )

    def finalize(self, plan: dict[str, tuple[str, ...]], info: DatasetInfo, results: Sequence[WriteResult]) -> Written:
        """Put the files together; the training split's is the one that a trainer wants."""
        schemas = Schemas(plan, info, self.context.report)
        return Written(assemble_files(schemas, info, self.out, [result.state for result in results]))

    def _contents(self, batch: Batch, maker: Rows) -> dict[str, _Content]:
        """What a batch has for each split; its images are linked."""
        batch = self.context.leave_out(batch)
        rows = maker.of(batch)
        counts = rows.counts(len(batch.samples))
        contents: dict[str, _Content] = {}
        targets: list[str] = []
        end = 0
        for item, sample in enumerate(batch.samples):
            count = counts[item]
            split = sample.split or ''
            if split not in contents:
                contents[split] = _Content()
            content = contents[split]
            name = sample.file_name
            content.images.append(
                b',"file_name":%b,"width":%d,"height":%d}' % (_encode(name), sample.width, sample.height)
            )
            content.rows.append(count)
            begin, end = end, end + count
            content.labels += rows.labels[begin:end]
            content.texts += rows.texts[begin:end]
            targets.append(f'{self.out}/{split}/{name}' if split else f'{self.out}/{name}')
        self.context.link_images(batch.samples, targets)
        return contents


def assemble_files(schemas: Schemas, info: DatasetInfo, out: Path, counted: Sequence[Counts]) -> Path:
    """Make the files of the splits from the parts that the shards have written.

    Returns:
        The file for `config_path`.
    """
    categories = [
        {'id': number, 'name': name, 'supercategory': '', **schemas.of_class(name)}
        for number, name in enumerate(info.classes or (), 1)
    ]
    splits = list(dict.fromkeys(split for counts in counted for split in counts))
    for split in splits:
        shards = [number for number, counts in enumerate(counted) if split in counts]
        with (out / split / CONFIG).open('wb') as file:
            file.write(_HEAD)
            _append(file, [part(out, split, 'images', shard) for shard in shards])
            file.write(b'],"annotations":[')
            _append(file, [part(out, split, 'annotations', shard) for shard in shards])
            file.write(b'],"categories":%b}' % _encode(categories))
    return out / ('train' if 'train' in splits else next(iter(splits), '')) / CONFIG


def part(out: Path, split: str, name: str, shard: int) -> Path:
    """Where a shard writes its part of a list."""
    return out / split / f'.{name}-{shard}'


def total(split: str, before: Iterable[Counts]) -> tuple[int, int]:
    """The images and annotations of a split in other shards."""
    counts = [one[split] for one in before if split in one]
    return sum(images for images, _ in counts), sum(annotations for _, annotations in counts)


def _write(
    images: IO[bytes],
    annotations: IO[bytes],
    numbers: Mapping[str, int],
    made: tuple[int, int],
    names: Sequence[bytes],
    rows: Sequence[int],
    labels: Sequence[str],
    texts: Sequence[bytes],
) -> tuple[int, int]:
    """Write what a batch has for a split; the images and annotations that are there then."""
    first_image, first = made[0] + 1, made[1] + 1
    owners = [image for image, count in enumerate(rows, first_image) for _ in range(count)]
    listed = [b'{"id":%d%b' % one for one in enumerate(names, first_image)]
    entries = [
        b'{"id":%d,"image_id":%d,"category_id":%d%b' % (number, image, numbers[label], text)
        for number, (image, label, text) in enumerate(zip(owners, labels, texts, strict=True), first)
    ]
    for file, list_ in ((images, listed), (annotations, entries)):
        if list_:
            file.write((b',' if file.tell() else b'') + b','.join(list_))
    return made[0] + len(listed), made[1] + len(entries)


def _append(file: IO[bytes], parts: Iterable[Path]) -> None:
    """Move what is in some parts to the end of a file, with a comma between them."""
    between = b''
    for one in parts:
        if one.stat().st_size:
            file.write(between)
            between = b','
            with one.open('rb') as opened:
                shutil.copyfileobj(opened, file, 1 << 20)
        one.unlink()


_encode = msgspec.json.Encoder().encode
