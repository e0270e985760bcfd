"""Stratified splits: every class has its share in every split.

A hash alone leaves a rare class to chance. Here the items of each class are put in the order of the same hash and cut
by quota. The price: a quota depends on all items, so adding some may move a few of the others, those at the cuts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from synapse_hooks.data.dataset import OBJECT_KINDS
from synapse_hooks.data.groups import group_key
from synapse_hooks.data.sample import Sample
from synapse_hooks.data.splits import stable_hash

_KINDS = frozenset((*OBJECT_KINDS, 'classification'))

Unit = tuple[int, str, int]
"""Hash, identity and size of what is put into one split: an item, or a group of them."""


def labels_of(sample: Sample) -> frozenset[str]:
    """The classes that are in an image, of its objects and of the whole.

    Args:
        sample: The image with its annotations.

    Example:
        >>> from synapse_hooks.data.annotations import Keypoint
        >>> from synapse_hooks.data.areas import Box
        >>> sorted(labels_of(Sample('a', annotations=[Box(0, 0, 1, 1, label='car'), Keypoint(1, 1, label='nose')])))
        ['car']
    """
    return frozenset(annotation.label for annotation in sample.annotations if annotation.kind in _KINDS)


def stratum(labels: Iterable[str], counts: Mapping[str, int]) -> str:
    """The class that decides for an image with several: the rarest in the dataset, which has the most to lose.

    Args:
        labels: The classes in the image, see `labels_of`.
        counts: How many images there are with each class. Classes that are not in it do not decide.

    Returns:
        The name of the class; empty for a background image.

    Example:
        >>> stratum(['car', 'bus'], {'car': 900, 'bus': 7}), stratum([], {'car': 900})
        ('bus', '')
    """
    return min(((counts[label], label) for label in labels if label in counts), default=(0, ''))[1]


def stratify(samples: Iterable[Sample], shares: Mapping[str, float], *, group_by: str = '') -> dict[str, str]:
    """Divide a dataset by class, in one pass over it; and by groups, if asked.

    Args:
        samples: The items; images are not read.
        shares: Fractions that add up to 1, as `fractions` returns them.
        group_by: As for `group_key`; empty for no groups.

    Returns:
        The split of each unit: of `group_key(sample, group_by)` where the sample has one, else of `sample.id`.

    Raises:
        DatasetInvalid: From `group_key`.
    """
    units: list[tuple[str, frozenset[str]]] = []
    shared: dict[frozenset[str], frozenset[str]] = {}
    counts: Counter[str] = Counter()
    for sample in samples:
        labels = labels_of(sample)
        counts.update(labels)
        unit = group_key(sample, group_by) if group_by else None
        units.append((unit or sample.id, shared.setdefault(labels, labels)))
    return stratified(((unit, stratum(labels, counts)) for unit, labels in units), shares)


def stratified(items: Iterable[tuple[str, str]], shares: Mapping[str, float]) -> dict[str, str]:
    """Divide items such that each stratum is divided by the fractions, and so is the whole.

    Of a stratum's items each split gets its exact quota, rounded up or down. Which quotas are rounded up is settled by
    the remainders, those of the strata before included, so that the totals match as well. The larger strata go first:
    what is left to the smallest ones evens out the whole. The order of `items` does not matter.

    Args:
        items: Identity and stratum of each. Items with equal identity are a group: they stay together, and belong to
            the smallest of their strata. Groups are cut at the middle of the one that a quota ends in.
        shares: Fractions that add up to 1, as `fractions` returns them.

    Returns:
        The split of each identity.

    Example:
        >>> items = [(f'cat{n}', 'cat') for n in range(8)] + [(f'dog{n}', 'dog') for n in range(4)]
        >>> found = stratified(items, {'train': 0.75, 'valid': 0.25})
        >>> sorted(name[:3] for name, split in found.items() if split == 'valid')
        ['cat', 'cat', 'dog']
    """
    strata = _strata(items)
    names = [name for name, share in shares.items() if share > 0]
    owed = dict.fromkeys(names, 0.0)
    splits = {}
    for stratum in sorted(strata, key=lambda stratum: (-_size(strata[stratum]), stratum)):
        units = sorted(strata[stratum])
        total = _size(units)
        for name in names:
            owed[name] += total * shares[name]
        ends = _ends(total, {name: total * shares[name] for name in names}, owed)
        given = dict.fromkeys(names, 0)
        place, at = 0, 0
        for _, identity, size in units:
            while at < len(names) - 1 and 2 * place + size > 2 * ends[at]:
                at += 1
            name = splits[identity] = names[at]
            given[name] += size
            place += size
        for name in names:
            owed[name] -= given[name]
    return splits


def _strata(items: Iterable[tuple[str, str]]) -> dict[str, list[Unit]]:
    pairs = Counter(items)
    counts: dict[str, int] = {}
    for (_, stratum), size in pairs.items():
        counts[stratum] = counts.get(stratum, 0) + size
    # Background decides only if there is no other label.
    rank = {stratum: (not stratum, count, stratum) for stratum, count in counts.items()}
    chosen: dict[str, str] = {}
    sizes: dict[str, int] = {}
    for (identity, stratum), size in pairs.items():
        other = chosen.get(identity)
        chosen[identity] = stratum if other is None else min(stratum, other, key=rank.__getitem__)
        sizes[identity] = size if other is None else sizes[identity] + size
    strata: dict[str, list[Unit]] = {stratum: [] for stratum in counts}
    for identity, stratum in chosen.items():
        strata[stratum].append((stable_hash(identity), identity, sizes[identity]))
    return strata


def _size(units: Iterable[Unit]) -> int:
    return sum(size for _, _, size in units)


def _ends(total: int, quotas: Mapping[str, float], owed: Mapping[str, float]) -> list[int]:
    """Where the part of each split ends, when `total` places are given out by whole quotas and largest remainders."""
    # What is owed is a sum of rounded numbers: equal claims must not differ in their last digits.
    whole = {name: int(quota + 1e-9) for name, quota in quotas.items()}
    claims = sorted(
        (name for name, quota in quotas.items() if quota - whole[name] > 1e-9),
        key=lambda name: round(whole[name] - owed[name], 6),
    )
    for name in claims[: max(0, total - sum(whole.values()))]:
        whole[name] += 1
    ends, end = [], 0
    for name in quotas:
        end += whole[name]
        ends.append(end)
    return ends
