"""What is known about a dataset as a whole: what it declares, and counts of what it contains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from synapse_hooks.data.annotation import Shape
from synapse_hooks.data.annotations import AnyAnnotation, Keypoints
from synapse_hooks.data.sample import Sample
from synapse_hooks.data.skeletons import joint_order, made_of
from synapse_hooks.types import Dataset

if TYPE_CHECKING:
    from synapse_hooks.data.batch import Batch

OBJECT_KINDS = tuple(str(kind.__struct_config__.tag) for kind in get_args(AnyAnnotation) if issubclass(kind, Shape))
"""Kinds of annotation whose labels are classes of objects. (The label of a `keypoint` is a joint.)"""

BATCH = 128
"""How many samples a batch has, but for the last one of a dataset."""


class DatasetCounts:
    """Counts of the items and annotations of a dataset, or of a part of it."""

    def __init__(self) -> None:
        self.count = 0
        self.splits: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.sources: Counter[str] = Counter()
        """As `kinds`, but an assembled skeleton counts as the annotations that it was made of."""
        self.labels: dict[str, set[str]] = {}
        self.skeletons: dict[str, set[tuple[str, ...]]] = {}
        self.crowds = 0
        """How many objects are crowd regions."""
        self.labelled: set[str | None] = set()
        """The splits with at least one annotation."""

    @property
    def objects(self) -> int:
        """How many annotations are objects."""
        return sum(self.kinds[kind] for kind in OBJECT_KINDS)

    def add(self, sample: Sample) -> None:
        """Count a sample and its annotations."""
        self.add_items([sample])
        for annotation in sample.annotations:
            self.add_annotation(annotation)
            self.labelled.add(sample.split)

    def add_items(self, samples: Sequence[Sample]) -> None:
        """Count samples, but none of their annotations."""
        self.count += len(samples)
        self.splits.update([sample.split for sample in samples if sample.split is not None])

    def add_annotation(self, annotation: AnyAnnotation) -> None:
        """Count an annotation."""
        kind = annotation.kind
        self.kinds[kind] += 1
        self.sources.update(made_of(annotation))
        self.labels.setdefault(kind, set()).add(annotation.label)
        self.crowds += bool(annotation.attributes.get('iscrowd')) and kind in OBJECT_KINDS
        if isinstance(annotation, Keypoints):
            names = annotation.names or map(str, range(len(annotation.points)))
            # Joints that were there one by one were in no order.
            order = joint_order(names) if 'keypoint' in made_of(annotation) else tuple(names)
            self.skeletons.setdefault(annotation.label, set()).add(order)

    def add_batch(self, batch: Batch) -> None:
        """Count the samples of a batch and all their annotations."""
        self.add_items(batch.samples)
        if not self.labelled.issuperset([sample.split for sample in batch.samples]):
            self.labelled.update(batch.samples[item].split for item in batch.labelled_items())
        self.add_many('box', batch.boxes.labels)
        self.add_many('polygon', batch.polygons.labels)
        for _, _, annotation in batch.others:
            self.add_annotation(annotation)

    def add_many(self, kind: str, labels: Collection[str]) -> None:
        """Count annotations of one kind."""
        if labels:
            self.kinds[kind] += len(labels)
            self.sources[kind] += len(labels)
            self.labels.setdefault(kind, set()).update(labels)

    def merge(self, other: DatasetCounts) -> None:
        """Add the counts of another part."""
        self.count += other.count
        self.splits.update(other.splits)
        self.kinds.update(other.kinds)
        self.sources.update(other.sources)
        self.crowds += other.crowds
        self.labelled |= other.labelled
        for mine, theirs in ((self.labels, other.labels), (self.skeletons, other.skeletons)):
            for name, values in theirs.items():
                mine.setdefault(name, set()).update(values)  # type: ignore[arg-type]

    def info(self, declared: DatasetInfo) -> DatasetInfo:
        """What was declared, completed by what was counted."""
        skeletons = {
            label: next(iter(forms)) if len(forms) == 1 else joint_order(name for form in forms for name in form)
            for label, forms in sorted(self.skeletons.items())
        }
        info = replace(
            declared,
            count=self.count,
            splits=dict(self.splits),
            kinds=dict(sorted(self.kinds.items())),
            labels={kind: frozenset(names) for kind, names in self.labels.items()},
            skeletons={**skeletons, **declared.skeletons},
        )
        return info if info.classes is not None else replace(info, classes=info.classes_of(*OBJECT_KINDS))


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """What a dataset declares, completed by what one pass over it finds.

    A format's `declare` fills in what it knows without looking at every item; the rest is None until `survey` ran.
    What a `write` gets is complete.
    """

    classes: tuple[str, ...] | None = None
    """Class names in the dataset's own order; a class's number is its place. Undeclared: the sorted names found."""
    splits: Mapping[str, int] | None = None
    """Items in each split; empty without splits. While splits are being assigned, the counts are 0."""
    count: int | None = None
    """How many items there are."""
    labels: Mapping[str, frozenset[str]] | None = None
    """The labels found, by kind of annotation."""
    kinds: Mapping[str, int] | None = None
    """How many annotations there are, by kind."""
    skeletons: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The joints of skeletons in their order, by the label of the object."""
    name: str = ''
    """What the dataset calls itself, where it does."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What else a format declares for a whole dataset, under the format's name (licences, skeletons, ...)."""

    @property
    def complete(self) -> bool:
        """Whether nothing is left for a survey to find out."""
        return None not in (self.classes, self.splits, self.count, self.labels, self.kinds)

    def classes_of(self, *kinds: str) -> tuple[str, ...]:
        """The classes a target needs that can hold only these kinds of annotation.

        A declaration is kept whole, with labels that it forgot after it, sorted.

        Example:
            >>> info = DatasetInfo(labels={'box': frozenset({'car'}), 'polyline': frozenset({'lane'})})
            >>> info.classes_of('box', 'polygon')
            ('car',)
        """
        declared = self.classes or ()
        names = {name for kind in kinds for name in (self.labels or {}).get(kind, ())}
        return (*declared, *sorted(names.difference(declared)))


def survey(declared: DatasetInfo, samples: Iterable[Sample]) -> DatasetInfo:
    """Find out, in one pass, what a dataset does not declare.

    Args:
        declared: What is known already.
        samples: All samples of the dataset.

    Example:
        >>> from synapse_hooks.data.areas import Box
        >>> info = survey(DatasetInfo(), [Sample('a', annotations=[Box(0, 0, 1, 1, label='car')])])
        >>> info.classes, info.count, dict(info.splits)
        (('car',), 1, {})
    """
    counts = DatasetCounts()
    for sample in samples:
        counts.add(sample)
    return counts.info(declared)


def dataset(
    path: Path, format: str, *, config_path: Path | None = None, info: DatasetInfo | None = None, digest: str = ''
) -> Dataset:
    """The dict by which hooks exchange a dataset; what is not known is left out.

    Args:
        path: The dataset's folder.
        format: The name of its format.
        config_path: The file that a trainer wants, if there is one.
        info: What is known of it: classes and splits are taken from there.
        digest: What identifies its content; empty where that is not known.

    Example:
        >>> dataset(Path('out'), 'dm')['format']
        'dm'
    """
    made: Dataset = {'path': path, 'format': format, 'config_path': config_path}
    if info is not None and info.splits is not None:
        made['splits'] = dict(info.splits)
    if info is not None and info.classes is not None:
        made['classes'] = list(info.classes)
    if digest:
        made['digest'] = digest
    return made
