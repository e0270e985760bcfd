"""Announcing the items of an export whose files are complete, some hundred at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

Arrived = Callable[[Mapping[str, Any]], None]
"""Called with items whose files are complete: `split` (a name or None), `documents` and `files` (their names)."""
_BATCH: Final = 128


class ArrivedItems:
    """Collects the items of each split, and announces them together.

    Args:
        announce: Called with them; None where that is not wanted.
    """

    def __init__(self, announce: Arrived | None) -> None:
        self._announce = announce
        self._splits: dict[str, tuple[list[str], list[str]]] = {}

    def add(self, split: str, document: str, files: Iterable[str]) -> None:
        """An item is complete.

        Args:
            split: Its split; empty for none.
            document: The name of its document.
            files: The names of its files.
        """
        if self._announce is None:
            return
        documents, names = self._splits.setdefault(split, ([], []))
        documents.append(document)
        names.extend(files)
        if len(documents) == _BATCH:
            self._flush(split)

    def close(self) -> None:
        """Announce the rest."""
        for split in list(self._splits):
            self._flush(split)

    def _flush(self, split: str) -> None:
        documents, files = self._splits.pop(split)
        if self._announce is not None:
            self._announce({'split': split or None, 'documents': documents, 'files': files})
