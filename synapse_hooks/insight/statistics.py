"""What is counted in a dataset, in one pass over its samples. Nothing here grows with the number of samples."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synapse_hooks.data import OBJECT_KINDS, SPLITS, AnyAnnotation, Sample
from synapse_hooks.data.geometry import Bounds
from synapse_hooks.insight.histograms import COUNTS, Boxes, Histogram

_COMMON = 10


@dataclass(frozen=True, slots=True)
class Label:
    """How often a label occurs."""

    name: str
    number: int | None
    """Its place among the classes; None for what is no class of objects (a joint, a class of whole images)."""
    declared: bool
    kinds: Mapping[str, int]
    splits: Mapping[str, int]
    """By split, for those in which it occurs."""
    samples: int
    """In how many samples it occurs."""

    @property
    def count(self) -> int:
        """In all."""
        return sum(self.kinds.values())


class Statistics:
    """Counts samples and their annotations."""

    def __init__(self) -> None:
        self.items = 0
        self.images = 0
        self.annotations = 0
        self.objects = 0
        self.crowds = 0
        """How many objects are crowd regions."""
        self.boxes = Boxes()
        self.sizes: Counter[tuple[int, int]] = Counter()
        self.per_item: Counter[int] = Counter()
        self._splits: Counter[str] = Counter()
        self._bare: Counter[str] = Counter()
        self._labels: Counter[tuple[str, str, str]] = Counter()
        self._holding: Counter[str] = Counter()

    def add(self, sample: Sample) -> None:
        """Count a sample, and the annotations in it. Their boxes come one by one, through `add_box`."""
        split = sample.split or ''
        self.items += 1
        self._splits[split] += 1
        if sample.file:
            self.images += 1
            if sample.width and sample.height:
                self.sizes[sample.width, sample.height] += 1
        annotations = sample.annotations
        self.annotations += len(annotations)
        self.per_item[len(annotations)] += 1
        if not annotations:
            self._bare[split] += 1
            return
        for annotation in annotations:
            self._labels[annotation.kind, annotation.label, split] += 1
            if annotation.kind in OBJECT_KINDS:
                self.objects += 1
                self.crowds += bool(annotation.attributes.get('iscrowd'))
        self._holding.update({annotation.label for annotation in annotations})

    def add_box(self, annotation: AnyAnnotation, around: Bounds, sample: Sample) -> None:
        """Measure the box around an annotation, if that is an object with an area."""
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
            Label(name, numbers.get(name), name in known, kinds[name], splits[name], self._holding[name])
            for name in (*classes, *sorted(kinds.keys() - numbers.keys() - {''}))
        ]

    def kinds(self) -> dict[str, Counter[str]]:
        """Annotations by kind, then by split."""
        found: dict[str, Counter[str]] = {}
        for (kind, _, split), count in sorted(self._labels.items()):
            found.setdefault(kind, Counter())[split] += count
        return found

    @property
    def splits(self) -> dict[str, int]:
        """Items in each split, in the usual order; '' stands for none."""
        return {name: self._splits[name] for name in sorted(self._splits, key=_rank)}

    @property
    def bare(self) -> dict[str, int]:
        """Items without annotations, by split."""
        return {name: self._bare[name] for name in self.splits}

    @property
    def annotations_by_split(self) -> dict[str, int]:
        """Annotations, by split."""
        found: Counter[str] = Counter()
        for (_, _, split), count in self._labels.items():
            found[split] += count
        return {name: found[name] for name in self.splits}

    def counts(self) -> Histogram:
        """How many annotations an item has."""
        histogram = Histogram(COUNTS)
        for number, times in self.per_item.items():
            histogram.counts[sum(number >= edge for edge in histogram.edges)] += times
        return histogram

    def size_facts(self) -> dict[str, Any]:
        """The sizes of images: least, middle and largest, and the most common ones."""
        facts: dict[str, Any] = {'different': len(self.sizes)}
        for place, name in enumerate(('width', 'height')):
            lengths: Counter[int] = Counter()
            for size, count in self.sizes.items():
                lengths[size[place]] += count
            facts[name] = spread(lengths)
        # Of equally common sizes the smaller comes first, whichever was read first.
        common = sorted(self.sizes.items(), key=lambda item: (-item[1], item[0]))[:_COMMON]
        facts['common'] = [{'width': width, 'height': height, 'count': count} for (width, height), count in common]
        return facts


def spread(values: Counter[int]) -> dict[str, int]:
    """The least, the middle and the largest of counted numbers; empty where there are none.

    Example:
        >>> spread(Counter({1: 5, 9: 2}))
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
