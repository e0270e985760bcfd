"""Parts of large files: what an earlier try has received, so that the next one continues there.

    PARTS/.KEY.staging-OWNER-RANDOM   a part that is being written
    PARTS/KEY.part-SCOPE-RANDOM       a part that may be continued
    PARTS/....state                   beside each: which content of the file server it is a part of

A process that continues a part renames it first, which only one can. A part is continued only in the boot of the
machine in which it was written: after a power failure its end may hold anything.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import secrets
import time
from pathlib import Path
from typing import Final

import msgspec

from synapse_hooks.storage.disk import disk_errors, need_folder
from synapse_hooks.storage.ownership import is_dead_work, is_leftover_here, scope, temporary_path

_STATE: Final = '.state'
_RELEASED: Final = re.compile(r'[0-9a-f]{32}\.part-([0-9a-f]{8})-[0-9a-f]{8}')
_KEPT_SECONDS: Final = 7 * 24 * 3600.0
_LISTING_SECONDS: Final = 1.0
"""Seconds for which a listing of the folder is used again."""


class PartState(msgspec.Struct):
    """What is kept beside a part."""

    etag: str
    total: int
    """Bytes of the whole file."""


class Parts:
    """The parts below a folder. Several processes and threads may use it at once, without locks.

    Args:
        folder: It is made when something is put there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._names: list[str] = []
        self._listed = -math.inf

    def new(self, key: str, state: PartState | None) -> Path:
        """The name of a new part of the file `key`.

        Args:
            key: What identifies the file.
            state: None for a part that cannot be continued.
        """
        need_folder(self.folder)
        part = temporary_path(self.folder / _prefix(key))
        if state is not None:
            self._write_state(part, state)
        return part

    def claim(self, key: str) -> tuple[Path, PartState] | None:
        """Take over a part that no process writes any more, if there is one.

        One that another process released within the last second may be missed.
        """
        names = self._list()
        if not names:
            return None
        base = _prefix(key)
        for part in [self.folder / name for name in names if base in name and not name.endswith(_STATE)]:
            if not _is_usable(part):
                continue
            mine = temporary_path(self.folder / base)
            try:
                state = msgspec.json.decode(_state_file(part).read_bytes(), type=PartState)
                self._write_state(mine, state)
                part.rename(mine)
            except (OSError, msgspec.MsgspecError):
                _state_file(mine).unlink(missing_ok=True)
                continue
            _state_file(part).unlink(missing_ok=True)
            return mine, state
        return None

    def release(self, part: Path, key: str, state: PartState) -> None:
        """Leave a part to the next try, of any process."""
        free = self.folder / f'{_prefix(key)}.part-{scope()}-{secrets.token_hex(4)}'
        try:
            self._write_state(free, state)
            part.rename(free)
        except OSError:
            # No space, or the folder was removed: it is received again.
            self.remove(part)
            _state_file(free).unlink(missing_ok=True)
            return
        _state_file(part).unlink(missing_ok=True)
        self._listed = -math.inf

    def remove(self, part: Path) -> None:
        """Remove a part, or what is beside one that has become a file."""
        part.unlink(missing_ok=True)
        _state_file(part).unlink(missing_ok=True)

    def sweep(self, kept: float = _KEPT_SECONDS) -> int:
        """Remove parts that are not being written and that cannot or will not be continued; returns their bytes.

        Args:
            kept: Seconds for which those are kept that could be continued.
        """
        freed = 0
        names = {path.name.removesuffix(_STATE) for path in self.folder.iterdir()} if self.folder.is_dir() else set()
        for part in (self.folder / name for name in names):
            states = [stated for file in (part, _state_file(part)) if (stated := _stat(file)) is not None]
            # A part that was about to become a file has that file's time of change.
            age = time.time() - max((stated.st_mtime for stated in states), default=0.0)
            if _is_abandoned(part, age) and (age > kept or len(states) < 2 or not _is_usable(part)):
                freed += sum(stated.st_size for stated in states)
                self.remove(part)
        return freed

    def size(self) -> int:
        """The bytes of all parts, of every process."""
        try:
            return sum(stated.st_size for entry in os.scandir(self.folder) if (stated := _stat(Path(entry.path))))
        except OSError:
            return 0

    def _list(self) -> list[str]:
        # Called for every file that is fetched, of which few have parts.
        now = time.monotonic()
        if now > self._listed + _LISTING_SECONDS:
            try:
                self._names = os.listdir(self.folder)
            except OSError:
                self._names = []
            self._listed = now
        return self._names

    @staticmethod
    def _write_state(part: Path, state: PartState) -> None:
        with disk_errors(part):
            _state_file(part).write_bytes(msgspec.json.encode(state))


def _prefix(key: str) -> str:
    return hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()[:32]


def _state_file(part: Path) -> Path:
    return part.with_name(f'{part.name}{_STATE}')


def _is_usable(part: Path) -> bool:
    free = _RELEASED.fullmatch(part.name)
    return is_leftover_here(part.name) if free is None else free[1] == scope()


def _is_abandoned(part: Path, age: float) -> bool:
    return _RELEASED.fullmatch(part.name) is not None or is_dead_work(part.name, age)


def _stat(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None
