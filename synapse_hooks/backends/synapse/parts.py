"""Parts of large files: what an earlier try has received, so that the next one goes on there.

    PARTS/.KEY.staging-OWNER-RANDOM   a part that somebody writes
    PARTS/KEY.part-SCOPE-RANDOM       one that nobody writes any more
    PARTS/....state                   beside each: which content of the file server it is a part of

Whoever wants a part renames it to a name of its own, and only one can. A part is gone on with only in the boot of the
machine in which it was written: after a power failure its end may hold anything.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from pathlib import Path
from typing import Final

import msgspec

from synapse_hooks.storage.disk import disk_errors, need_folder
from synapse_hooks.storage.ownership import aside, is_dead_work, is_left_here, scope

_STATE: Final = '.state'
_FREE: Final = re.compile(r'[0-9a-f]{32}\.part-([0-9a-f]{8})-[0-9a-f]{8}')
_KEPT: Final = 7 * 24 * 3600.0


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

    def new(self, key: str, state: PartState | None) -> Path:
        """The name of a new part of the file `key`.

        Args:
            key: What identifies the file.
            state: None for a part that cannot be gone on with.
        """
        need_folder(self.folder)
        part = aside(self.folder / _base(key))
        if state is not None:
            self._note(part, state)
        return part

    def claim(self, key: str) -> tuple[Path, PartState] | None:
        """Take over a part that nobody writes any more, if there is one."""
        base = _base(key)
        for found in self.folder.glob(f'*{base}*') if self.folder.is_dir() else ():
            if found.name.endswith(_STATE) or not _is_usable(found):
                continue
            mine = aside(self.folder / base)
            try:
                state = msgspec.json.decode(_side(found).read_bytes(), type=PartState)
                self._note(mine, state)
                found.rename(mine)
            except (OSError, msgspec.MsgspecError):
                _side(mine).unlink(missing_ok=True)
                continue
            _side(found).unlink(missing_ok=True)
            return mine, state
        return None

    def release(self, part: Path, key: str, state: PartState) -> None:
        """Leave a part to whoever wants it next."""
        free = self.folder / f'{_base(key)}.part-{scope()}-{secrets.token_hex(4)}'
        try:
            self._note(free, state)
            part.rename(free)
        except OSError:
            # No space, or the folder was removed: it is received anew.
            self.remove(part)
            _side(free).unlink(missing_ok=True)
            return
        _side(part).unlink(missing_ok=True)

    def remove(self, part: Path) -> None:
        """Remove a part, or what is beside one that has become a file."""
        part.unlink(missing_ok=True)
        _side(part).unlink(missing_ok=True)

    def sweep(self, kept: float = _KEPT) -> int:
        """Remove parts that nobody writes and nobody can or will go on with; returns their bytes.

        Args:
            kept: Seconds for which those are kept that could be gone on with.
        """
        freed = 0
        names = {path.name.removesuffix(_STATE) for path in self.folder.iterdir()} if self.folder.is_dir() else set()
        for part in (self.folder / name for name in names):
            found = [stated for file in (part, _side(part)) if (stated := _stat(file)) is not None]
            # A part that was about to become a file has that file's time of change.
            age = time.time() - max((stated.st_mtime for stated in found), default=0.0)
            if _is_nobodys(part, age) and (age > kept or len(found) < 2 or not _is_usable(part)):
                freed += sum(stated.st_size for stated in found)
                self.remove(part)
        return freed

    @staticmethod
    def _note(part: Path, state: PartState) -> None:
        with disk_errors(part):
            _side(part).write_bytes(msgspec.json.encode(state))


def _base(key: str) -> str:
    return hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()[:32]


def _side(part: Path) -> Path:
    return part.with_name(f'{part.name}{_STATE}')


def _is_usable(part: Path) -> bool:
    free = _FREE.fullmatch(part.name)
    return is_left_here(part.name) if free is None else free[1] == scope()


def _is_nobodys(part: Path, age: float) -> bool:
    return _FREE.fullmatch(part.name) is not None or is_dead_work(part.name, age)


def _stat(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except OSError:
        return None
