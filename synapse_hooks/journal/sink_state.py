"""What a sink remembers of a run: the id that a tracker gave to it, for instance."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, Final

import msgspec

from synapse_hooks.errors import SinkUnavailable, StorageError
from synapse_hooks.journal.cursor import FOLDER
from synapse_hooks.journal.values import without_secrets
from synapse_hooks.storage import safe_name, write_atomic

_LOCK: Final = threading.RLock()


class SinkState(MutableMapping[str, Any]):
    """A small dictionary in the run directory, `sinks/NAME.json`: JSON values by name, for one plugin.

    Each change is written at once and atomically, so that the next process has it: one that resumes the run, or
    delivers with `synapse-hooks sync`. Every object of the same run and name has the same content, in any hook. Secrets
    of the environment are stored as `<redacted>`.

    Args:
        run_dir: The run directory: `context.run_dir`.
        name: Whose it is: the name of the plugin's distribution, or another that no other plugin uses.

    Raises:
        SinkUnavailable: On a change: it cannot be written, because the disk is full, for instance.

    Example:
        >>> run_dir = getfixture('tmp_path')
        >>> state = SinkState(run_dir, 'acme-tracker')
        >>> state['run_id'] = '4711'
        >>> SinkState(run_dir, 'acme-tracker').get('run_id')
        '4711'
    """

    def __init__(self, run_dir: Path, name: str) -> None:
        self.path = Path(run_dir, FOLDER, f'{safe_name(name)}.json')

    def __getitem__(self, key: str) -> Any:
        return self._load()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        with _LOCK:
            self._save({**self._load(), key: value})

    def __delitem__(self, key: str) -> None:
        with _LOCK:
            state = self._load()
            del state[key]
            self._save(state)

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())

    def __repr__(self) -> str:
        return f'SinkState({str(self.path)!r}, {self._load()!r})'

    def _load(self) -> dict[str, Any]:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=dict[str, Any])
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            # Damaged is as good as absent: the tracker is asked again for its run.
            return {}

    def _save(self, state: dict[str, Any]) -> None:
        try:
            write_atomic(self.path, msgspec.json.encode(without_secrets(state, os.environ)))
        except StorageError as error:
            raise SinkUnavailable(f'the state of a sink cannot be saved: {error.problem}') from error
