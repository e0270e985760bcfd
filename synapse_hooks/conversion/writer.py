"""How the built-in formats write in one pass, in as many processes as there are shares of the dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from synapse_hooks.data import DatasetInfo

if TYPE_CHECKING:
    from synapse_hooks.data.batch import Batch


class Writer(Protocol):
    """Writes one share of a dataset: batch by batch, in order, without knowing what the rest holds.

    What depends on the whole (the numbers of classes, for one) is put off until `settle`.
    """

    def add(self, batch: Batch) -> None:
        """Write some hundred samples, or as much of them as can be written by now."""

    def found(self) -> Any:
        """After the last batch: what the other shares need to know of this one. It travels between processes."""

    def settle(self, info: DatasetInfo, before: Sequence[Any]) -> None:
        """Finish the share.

        Args:
            info: Complete, of the whole dataset.
            before: What the shares before this one answered to `found`, in order.
        """

    def close(self) -> None:
        """However it ended: nothing is written any more, and files are closed."""


def counted(found: Iterable[Mapping[str, int]]) -> Counter[str]:
    """The sums of several counts.

    Example:
        >>> sorted(counted([{'train': 2}, {'train': 1, 'valid': 3}]).items())
        [('train', 3), ('valid', 3)]
    """
    total: Counter[str] = Counter()
    for one in found:
        total.update(one)
    return total
