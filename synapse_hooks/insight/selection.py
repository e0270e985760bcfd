"""Which samples are shown: the same ones each time, spread over splits and classes, and some that have problems."""

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
class Shown:
    """A sample to show."""

    sample: Sample
    file: str
    """What it is called."""
    problems: tuple[str, ...] = ()
    """The ids of the problems it has by itself."""


class Selection:
    """Looks at every sample, and keeps a few.

    A sample's place is a hash of its name, so that the choice depends neither on the order of reading nor on chance.

    Args:
        limit: How many to show.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._strata: dict[tuple[str | None, str], tuple[int, Shown]] = {}
        self._spread: list[tuple[int, int, Shown]] = []
        self._problems: dict[str, list[Shown]] = {}
        self._count = 0

    def consider(self, sample: Sample, file: str, problems: Collection[str]) -> None:
        """Look at the next sample."""
        if not self.limit or not sample.file:
            return
        self._count += 1
        shown = Shown(sample, file, tuple(sorted(problems)))
        name = f'{sample.split}/{sample.id}'.encode(errors='surrogatepass')
        place = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), 'big')
        for problem in problems:
            kept = self._problems.setdefault(problem, [])
            if len(kept) < _FOR_EACH_PROBLEM:
                kept.append(shown)
        for label in {annotation.label for annotation in sample.annotations} or {''}:
            stratum = (sample.split, label)
            best = self._strata.get(stratum)
            if (best is None and len(self._strata) < _STRATA) or (best is not None and place < best[0]):
                self._strata[stratum] = (place, shown)
        # The largest place comes out first; no two are compared beyond their number.
        entry = (-place, self._count, shown)
        if len(self._spread) < self.limit:
            heappush(self._spread, entry)
        else:
            heappushpop(self._spread, entry)

    def chosen(self, also: Sequence[str]) -> tuple[list[Shown], list[Shown]]:
        """Samples with problems, and others, together at most `limit`.

        Args:
            also: The ids of problems, the worst first.
        """
        bad: dict[int, Shown] = {}
        for turn in range(_FOR_EACH_PROBLEM):
            for problem in also:
                for shown in self._problems.get(problem, [])[turn : turn + 1]:
                    if len(bad) < self.limit // 3:
                        bad[id(shown)] = shown
        strata = [shown for _, shown in sorted(self._strata.values(), key=lambda entry: entry[0])]
        spread = [shown for _, _, shown in sorted(self._spread, reverse=True)]
        others: dict[int, Shown] = {}
        for shown in (*_in_turns(strata), *spread):
            if len(bad) + len(others) < self.limit and id(shown) not in bad:
                others[id(shown)] = shown
        return list(bad.values()), list(others.values())


def _in_turns(shown: Sequence[Shown]) -> list[Shown]:
    """One of each split, then the next of each split, and so on."""
    turns: dict[str | None, int] = {}
    numbered = []
    for place, one in enumerate(shown):
        turns[one.sample.split] = turns.get(one.sample.split, 0) + 1
        numbered.append((turns[one.sample.split], place, one))
    return [one for _, _, one in sorted(numbered, key=lambda entry: entry[:2])]
