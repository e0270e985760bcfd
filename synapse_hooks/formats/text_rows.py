"""The rows that are written for the annotations of a batch, as text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class TextRows:
    """Texts that are made in any order, those of plain shapes before all others, and put in that of the annotations.

    Example:
        >>> lines = TextRows()
        >>> lines.add([0, 2], [0, 1], ['car', 'bus'], [b'one', b'three'])
        >>> lines.add([1], [1], ['car'], [b'two'])
        >>> lines.sort()
        >>> lines.texts, lines.labels, lines.counts(3)
        ([b'one', b'two', b'three'], ['car', 'car', 'bus'], [1, 2, 0])
    """

    def __init__(self) -> None:
        self.labels: list[str] = []
        """The class of each annotation."""
        self.texts: list[bytes] = []
        """What is written of it, but for its class."""
        self._items: list[int] = []
        self._places: list[int] = []
        self._in_order = True

    def add(self, places: Sequence[int], items: Sequence[int], labels: Sequence[str], texts: Sequence[bytes]) -> None:
        """Add some that are in order among themselves.

        Args:
            places: The rank of each annotation in the batch.
            items: The number of its sample.
            labels: Its class.
            texts: What is written of it.
        """
        self._in_order = self._in_order and not (self._places and places)
        self._places += places
        self._items += items
        self.labels += labels
        self.texts += texts

    def sort(self) -> None:
        """Put them in the order of the annotations."""
        if self._in_order:
            return
        order = np.argsort(np.array(self._places), kind='stable').tolist()
        self.labels = [self.labels[row] for row in order]
        self.texts = [self.texts[row] for row in order]
        self._items = [self._items[row] for row in order]
        self._places = [self._places[row] for row in order]
        self._in_order = True

    def counts(self, samples: int) -> list[int]:
        """How many each of so many samples has."""
        counts: list[int] = np.bincount(np.array(self._items, dtype=np.int64), minlength=samples).tolist()
        return counts
