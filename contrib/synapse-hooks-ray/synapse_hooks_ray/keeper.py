"""Sends a run directory to its storage while the run goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from synapse_hooks.errors import StorageError
from synapse_hooks.journal.follow import Follower
from synapse_hooks_ray.storage import Store


class Keeper:
    """Sends a run directory to its store when a stage or a checkpoint is done, and at intervals, until it is closed.

    A storage that fails meanwhile does not end the run: it is tried again; `close` raises.

    Args:
        store: Where to.
        folder: The run directory.
        seconds: The interval.
        warn: Called with a sentence when sending fails.
    """

    def __init__(self, store: Store, folder: Path, seconds: float, warn: Callable[[str], None]) -> None:
        self._store, self._folder, self._seconds, self._warn = store, folder, seconds, warn
        self._follower = Follower(folder, ('step', 'checkpoint'))
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._keep, name='keeper', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Send the rest.

        Raises:
            StorageError: The storage fails.
        """
        self._closing.set()
        self._thread.join()
        self._store.push(self._folder)

    def _keep(self) -> None:
        waited, step = 0.0, 0.5
        while not self._closing.wait(step):
            waited += step
            if _has_milestone(self._follower.read()) or waited >= self._seconds:
                waited = 0.0
                try:
                    self._store.push(self._folder)
                except (StorageError, OSError) as error:
                    self._warn(f'the run directory could not be sent, and will be sent later: {error}')


def _has_milestone(events: Iterable[dict[str, Any]]) -> bool:
    return any(event['type'] == 'checkpoint' or event.get('status') == 'succeeded' for event in events)
