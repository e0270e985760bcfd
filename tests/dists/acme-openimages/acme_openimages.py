"""Boxes as Open Images publishes them, in columns: a CSV file and a folder of images for each split.

    train/<ImageID>.jpg, validation/..., test/...
    train-annotations-bbox.csv       ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,...
    class-descriptions-boxable.csv   LabelName,DisplayName

Numbers are fractions of the image. Files may have the prefixes of the releases: `oidv6-train-annotations-bbox.csv`.
See https://storage.googleapis.com/openimages/web/download_v7.html. How a box was drawn (`Source`) is not kept.
"""

import csv
import io
import re
import shutil
from collections import Counter
from contextlib import ExitStack
from functools import cached_property, lru_cache
from itertools import chain, compress, groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np

from synapse_hooks.data import SUFFIXES, DatasetInfo, Sample
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.formats import (
    BaseFormat,
    BaseSink,
    BatchBuilder,
    Fitter,
    ItemSource,
    WriteResult,
    Written,
    files_below,
    fit_boxes,
    unique_ids,
)
from synapse_hooks.storage import TABLE_LIMIT

SPLITS = {'train': 'train', 'validation': 'valid', 'test': 'test'}
FOLDERS = {ours: theirs for theirs, ours in SPLITS.items()}
TABLE = '{}-annotations-bbox.csv'
CLASSES = 'class-descriptions-boxable.csv'
FLAGS = {
    'IsOccluded': 'IsOccluded',
    'IsTruncated': 'IsTruncated',
    'IsGroupOf': 'iscrowd',
    'IsDepiction': 'IsDepiction',
    'IsInside': 'IsInside',
}
"""Columns, and the attributes that they are read as. A box around a group is what others call a crowd."""
HEADER = ('ImageID', 'Source', 'LabelName', 'Confidence', 'XMin', 'XMax', 'YMin', 'YMax', *FLAGS)


class OpenImagesFormat(BaseFormat):
    """Open Images V4 to V7: boxes."""

    name = 'openimages'

    def recognise(self, path):
        return path.is_dir() and any(found(path, TABLE.format(split)) for split in SPLITS)

    def source(self, path, context):
        return OpenImagesSource(path, context)

    def sink(self, context):
        return OpenImagesSink(context)


def found(path, name):
    """The file of that name in the folder, without the prefix of a release or with one."""
    return next(
        (file for file in (path / f'{prefix}{name}' for prefix in ('', 'oidv6-', 'oidv7-')) if file.is_file()), None
    )


# -- reading ---------------------------------------------------------------------------------------------------------


ROWS = re.compile(rb'^("(?:[^"\n]|"")*"|[^,\n]*)(?:,.*)?\n(?:\1(?:,.*)?\n)*', re.MULTILINE)
"""Lines that follow one another and begin with the same field."""


class Table(NamedTuple):
    """A CSV file of boxes."""

    file: Path
    text: bytes
    """Its lines, each with its end."""

    def places(self):
        """Where in the text the rows of each image are, by its id; usually in one place."""
        begin = self.text.find(b'\n') + 1
        if tuple(self.text[:begin].decode(errors='replace').strip().split(',')[: len(HEADER)]) != HEADER:
            raise DatasetInvalid(f'{self.file} does not begin with {",".join(HEADER)}', path=str(self.file))
        places = {}
        for rows in ROWS.finditer(self.text, begin):
            image = rows[1].rstrip(b'\r')
            if image[:1] == image[-1:] == b'"':
                image = image[1:-1].replace(b'""', b'"')
            places.setdefault(image.decode(errors='surrogateescape'), []).append(rows.span())
        places.pop('', None)
        return places

    def line(self, place):
        """The number of the line at a place."""
        return self.text.count(b'\n', 0, place) + 1


class Item(NamedTuple):
    """An image, and where its boxes are."""

    id: str
    image: str
    split: str
    table: Table
    places: list


class OpenImagesSource(ItemSource):
    """Looks through the tables once for where each image is; whoever reads an image makes numbers of its rows."""

    def __init__(self, path, context):
        self.path = path
        self.context = context

    @cached_property
    def names(self):
        """What the classes are called."""
        file = found(self.path, CLASSES)
        if file is None:
            return {}
        try:
            rows = [*csv.reader(io.StringIO(self.context.read_file(file).decode(), newline=''))]
        except (UnicodeDecodeError, csv.Error) as error:
            raise DatasetInvalid(f'{file}: {error}', hint='save it as CSV in UTF-8', path=str(file)) from error
        return {row[0]: row[1] for row in rows if len(row) == 2 and row[1] and row != ['LabelName', 'DisplayName']}

    @property
    def info(self):
        return DatasetInfo(classes=tuple(dict.fromkeys(self.names.values())) or None)

    @property
    def count(self):
        return len(self.items)

    @cached_property
    def items(self):
        items = [item for folder in SPLITS for item in self.items_of(folder)]
        if not items:
            raise DatasetInvalid(f'there are no boxes of Open Images in {self.path}', path=str(self.path))
        return items

    def items_of(self, folder):
        file = found(self.path, TABLE.format(folder))
        if file is None:
            return
        text = self.context.read_file(file, limit=TABLE_LIMIT)
        table = Table(file, text if text.endswith(b'\n') else text + b'\n')
        places = table.places()
        images = [*files_below(self.path / folder, *SUFFIXES)]
        stems = [name.rpartition('.')[0] for name in images]
        safe = unique_ids(stems)
        for number, (stem, name) in enumerate(zip(stems, images, strict=True)):
            # A Path for each image costs more than looking at it.
            image = f'{self.path}/{folder}/{name}'
            yield Item(safe.get(number, stem), image, SPLITS[folder], table, places.pop(stem, ()))
        for stem, ((begin, _), *_) in places.items():
            problem = f'{file}, line {table.line(begin)}: there is no image {folder}/{stem}'
            self.context.skip(UnreadableItem(problem, path=str(file)))

    def read(self, shard):
        items = [self.items[number] for number in shard]
        samples = [Sample(item.id, item.image, split=item.split) for item in items]
        fine = list(self.context.measure_all(samples))
        builder, owners, found = BatchBuilder(), [], []
        for item, sample in compress(zip(items, samples, strict=True), fine):
            number = builder.add_sample(sample)
            for begin, end in item.places:
                rows = item.table.text[begin:end]
                owners += [number] * rows.count(b'\n')
                found.append((number, item.table, begin, rows))
        try:
            boxes = self.boxes(b''.join(rows for *_, rows in found), len(owners))
        except (ValueError, csv.Error):
            owners, *boxes = self.readable(found)
        if owners:
            labels, corners, attributes = boxes
            left, right, top, bottom = np.array(corners).reshape(-1, 4).T
            sizes = np.array([(sample.width, sample.height) * 2 for sample in builder.samples])
            numbers = np.stack([left, top, right - left, bottom - top], axis=1) * sizes[owners]
            builder.add_boxes(owners, labels, numbers, attributes=attributes if any(attributes) else None)
        yield builder.build(measured=True)

    def boxes(self, text, count):
        """The label, the four fractions (all in one list) and the attributes of each row."""
        rows = [*csv.reader(text.decode().split('\n')[:-1])]
        if len(rows) != count or min(map(len, rows), default=99) < len(HEADER):
            raise ValueError(f'expected {len(HEADER)} fields')
        labels = [self.names.get(row[2], row[2]) for row in rows]
        corners = [*map(float, chain.from_iterable(row[4:8] for row in rows))]
        return labels, corners, [attributes_of(row) if row[3] != '1' or '1' in row[8:] else None for row in rows]

    def readable(self, found):
        """The same, with the owner of each, of the rows that can be read; the others are skipped."""
        owners, *columns = [], [], [], []
        for owner, table, begin, rows in found:
            for number, row in enumerate(rows.split(b'\n')[:-1], table.line(begin)):
                try:
                    boxes = self.boxes(row + b'\n', 1)
                except (ValueError, csv.Error) as error:
                    problem = f'{table.file}, line {number}: {error}'
                    self.context.skip(UnreadableItem(problem, path=str(table.file)))
                    continue
                owners.append(owner)
                for column, values in zip(columns, boxes, strict=True):
                    column += values
        return owners, *columns


def attributes_of(row):
    """What a row says besides its class and box; None for nothing."""
    said = {name: True for name, flag in zip(FLAGS.values(), row[8:], strict=False) if flag == '1'}
    if float(row[3]) != 1:
        said['Confidence'] = float(row[3])
    return said or None


# -- writing ---------------------------------------------------------------------------------------------------------


NO_FACTS = 1, (0,) * len(FLAGS)


def facts_of(attributes):
    """The confidence, and the flags, of a box with attributes."""
    confidence = attributes.get('Confidence', 1)
    flags = [int(bool(attributes.get(name))) for name in FLAGS.values()]
    return confidence if isinstance(confidence, int | float) else 1, flags


@lru_cache(maxsize=10_000)
def code(label):
    """What stands for a class in the tables."""
    return quote(label)


class OpenImagesSink(BaseSink):
    """Every shard writes rows of its own; they are put together at the end."""

    def __init__(self, context):
        self.context = context
        self.fitter = Fitter(context.report, 'openimages', crowds=True, keeps=(*FLAGS.values(), 'Confidence'))

    def write(self, plan, info, shard, batches):
        counts = Counter()
        with ExitStack() as stack:
            tables = {}
            for batch in batches:
                images = self.context.leave_out(batch)
                targets = []
                for sample in images.samples:
                    counts[sample.split or ''] += 1
                    folder = FOLDERS.get(sample.split, 'train')
                    if folder not in tables:
                        file = stack.enter_context(self.part(folder, shard).open('w', newline='', encoding='utf-8'))
                        tables[folder] = csv.writer(file, lineterminator='\n')
                    targets.append(f'{self.context.out}/{folder}/{sample.file_name}')
                self.context.link_images(images.samples, targets)
                for folder, rows in groupby(self.rows(images), key=itemgetter(0)):
                    tables[folder].writerows(row for _, row in rows)
        return WriteResult(counts, [*tables])

    def rows(self, batch):
        """The folder and the row of each box."""
        boxes = fit_boxes(batch, self.fitter)
        corners = boxes.corners[:, [0, 2, 1, 3]] / batch.sizes[boxes.items][:, [0, 0, 1, 1]]
        folders = [FOLDERS.get(sample.split, 'train') for sample in batch.samples]
        for item, label, numbers, attributes in zip(
            boxes.items, boxes.labels, corners.tolist(), boxes.attributes, strict=True
        ):
            confidence, flags = facts_of(attributes) if attributes else NO_FACTS
            places = ('%.9g,%.9g,%.9g,%.9g' % tuple(numbers)).split(',')
            yield folders[item], [batch.samples[item].id, 'converted', code(label), confidence, *places, *flags]

    def finalize(self, plan, info, results):
        for folder in SPLITS:
            shards = [shard for shard, result in enumerate(results) if folder in result.state]
            if shards:
                with (self.context.out / TABLE.format(folder)).open('wb') as file:
                    file.write(','.join(HEADER).encode() + b'\n')
                    for shard in shards:
                        with self.part(folder, shard).open('rb') as part:
                            shutil.copyfileobj(part, file)
                        self.part(folder, shard).unlink()
        with (self.context.out / CLASSES).open('w', newline='', encoding='utf-8') as file:
            csv.writer(file, lineterminator='\n').writerows([code(name), name] for name in info.classes or ())
        return Written()

    def part(self, folder, shard):
        return self.context.out / f'.{folder}-{shard}.csv'
