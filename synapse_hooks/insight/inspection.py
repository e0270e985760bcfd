"""The inspection of a dataset: one pass over the samples, then a comparison of image files."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from synapse_hooks.context import Dataset, DatasetReader
from synapse_hooks.conversion.reader import FormatReader, declared_by
from synapse_hooks.data import LossReport, Sample
from synapse_hooks.data.integrity import examine
from synapse_hooks.data.losses import LOST
from synapse_hooks.data.plausibility import check_plausibility
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.insight.checks import DuplicateAnnotations, check
from synapse_hooks.insight.duplicate_images import DuplicateImages
from synapse_hooks.insight.problems import IMBALANCE, Example, Problems
from synapse_hooks.insight.selection import SelectedSample, Selection
from synapse_hooks.insight.statistics import Label, Statistics

_PROGRESS_INTERVAL: Final = 64

Progress = Callable[[str, int, int | None], None]
"""Called with the name of the task, the number done, and the total or None."""


@dataclass
class Inspection:
    """What a dataset holds, and what is wrong with it."""

    path: str
    format: str
    declared: tuple[str, ...]
    """The classes that the dataset declares."""
    statistics: Statistics
    problems: Problems
    labels: list[Label] = field(default_factory=list)
    with_problems: list[SelectedSample] = field(default_factory=list)
    """Samples with problems, for the page."""
    others: list[SelectedSample] = field(default_factory=list)
    """Other samples, for the page."""
    name: str = ''
    """The name of the dataset: by default that of its folder or file."""

    def __post_init__(self) -> None:
        self.name = self.name or Path(self.path).resolve().name or self.path

    @property
    def classes(self) -> list[Label]:
        """The classes of objects, in order."""
        return [label for label in self.labels if label.number is not None]

    def to_dict(self) -> dict[str, Any]:
        """The inspection as JSON values."""
        statistics = self.statistics
        return {
            'path': self.path,
            'format': self.format,
            'items': statistics.items,
            'images': statistics.images,
            'media': dict(sorted(statistics.media.items())),
            'annotations': statistics.annotations,
            'splits': {name: count for name, count in statistics.splits.items() if name},
            'classes': [label.name for label in self.classes],
            'labels': [
                {
                    'name': label.name,
                    'number': label.number,
                    'declared': label.declared,
                    'count': label.count,
                    'items': label.samples,
                    'kinds': dict(sorted(label.kinds.items())),
                    'splits': _by_named_split(label.splits),
                }
                for label in self.labels
            ],
            'kinds': {
                kind: {'count': splits.total(), 'splits': _by_named_split(splits)}
                for kind, splits in statistics.kinds().items()
            },
            'without_annotations': {
                'count': sum(statistics.unannotated.values()),
                'splits': _by_named_split(statistics.unannotated),
            },
            'annotations_per_item': statistics.annotations_per_item().to_dict(),
            'image_sizes': statistics.size_summary(),
            'boxes': statistics.boxes.to_dict(),
            'problems': [problem.to_dict() for problem in self.problems.found],
        }


def _by_named_split(counts: Any) -> dict[str, int]:
    return {name: count for name, count in counts.items() if name}


def inspect_dataset(
    reader: DatasetReader, source: Dataset, *, shown: int = 0, progress: Progress = lambda what, done, total: None
) -> Inspection:
    """Read every sample of a dataset once, and count and check it.

    Args:
        reader: The dataset, opened. Items that cannot be read are counted, and do not end the inspection.
        source: The dataset.
        shown: How many samples to keep for the page.
        progress: Called with the progress; see `Progress`.

    Raises:
        DatasetInvalid: It has no item that can be read.
    """
    inspector = _Inspector(reader, source, shown)
    inspector.read(progress)
    inspector.compare_images(progress)
    return inspector.result()


class _Inspector:
    def __init__(self, reader: DatasetReader, source: Dataset, shown: int) -> None:
        self.reader = reader
        # `info` of a reader would read all samples if nothing is declared.
        self.info = declared_by(reader)
        self.root = f'{os.fspath(source["path"])}{os.sep}'
        self.images = DuplicateImages()
        self.selection = Selection(shown)
        self.inspection = Inspection(
            str(source['path']), source['format'], self.info.classes or (), Statistics(), Problems()
        )

    def read(self, progress: Progress) -> None:
        statistics = self.inspection.statistics
        if isinstance(self.reader, FormatReader):
            self.reader.tolerance = 'skip'
        for sample in self.reader:
            self._add_sample(sample)
            if statistics.items % _PROGRESS_INTERVAL == 0:
                progress('reading', statistics.items, self.info.count)
        statistics.boxes.flush()
        doubts = LossReport()
        labelled = [split for split, count in statistics.splits.items() if count > statistics.unannotated[split]]
        check_plausibility(
            doubts,
            objects=statistics.objects,
            crowds=statistics.crowds,
            splits={split: count for split, count in statistics.splits.items() if split},
            labelled=labelled,
        )
        self._add_report(doubts)
        self._add_report(getattr(self.reader, 'report', None))
        if not statistics.items:
            first = next((problem.examples[0] for problem in self.inspection.problems.found), None)
            raise DatasetInvalid(
                f'{self.inspection.path} has no items that can be read (read as {self.inspection.format!r})'
                + (f': {first.file} {first.detail}' if first is not None else ''),
                hint=self._hint() or 'check the path and the format: `--from FORMAT`',
                path=self.inspection.path,
            )

    def _hint(self) -> str:
        """The hint for the first item that cannot be read; empty if there are no items."""
        if isinstance(self.reader, FormatReader):
            self.reader.tolerance = 'fail'
            try:
                next(iter(self.reader), None)
            except UnreadableItem as error:
                return error.hint or 'repair or remove it'
        return ''

    def _add_sample(self, sample: Sample) -> None:
        statistics, split = self.inspection.statistics, sample.split or ''
        statistics.add(sample)
        file = sample.id
        ids = set()
        if (image := sample.image) is not None:
            path = os.fspath(image)
            file = self._relative(path)
            self.images.add(path, split)
            for seen in examine([path]):
                if seen is not None and seen.fault:
                    self.inspection.problems.add('doubtful', Example(file, split, '', f'image: {seen.fault}'))
                    ids.add('doubtful')
        duplicates = DuplicateAnnotations()
        for annotation in sample.annotations:
            around = annotation.extent(sample.width, sample.height)
            for id, name, detail in (*check(annotation, around, sample), *duplicates.add(annotation, around)):
                self.inspection.problems.add(id, Example(file, split, name, detail))
                ids.add(id)
            if around is not None:
                statistics.add_box(annotation, around, sample)
        self.selection.add(sample, file, ids)

    def _relative(self, path: str) -> str:
        """The path of an image below the folder of the dataset, as text that can be encoded."""
        return os.fsencode(path.removeprefix(self.root)).decode(errors='replace')

    def _add_report(self, report: Any) -> None:
        if not isinstance(report, LossReport):
            return
        problems = self.inspection.problems
        for place, item in enumerate(report.unreadable_items):
            count = report.unreadable_count if place == 0 else 0
            detail = item['reason'].removeprefix(item['file']).lstrip(',: ')
            problems.add('unreadable', Example(self._relative(item['file']), detail=detail), count)
        for loss in report.losses.values():
            detail = f'{loss.kind} {loss.fate}: {loss.reason}'
            problem = 'left-out' if loss.fate in LOST else loss.fate
            for place, where in enumerate(loss.examples):
                count = loss.count if place == 0 else 0
                problems.add(problem, Example(where['file'], '', where['id'], detail), count)

    def compare_images(self, progress: Progress) -> None:
        order = list(self.inspection.statistics.splits)
        for group in self.images.groups(lambda done, total: progress('comparing images', done, total)):
            first: dict[str, str] = {}
            for split, file in sorted(group, key=lambda member: order.index(member[0])):
                if split in first:
                    example = Example(self._relative(file), split, '', f'the same as {self._relative(first[split])}')
                    self.inspection.problems.add('duplicate-image', example)
                elif first:
                    other, original = next(iter(first.items()))
                    detail = f'the same as {self._relative(original)} in {other or "no split"}'
                    self.inspection.problems.add('leak', Example(self._relative(file), split, '', detail))
                first.setdefault(split, file)

    def result(self) -> Inspection:
        inspection = self.inspection
        inspection.labels = inspection.statistics.labels(inspection.declared)
        _check_classes(
            inspection.classes, [split for split in inspection.statistics.splits if split], inspection.problems
        )
        inspection.with_problems, inspection.others = self.selection.select(
            [problem.id for problem in inspection.problems.found]
        )
        return inspection


def _check_classes(classes: Sequence[Label], splits: Sequence[str], problems: Problems) -> None:
    by_normalized_name: dict[str, list[str]] = {}
    for label in classes:
        by_normalized_name.setdefault(_normalized(label.name), []).append(label.name)
        if not label.count:
            problems.add('unused-class', Example(detail=f'{label.name!r}, number {label.number}'))
            continue
        for split in splits:
            if split not in label.splits:
                there = ', '.join(f'{name} {count:,}' for name, count in label.splits.items())
                problems.add('missing-class', Example('', split, '', f'{label.name!r}: {there}'))
    for names in by_normalized_name.values():
        if len(names) > 1:
            problems.add('similar-classes', Example(detail=', '.join(map(repr, names))))
    used = sorted((label for label in classes if label.count), key=lambda label: label.count)
    rare = [label for label in used if label.count * IMBALANCE <= used[-1].count]
    for label in rare:
        detail = f'{label.name!r} {label.count:,}, {used[-1].name!r} {used[-1].count:,}'
        problems.add('imbalance', Example(detail=detail))


def _normalized(name: str) -> str:
    return ''.join(unicodedata.normalize('NFKC', name).casefold().split())
