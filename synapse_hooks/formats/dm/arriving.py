"""A DM dataset that is still being exported, read in the order in which its items arrive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from synapse_hooks.conversion.arrivals import arrived_shards
from synapse_hooks.conversion.contract import BaseSource
from synapse_hooks.conversion.read_context import ReadContext
from synapse_hooks.data import SPLITS, DatasetInfo
from synapse_hooks.data.batch import Batch
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats.dm.layout import Folder
from synapse_hooks.formats.dm.source import DmSource


class ArrivedItems(Struct):
    """Items whose documents and files are complete: what an export adds to its `Arrivals`."""

    split: str | None
    documents: list[str]
    """The names of files in `json`."""
    files: list[str]
    """The names of files in `original_files`, in any order."""


class ArrivingDmSource(BaseSource):
    """The items that have arrived, and then those that arrive.

    Args:
        path: The folder that is written.
        arrivals: The file that `Arrivals` writes.
        context: The context of this reading.
    """

    def __init__(self, path: Path, arrivals: Path, context: ReadContext) -> None:
        self.path = path
        self.arrivals = arrivals
        self.context = context

    @property
    def info(self) -> DatasetInfo:
        """Of the splits only that there are none, by the first item: all or none of the items have one."""
        first = next(self._arrived(), None)
        return DatasetInfo(splits=None if first is None or first.split else {})

    def read(self, shard: Any) -> Iterator[Batch]:
        """See `DmSource.read`."""
        for items in self._arrived():
            if items.split is not None and items.split not in SPLITS:
                raise DatasetInvalid(f'{self.path}: {items.split!r} is not a split', hint=f'expected {SPLITS}')
            root = self.path / items.split if items.split else self.path
            folder = Folder(items.split, root, sorted(items.documents), sorted(items.files))
            source = DmSource(self.path, self.context, [folder])
            for numbers in source.shards():
                yield from source.read(numbers)

    def _arrived(self) -> Iterator[ArrivedItems]:
        for shard in arrived_shards(self.arrivals):
            yield msgspec.convert(shard, ArrivedItems)
