"""What is known about a dataset as a whole, before its first sample is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from synapse_hooks.context import Dataset
from synapse_hooks.data.sample import Sample

OBJECT_KINDS = ('box', 'rotated_box', 'polygon', 'mask', 'keypoints')
"""Kinds of annotation whose labels are classes of objects. (The label of a `keypoint` is a joint.)"""


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """What a dataset declares, completed by what one pass over it finds.

    A format's `declare` fills in what it knows without looking at every item; the rest is None until `survey` ran.
    What a `write` gets is complete.
    """

    classes: tuple[str, ...] | None = None
    """Class names in the dataset's own order; a class's number is its place. Undeclared: the sorted names found."""
    splits: Mapping[str, int] | None = None
    """Items in each split; empty where there are no splits. While splits are being assigned, the counts are 0."""
    count: int | None = None
    """How many items there are."""
    labels: Mapping[str, frozenset[str]] | None = None
    """The labels found, by kind of annotation."""
    kinds: Mapping[str, int] | None = None
    """How many annotations there are, by kind."""
    name: str = ''
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
        found = {name for kind in kinds for name in (self.labels or {}).get(kind, ())}
        return (*declared, *sorted(found.difference(declared)))


def survey(declared: DatasetInfo, samples: Iterable[Sample]) -> DatasetInfo:
    """Find out, in one pass, what a dataset does not declare.

    Example:
        >>> from synapse_hooks.data.sample import Box
        >>> info = survey(DatasetInfo(), [Sample('a', annotations=[Box(0, 0, 1, 1, label='car')])])
        >>> info.classes, info.count, dict(info.splits)
        (('car',), 1, {})
    """
    splits: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    labels: dict[str, set[str]] = {}
    count = 0
    for sample in samples:
        count += 1
        if sample.split is not None:
            splits[sample.split] += 1
        for annotation in sample.annotations:
            kind = annotation.kind
            kinds[kind] += 1
            labels.setdefault(kind, set()).add(annotation.label)
    found = replace(
        declared,
        count=count,
        splits=dict(splits),
        kinds=dict(sorted(kinds.items())),
        labels={kind: frozenset(names) for kind, names in labels.items()},
    )
    return found if found.classes is not None else replace(found, classes=found.classes_of(*OBJECT_KINDS))


def dataset(
    path: Path, format: str, *, config_path: Path | None = None, info: DatasetInfo | None = None, digest: str = ''
) -> Dataset:
    """The dict by which hooks exchange a dataset; what is not known is left out.

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
