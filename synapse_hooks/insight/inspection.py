"""One inspection: every sample is looked at once, then the files that may be the same."""

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
from synapse_hooks.data.doubts import doubt
from synapse_hooks.data.integrity import examine
from synapse_hooks.data.losses import LOST
from synapse_hooks.errors import DatasetInvalid, UnreadableItem
from synapse_hooks.insight.checks import Twins, check
from synapse_hooks.insight.contents import Contents
from synapse_hooks.insight.extents import extent
from synapse_hooks.insight.problems import IMBALANCE, Example, Problems
from synapse_hooks.insight.selection import Selection, Shown
from synapse_hooks.insight.statistics import Label, Statistics

_EVERY: Final = 64

Progress = Callable[[str, int, int | None], None]
"""Called with what is being done, how far it got, and how far it has to go, where that is known."""


@dataclass
class Inspection:
    """What there is in a dataset, and what is wrong with it."""

    path: str
    format: str
    declared: tuple[str, ...]
    """The classes that the dataset declares itself."""
    statistics: Statistics
    problems: Problems
    labels: list[Label] = field(default_factory=list)
    faulty: list[Shown] = field(default_factory=list)
    """Samples to show that have problems."""
    others: list[Shown] = field(default_factory=list)
    """Other samples to show."""
    name: str = ''
    """What to call the dataset: by default the name of its folder or file."""

    def __post_init__(self) -> None:
        self.name = self.name or Path(self.path).resolve().name or self.path

    @property
    def classes(self) -> list[Label]:
        """The classes of objects, in order."""
        return [label for label in self.labels if label.number is not None]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        counted = self.statistics
        return {
            'path': self.path,
            'format': self.format,
            'items': counted.items,
            'images': counted.images,
            'annotations': counted.annotations,
            'splits': {name: count for name, count in counted.splits.items() if name},
            'classes': [label.name for label in self.classes],
            'labels': [
                {
                    'name': label.name,
                    'number': label.number,
                    'declared': label.declared,
                    'count': label.count,
                    'items': label.samples,
                    'kinds': dict(sorted(label.kinds.items())),
                    'splits': _named(label.splits),
                }
                for label in self.labels
            ],
            'kinds': {
                kind: {'count': splits.total(), 'splits': _named(splits)} for kind, splits in counted.kinds().items()
            },
            'without_annotations': {'count': sum(counted.bare.values()), 'splits': _named(counted.bare)},
            'annotations_per_item': counted.counts().to_dict(),
            'image_sizes': counted.size_facts(),
            'boxes': counted.boxes.to_dict(),
            'problems': [problem.to_dict() for problem in self.problems.found],
        }


def _named(counts: Any) -> dict[str, int]:
    return {name: count for name, count in counts.items() if name}


def inspect_dataset(
    reader: DatasetReader, source: Dataset, *, shown: int = 0, progress: Progress = lambda what, done, total: None
) -> Inspection:
    """Look at every sample of a dataset, once.

    Args:
        reader: The dataset, opened. Items that cannot be read are counted, however many there are.
        source: Which one it is.
        shown: How many samples to keep for showing.
        progress: Called with how far it got.

    Raises:
        DatasetInvalid: There is nothing in it that can be read.
    """
    inspector = _Inspector(reader, source, shown)
    inspector.read(progress)
    inspector.compare_images(progress)
    return inspector.finished()


class _Inspector:
    def __init__(self, reader: DatasetReader, source: Dataset, shown: int) -> None:
        self.reader = reader
        # A reader's own `info` would read everything to find out what is not declared.
        self.info = declared_by(reader)
        self.root = f'{os.fspath(source["path"])}{os.sep}'
        self.contents = Contents()
        self.selection = Selection(shown)
        self.made = Inspection(str(source['path']), source['format'], self.info.classes or (), Statistics(), Problems())

    def read(self, progress: Progress) -> None:
        statistics = self.made.statistics
        if isinstance(self.reader, FormatReader):
            self.reader.tolerance = 'skip'
        for sample in self.reader:
            self._look_at(sample)
            if statistics.items % _EVERY == 0:
                progress('reading', statistics.items, self.info.count)
        statistics.boxes.flush()
        doubts = LossReport()
        labelled = [split for split, count in statistics.splits.items() if count > statistics.bare[split]]
        doubt(
            doubts,
            objects=statistics.objects,
            crowds=statistics.crowds,
            splits={split: count for split, count in statistics.splits.items() if split},
            labelled=labelled,
        )
        self._take_report(doubts)
        self._take_report(getattr(self.reader, 'report', None))
        if not statistics.items:
            first = next((problem.examples[0] for problem in self.made.problems.found), None)
            raise DatasetInvalid(
                f'{self.made.path} has no items that can be read (read as {self.made.format!r})'
                + (f': {first.file} {first.detail}' if first is not None else ''),
                hint=self._hint() or 'check the path and the format: `--from FORMAT`',
                path=self.made.path,
            )

    def _hint(self) -> str:
        """What to do about the first item that cannot be read; nothing where there are no items at all."""
        if isinstance(self.reader, FormatReader):
            self.reader.tolerance = 'fail'
            try:
                next(iter(self.reader), None)
            except UnreadableItem as error:
                return error.hint or 'repair or remove it'
        return ''

    def _look_at(self, sample: Sample) -> None:
        statistics, split = self.made.statistics, sample.split or ''
        statistics.add(sample)
        file = sample.id
        ids = set()
        if (image := sample.image) is not None:
            path = os.fspath(image)
            file = self._place(path)
            self.contents.add(path, split)
            for seen in examine([path]):
                if seen is not None and seen.fault:
                    self.made.problems.met('doubtful', Example(file, split, '', f'image: {seen.fault}'))
                    ids.add('doubtful')
        twins = Twins()
        for annotation in sample.annotations:
            around = extent(annotation, sample)
            for id, name, detail in (*check(annotation, around, sample), *twins.add(annotation, around)):
                self.made.problems.met(id, Example(file, split, name, detail))
                ids.add(id)
            if around is not None:
                statistics.add_box(annotation, around, sample)
        self.selection.consider(sample, file, ids)

    def _place(self, path: str) -> str:
        """What an image is called: its path below the dataset's folder, as text that can be written anywhere."""
        return os.fsencode(path.removeprefix(self.root)).decode(errors='replace')

    def _take_report(self, report: Any) -> None:
        if not isinstance(report, LossReport):
            return
        problems = self.made.problems
        for place, item in enumerate(report.unreadable_items):
            count = report.unreadable_count if place == 0 else 0
            detail = item['reason'].removeprefix(item['file']).lstrip(',: ')
            problems.met('unreadable', Example(self._place(item['file']), detail=detail), count)
        for loss in report.losses.values():
            detail = f'{loss.kind} {loss.fate}: {loss.reason}'
            problem = 'left-out' if loss.fate in LOST else loss.fate
            for place, where in enumerate(loss.examples):
                count = loss.count if place == 0 else 0
                problems.met(problem, Example(where['file'], '', where['id'], detail), count)

    def compare_images(self, progress: Progress) -> None:
        order = list(self.made.statistics.splits)
        for group in self.contents.same(lambda done, total: progress('comparing images', done, total)):
            first: dict[str, str] = {}
            for split, file in sorted(group, key=lambda member: order.index(member[0])):
                if split in first:
                    example = Example(self._place(file), split, '', f'the same as {self._place(first[split])}')
                    self.made.problems.met('duplicate-image', example)
                elif first:
                    other, twin = next(iter(first.items()))
                    detail = f'the same as {self._place(twin)} in {other or "no split"}'
                    self.made.problems.met('leak', Example(self._place(file), split, '', detail))
                first.setdefault(split, file)

    def finished(self) -> Inspection:
        made = self.made
        made.labels = made.statistics.labels(made.declared)
        _check_classes(made.classes, [split for split in made.statistics.splits if split], made.problems)
        made.faulty, made.others = self.selection.chosen([problem.id for problem in made.problems.found])
        return made


def _check_classes(classes: Sequence[Label], splits: Sequence[str], problems: Problems) -> None:
    alike: dict[str, list[str]] = {}
    for label in classes:
        alike.setdefault(_folded(label.name), []).append(label.name)
        if not label.count:
            problems.met('unused-class', Example(detail=f'{label.name!r}, number {label.number}'))
            continue
        for split in splits:
            if split not in label.splits:
                there = ', '.join(f'{name} {count:,}' for name, count in label.splits.items())
                problems.met('missing-class', Example('', split, '', f'{label.name!r}: {there}'))
    for names in alike.values():
        if len(names) > 1:
            problems.met('similar-classes', Example(detail=', '.join(map(repr, names))))
    used = sorted((label for label in classes if label.count), key=lambda label: label.count)
    rare = [label for label in used if label.count * IMBALANCE <= used[-1].count]
    for label in rare:
        detail = f'{label.name!r} {label.count:,}, {used[-1].name!r} {used[-1].count:,}'
        problems.met('imbalance', Example(detail=detail))


def _folded(name: str) -> str:
    return ''.join(unicodedata.normalize('NFKC', name).casefold().split())
