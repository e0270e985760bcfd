"""Following the journal of a run that goes on in another process."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from synapse_hooks.journal.cursor import Cursor


class Follower:
    """Reads the events of a run from its beginning, and then those that are added. Nothing is written.

    Args:
        run_dir: The run directory.
        types: The event types that are wanted.

    Example:
        >>> from synapse_hooks.journal import Journal
        >>> journal = Journal(getfixture('tmp_path'))
        >>> follower = Follower(journal.run_dir, ['message'])
        >>> journal.record('message', {'text': 'first'})
        >>> [event['text'] for event in follower.read()], follower.read()
        (['first'], [])
        >>> journal.record('message', {'text': 'second'})
        >>> [event['text'] for event in follower.read()]
        ['second']
    """

    def __init__(self, run_dir: Path, types: Collection[str]) -> None:
        self._cursor = Cursor(run_dir, _FromBeginning(), types)

    def read(self, limit: int = 1000) -> list[dict[str, Any]]:
        """The next events; none where there are no more now.

        Args:
            limit: How many at most.
        """
        return self._cursor.read(limit)


class _FromBeginning:
    def places(self, lane: int) -> dict[str, int]:
        return {}

    def save(self, lane: int, places: Mapping[str, int]) -> None:
        """A follower is not continued by another one."""
