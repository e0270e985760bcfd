"""Statistics of a dataset, counted in one pass over its samples. Memory does not grow with the number of samples."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synapse_hooks.data import OBJECT_KINDS, SPLITS, AnyAnnotation, Sample
from synapse_hooks.data.geometry import Bounds
from synapse_hooks.insight.histograms import COUNTS, BoxStatistics, Histogram

_COMMON = 10


@dataclass(frozen=True, slots=True)
class Label:
    """How often a label occurs."""

    name: str
    number: int | None
    """Its class number; None if it is not a class of objects (but a joint, or a class of whole images)."""
    declared: bool
    kinds: Mapping[str, int]
    splits: Mapping[str, int]
    """Counts by split, for splits in which it occurs."""
    samples: int
    """The number of samples in which it occurs."""

    @property
    def count(self) -> int:
        """The number of annotations with it."""
        return sum(self.kinds.values())


class Statistics:
    """Counts samples and their annotations."""

    def __init__(self) -> None:
        self.items = 0
        self.images = 0
        self.media: Counter[str] = Counter()
        """Items by their medium."""
        self.annotations = 0
        self.objects = 0
        self.crowds = 0
        """How many objects are crowd regions."""
        self.boxes = BoxStatistics()
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.per_item: Counter[int] = Counter()
        self._splits: Counter[str] = Counter()
        self._unannotated: Counter[str] = Counter()
        self._labels: Counter[tuple[str, str, str]] = Counter()
        self._samples_with: Counter[str] = Counter()

    def add(self, sample: Sample) -> None:
        """Count a sample and its annotations. Boxes are added one by one, by `add_box`."""
        split = sample.split or ''
        self.items += 1
        self._splits[split] += 1
        self.media[sample.medium] += 1
        if not sample.without_image:
            self.images += 1
            if sample.width and sample.height:
                self.sizes[sample.width, sample.height] += 1
        annotations = sample.annotations
        self.annotations += len(annotations)
        self.per_item[len(annotations)] += 1
        if not annotations:
            self._unannotated[split] += 1
            return
        for annotation in annotations:
            self._labels[annotation.kind, annotation.label, split] += 1
            if annotation.kind in OBJECT_KINDS:
                self.objects += 1
                self.crowds += bool(annotation.attributes.get('iscrowd'))
        self._samples_with.update({annotation.label for annotation in annotations})

    def add_box(self, annotation: AnyAnnotation, around: Bounds, sample: Sample) -> None:
        """Add the box around an annotation, if it is an object with an area."""
        has_area = around[2] > around[0] and around[3] > around[1] and math.isfinite(sum(around))
        if has_area and sample.width and annotation.kind in OBJECT_KINDS:
            self.boxes.add(around, sample.width, sample.height)

    def labels(self, declared: Sequence[str]) -> list[Label]:
        """Every label: the classes in their order, then the others by name.

        Args:
            declared: The classes that the dataset declares.
        """
        kinds: dict[str, Counter[str]] = {name: Counter() for name in declared}
        splits: dict[str, Counter[str]] = {name: Counter() for name in declared}
        objects = set()
        for (kind, name, split), count in self._labels.items():
            kinds.setdefault(name, Counter())[kind] += count
            splits.setdefault(name, Counter())[split] += count
            if kind in OBJECT_KINDS:
                objects.add(name)
        known = set(declared)
        classes = [*declared, *sorted(objects - known)]
        numbers = {name: number for number, name in enumerate(classes)}
        return [
            Label(name, numbers.get(name), name in known, kinds[name], splits[name], self._samples_with[name])
            for name in (*classes, *sorted(kinds.keys() - numbers.keys() - {''}))
        ]

    def kinds(self) -> dict[str, Counter[str]]:
        """Annotations by kind, then by split."""
        counts: dict[str, Counter[str]] = {}
        for (kind, _, split), count in sorted(self._labels.items()):
            counts.setdefault(kind, Counter())[split] += count
        return counts

    @property
    def splits(self) -> dict[str, int]:
        """Items in each split, in the order train, valid, test; '' is no split."""
        return {name: self._splits[name] for name in sorted(self._splits, key=_rank)}

    @property
    def unannotated(self) -> dict[str, int]:
        """Items without annotations, by split."""
        return {name: self._unannotated[name] for name in self.splits}

    @property
    def annotations_by_split(self) -> dict[str, int]:
        """Annotations, by split."""
        counts: Counter[str] = Counter()
        for (_, _, split), count in self._labels.items():
            counts[split] += count
        return {name: counts[name] for name in self.splits}

    def annotations_per_item(self) -> Histogram:
        """The histogram of annotations in an item."""
        histogram = Histogram(COUNTS)
        for number, times in self.per_item.items():
            histogram.counts[sum(number >= edge for edge in histogram.edges)] += times
        return histogram

    def size_summary(self) -> dict[str, Any]:
        """Image sizes: minimum, median and maximum, and the most common ones."""
        facts: dict[str, Any] = {'different': len(self.sizes)}
        for place, name in enumerate(('width', 'height')):
            lengths: Counter[int] = Counter()
            for size, count in self.sizes.items():
                lengths[size[place]] += count
            facts[name] = min_median_max(lengths)
        # Equally common sizes are sorted by size, so that the result does not depend on the order of samples.
        common = sorted(self.sizes.items(), key=lambda item: (-item[1], item[0]))[:_COMMON]
        facts['common'] = [{'width': width, 'height': height, 'count': count} for (width, height), count in common]
        return facts


def min_median_max(values: Counter[int]) -> dict[str, int]:
    """Minimum, median and maximum of counted numbers; empty if there are none.

    Example:
        >>> min_median_max(Counter({1: 5, 9: 2}))
        {'min': 1, 'median': 1, 'max': 9}
    """
    if not values:
        return {}
    half, passed = (values.total() + 1) // 2, 0
    for value in sorted(values):
        passed += values[value]
        if passed >= half:
            break
    return {'min': min(values), 'median': value, 'max': max(values)}


def _rank(split: str) -> tuple[int, str]:
    order = {name: place for place, name in enumerate(SPLITS)}
    return order.get(split, len(order) + (split == '')), split
