"""Writing: every shard writes rows of its own, which are put together at the end."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import lru_cache
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from synapse_hooks.data import AnyAnnotation, Classification, DatasetInfo, Sample
from synapse_hooks.formats import BaseSink, Batch, Fitter, WriteContext, WriteResult, Written, fit_boxes
from synapse_hooks_openimages.layout import (
    ALL_CLASSES,
    BOX_HEADER,
    BOXES,
    CLASSES,
    CONFIDENCE,
    FLAGS,
    FOLDER_OF,
    FOLDERS,
    KEPT,
    LABEL_HEADER,
    LABELS,
    SOURCE,
)

_PLAIN: Final = (1, (0,) * len(FLAGS))
_HEADERS: Final = {BOXES: BOX_HEADER, LABELS: LABEL_HEADER}


class OpenImagesSink(BaseSink):
    """Writes boxes from columns, and classifications as image-level labels.

    Args:
        context: That of the conversion.
    """

    def __init__(self, context: WriteContext) -> None:
        self.context = context
        self.fitter = Fitter(context.report, 'openimages', crowds=True, keeps=KEPT)

    def write(self, plan: Any, info: DatasetInfo, shard: int, batches: Iterator[Batch]) -> WriteResult:
        """See `Sink.write`. The state has the tables that were written, and the classes of labels."""
        counts = Counter[str]()
        labels: dict[str, None] = {}
        with ExitStack() as stack:
            tables: dict[tuple[str, str], Any] = {}

            def table(name: str, folder: str) -> Any:
                if (name, folder) not in tables:
                    file = stack.enter_context(self._part(name, folder, shard).open('w', newline='', encoding='utf-8'))
                    tables[name, folder] = csv.writer(file, lineterminator='\n')
                return tables[name, folder]

            for batch in batches:
                images = self.context.leave_out(batch)
                folders = [FOLDER_OF.get(sample.split or '', 'train') for sample in images.samples]
                counts.update(sample.split or '' for sample in images.samples)
                for folder in dict.fromkeys(folders):
                    # A split without boxes has a table all the same: it shows that there are none.
                    table(BOXES, folder)
                places = [
                    f'{self.context.out}/{folder}/{sample.file_name}'
                    for folder, sample in zip(folders, images.samples, strict=True)
                ]
                self.context.link_images(images.samples, places)
                for item, label in self._labels(images):
                    labels[label] = None
                    row = [images.samples[item].id, SOURCE, _code(label), 1]
                    table(LABELS, folders[item]).writerow(row)
                for folder, rows in groupby(self._rows(images, folders), key=itemgetter(0)):
                    table(BOXES, folder).writerows(row for _, row in rows)
        return WriteResult(counts, ([*tables], [*labels]))

    def finalize(self, plan: Any, info: DatasetInfo, results: Sequence[WriteResult]) -> Written:
        """Put the parts together, and write the classes."""
        for name, header in _HEADERS.items():
            for folder in FOLDERS:
                shards = [shard for shard, result in enumerate(results) if (name, folder) in result.state[0]]
                if shards:
                    self._join(name, folder, shards, header)
        classes = info.classes or ()
        self._write_classes(CLASSES, classes)
        labels = dict.fromkeys(chain.from_iterable(result.state[1] for result in results))
        if labels:
            self._write_classes(ALL_CLASSES, [*dict.fromkeys((*classes, *sorted(labels)))])
        return Written()

    def _labels(self, batch: Batch) -> Iterator[tuple[int, str]]:
        """The number of the sample and the class of each classification, which are taken out of the batch."""
        kept: list[tuple[int, int, AnyAnnotation]] = []
        seen: set[tuple[int, str]] = set()
        for item, place, annotation in batch.others:
            if not isinstance(annotation, Classification) or not annotation.label:
                kept.append((item, place, annotation))
                continue
            sample: Sample = batch.samples[item]
            if (item, annotation.label) in seen:
                self.context.report.dropped('classification', 'the image has it already', sample.id, annotation.id)
                continue
            seen.add((item, annotation.label))
            self.context.report.left_out(annotation.attributes)
            yield item, annotation.label
        batch.others = kept

    def _rows(self, batch: Batch, folders: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
        """The folder and the row of each box."""
        boxes = fit_boxes(batch, self.fitter)
        corners = boxes.corners[:, [0, 2, 1, 3]] / batch.sizes[boxes.items][:, [0, 0, 1, 1]]
        for item, label, numbers, attributes in zip(
            boxes.items, boxes.labels, corners.tolist(), boxes.attributes, strict=True
        ):
            confidence, flags = self._facts(attributes) if attributes else _PLAIN
            places = '{:.9g},{:.9g},{:.9g},{:.9g}'.format(*numbers).split(',')
            yield folders[item], [batch.samples[item].id, SOURCE, _code(label), confidence, *places, *flags]

    def _facts(self, attributes: Mapping[str, Any]) -> tuple[Any, Sequence[int]]:
        """The confidence and the flags of a box. What is not a flag, such as a degree of occlusion, is counted."""
        values = [attributes.get(name) for name in FLAGS.values()]
        self.context.report.left_out(
            name for name, value in zip(FLAGS.values(), values, strict=True) if value not in (None, True, False)
        )
        confidence = attributes.get(CONFIDENCE, 1)
        if isinstance(confidence, bool) or not isinstance(confidence, int | float):
            self.context.report.left_out([CONFIDENCE])
            confidence = 1
        return confidence, [int(bool(value)) for value in values]

    def _join(self, name: str, folder: str, shards: Sequence[int], header: Sequence[str]) -> None:
        with (self.context.out / name.format(folder)).open('wb') as file:
            file.write(','.join(header).encode() + b'\n')
            for shard in shards:
                part = self._part(name, folder, shard)
                with part.open('rb') as rows:
                    shutil.copyfileobj(rows, file)
                part.unlink()

    def _write_classes(self, name: str, classes: Sequence[str]) -> None:
        with (self.context.out / name).open('w', newline='', encoding='utf-8') as file:
            csv.writer(file, lineterminator='\n').writerows([_code(label), label] for label in classes)

    def _part(self, name: str, folder: str, shard: int) -> Path:
        return self.context.out / f'.{name.format(folder)}-{shard}'


@lru_cache(maxsize=10_000)
def _code(label: str) -> str:
    """The code of a class in the tables."""
    return quote(label)
