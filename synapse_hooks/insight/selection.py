"""The samples that a page shows: a stable choice over all splits and classes, and some with problems."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from heapq import heappush, heappushpop
from typing import Final

from synapse_hooks.data import Sample

_STRATA: Final = 512
_FOR_EACH_PROBLEM: Final = 4


@dataclass(frozen=True, slots=True)
class SelectedSample:
    """A sample for the page."""

    sample: Sample
    file: str
    """Its path below the folder of the dataset."""
    problems: tuple[str, ...] = ()
    """The ids of the problems that were found in it."""


class Selection:
    """Selects a few of all samples.

    Samples are ranked by a hash of their name, so that the selection depends neither on their order nor on chance.

    Args:
        limit: How many samples to select.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._strata: dict[tuple[str | None, str], tuple[int, SelectedSample]] = {}
        self._spread: list[tuple[int, int, SelectedSample]] = []
        self._problems: dict[str, list[SelectedSample]] = {}
        self._count = 0

    def add(self, sample: Sample, file: str, problems: Collection[str]) -> None:
        """Add the next sample."""
        if not self.limit or sample.without_image:
            return
        self._count += 1
        selected = SelectedSample(sample, file, tuple(sorted(problems)))
        name = f'{sample.split}/{sample.id}'.encode(errors='surrogatepass')
        place = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), 'big')
        for problem in problems:
            kept = self._problems.setdefault(problem, [])
            if len(kept) < _FOR_EACH_PROBLEM:
                kept.append(selected)
        for label in {annotation.label for annotation in sample.annotations} or {''}:
            stratum = (sample.split, label)
            best = self._strata.get(stratum)
            if (best is None and len(self._strata) < _STRATA) or (best is not None and place < best[0]):
                self._strata[stratum] = (place, selected)
        # The largest rank is removed first; the count makes entries unique, so that samples are never compared.
        entry = (-place, self._count, selected)
        if len(self._spread) < self.limit:
            heappush(self._spread, entry)
        else:
            heappushpop(self._spread, entry)

    def select(self, problems: Sequence[str]) -> tuple[list[SelectedSample], list[SelectedSample]]:
        """The selected samples: those with problems, and others; at most `limit` together.

        Args:
            problems: The ids of the problems found, the most severe first.
        """
        with_problems: dict[int, SelectedSample] = {}
        for turn in range(_FOR_EACH_PROBLEM):
            for problem in problems:
                for selected in self._problems.get(problem, [])[turn : turn + 1]:
                    if len(with_problems) < self.limit // 3:
                        with_problems[id(selected)] = selected
        strata = [selected for _, selected in sorted(self._strata.values(), key=lambda entry: entry[0])]
        spread = [selected for _, _, selected in sorted(self._spread, reverse=True)]
        others: dict[int, SelectedSample] = {}
        for selected in (*_round_robin(strata), *spread):
            if len(with_problems) + len(others) < self.limit and id(selected) not in with_problems:
                others[id(selected)] = selected
        return list(with_problems.values()), list(others.values())


def _round_robin(selected: Sequence[SelectedSample]) -> list[SelectedSample]:
    """One of each split, then the next of each split, and so on."""
    turns: dict[str | None, int] = {}
    numbered = []
    for place, one in enumerate(selected):
        turns[one.sample.split] = turns.get(one.sample.split, 0) + 1
        numbered.append((turns[one.sample.split], place, one))
    return [one for _, _, one in sorted(numbered, key=lambda entry: entry[:2])]
