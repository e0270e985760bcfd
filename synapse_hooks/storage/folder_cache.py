"""A cache of folders for later runs: each appears complete, is not changed, and is removed when space is needed.

    ROOT/KEY-RANDOM/kept.json    what it is; an entry without it, or with one of another version, no longer counts
    ROOT/KEY-RANDOM/data/        the folder
    ROOT/KEY-RANDOM/users/       a file for each process that uses it

Several processes may use one store at once, without locks. A process that uses an entry first writes a file into
`users` and then checks `kept.json`; one that removes an entry first deletes `kept.json` and then checks `users`.
So at least one of two such processes sees the other.
"""

# A Path for each of a million files costs more than its name.
# ruff: noqa: PTH122
from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from synapse_hooks.errors import StorageError
from synapse_hooks.storage.digest import tree_stamp, wait_until_after
from synapse_hooks.storage.disk import need_folder
from synapse_hooks.storage.ownership import is_dead, owner
from synapse_hooks.storage.publishing import publish, scratch, sweep, write_atomic
from synapse_hooks.storage.tree import FileEntry, walk_files

CONVERSIONS: Final = 'conversions'
"""The folder of kept conversions, below the cache."""
DATA: Final = 'data'
_RECORD: Final = 'kept.json'
_USERS: Final = 'users'
_VERSION: Final = 2
"""Of `kept.json`: raised when the meaning of a key changes."""
_ENTRY: Final = re.compile(r'[0-9a-f-]+-[0-9a-f]{8}')
_USER: Final = re.compile(r'([0-9a-f]{8}-[0-9]+-[0-9]+)-[0-9a-f]{8}')
_BLOCK: Final = 4096
_ABANDONED: Final = 30 * 24 * 3600.0
"""Seconds after which a user on another machine counts as ended: a training may take weeks."""


@dataclass(frozen=True)
class CachedFolder:
    """An entry of the cache."""

    path: Path
    """The folder of the entry."""
    record: Mapping[str, Any]
    """What `FolderCache.keep` was given, and: `v`, the version of the record; `stamp`, a `TreeStamp`; `at_ns`, the time
    of the last change of its files, in nanoseconds since 1970."""

    @property
    def data(self) -> Path:
        """The folder that is kept."""
        return self.path / DATA

    @property
    def last_used(self) -> float:
        """When it was used last, in seconds of the epoch; 0 when it was removed."""
        with suppress(OSError):
            return (self.path / _RECORD).stat().st_mtime
        return 0.0

    def is_whole(self) -> bool:
        """Whether its files are as they were: names, sizes and times of change, and none was added to them.

        What came later does not count where it is of another kind, such as the cache of a trainer: no file that was
        there has its extension.
        """
        had, came = set[str](), set[str]()
        try:
            stamp = tree_stamp(
                self.data,
                until_ns=self.record['at_ns'],
                admit=lambda entry: had.add(_extension(entry)),
                later=lambda entry: came.add(_extension(entry)),
            )
            return bool(stamp == self.record['stamp']) and had.isdisjoint(came)
        except (OSError, StorageError):
            return False


class FolderCache:
    """The folders that are kept below `root`, which is made when something is put there.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     (made := Path(folder, 'made')).mkdir()
        ...     _ = (made / 'file').write_text('content')
        ...     store = FolderCache(Path(folder, 'store'))
        ...     kept, user = store.keep(made, '1234', {'from': 'here'})
        ...     (kept.data / 'file').read_text(), store.prune(0), user.unlink(), store.prune(0)[0]
        ('content', (0, 0), None, 1)
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def entries(self, key: str = '') -> list[CachedFolder]:
        """The entries whose key begins with `key`, the oldest first."""
        found = []
        for path in self._folders(key):
            with suppress(OSError):
                if (record := _record(path)) is not None:
                    found.append(CachedFolder(path, record))
        return sorted(found, key=lambda kept: (kept.record['at_ns'], kept.path))

    def keep(self, folder: Path, key: str, record: Mapping[str, Any], *, most: int = 0) -> tuple[CachedFolder, Path]:
        """Move a finished folder here, in use by this process.

        Args:
            folder: It must be on the same file system, and is moved.
            key: The key of the folder: hexadecimal digits and `-`.
            record: What is known of it, as JSON values.
            most: The most bytes that it may take on disk, not counting shared hard links; 0 for any number.

        Returns:
            The entry, and the file that marks it as in use; see `use`.

        Raises:
            OSError, StorageError: It cannot be kept, and is where it was.
        """
        found = _Contents()
        stamp = tree_stamp(folder, until_ns=time.time_ns(), admit=found.add, later=_refuse_future)
        if 0 < most < found.own:
            raise StorageError(
                f'it takes {found.own:,} bytes, and the limit is {most:,}',
                hint='raise `keep_conversions` in pyproject.toml, or SYNAPSE_HOOKS_KEEP_CONVERSIONS',
                path=str(folder),
            )
        record = {**record, 'v': _VERSION, 'at_ns': found.changed, 'stamp': stamp}
        wait_until_after(found.changed)
        need_folder(self.root)
        final = self.root / f'{key}-{secrets.token_hex(4)}'
        user = f'{owner()}-{secrets.token_hex(4)}'
        with scratch(final) as staged:
            (staged / _USERS).mkdir()
            (staged / _USERS / user).touch()
            write_atomic(staged / _RECORD, msgspec.json.encode(record), durable=False)
            folder.rename(staged / DATA)
            try:
                publish(staged, final)
            except BaseException:
                (staged / DATA).rename(folder)
                raise
        return CachedFolder(final, record), final / _USERS / user

    def use(self, kept: CachedFolder) -> Path | None:
        """Keep an entry from being removed while this process lives.

        Returns:
            The file that marks it, to be removed afterwards; None where the entry was removed, or cannot be written to.
        """
        user = kept.path / _USERS / f'{owner()}-{secrets.token_hex(4)}'
        try:
            user.touch()
            os.utime(kept.path / _RECORD)
        except OSError:
            with suppress(OSError):
                user.unlink(missing_ok=True)
            return None
        return user

    def users(self, path: Path) -> int:
        """How many processes use the entry in `path`; the traces of dead ones are removed."""
        count = 0
        with suppress(OSError):
            for user in (path / _USERS).iterdir():
                match = _USER.fullmatch(user.name)
                with suppress(OSError):
                    if match and not is_dead(match[1], user.stat().st_mtime, abandoned_after=_ABANDONED):
                        count += 1
                    else:
                        user.unlink(missing_ok=True)
        return count

    def discard(self, kept: CachedFolder) -> bool:
        """Invalidate an entry, and remove it as soon as no process uses it; returns whether it is removed."""
        with suppress(OSError):
            (kept.path / _RECORD).unlink(missing_ok=True)
        return self._remove(kept.path)

    def prune(self, to: int) -> tuple[int, int]:
        """Remove entries that no process uses, those first that were not used for longest, until `to` bytes are left.

        Bytes are those on the disk that nothing else links to: of images that belong to a workspace too there are none.

        Returns:
            How many entries were removed, and their bytes.
        """
        self.sweep()
        entries = self.entries()
        most = sum(kept.record['stamp']['bytes'] + _BLOCK * kept.record['stamp']['files'] for kept in entries)
        if to and most <= to:
            return 0, 0
        sizes = {kept.path: own_bytes(kept.data) for kept in entries}
        left, count, freed = sum(sizes.values()), 0, 0
        for kept in sorted(entries, key=lambda kept: kept.last_used):
            if to and left <= to:
                break
            if not self.users(kept.path) and self.discard(kept):
                count, freed, left = count + 1, freed + sizes[kept.path], left - sizes[kept.path]
        return count, freed

    def measure(self) -> int:
        """The bytes that entries take on the disk; what something else links to does not count."""
        return sum(own_bytes(kept.data) for kept in self.entries())

    def verify(self) -> list[CachedFolder]:
        """Discard the entries whose files were changed, and return them."""
        damaged = [kept for kept in self.entries() if not kept.is_whole()]
        for kept in damaged:
            self.discard(kept)
        return damaged

    def sweep(self) -> None:
        """Remove what dead processes left unfinished, and invalid entries that are no longer used."""
        sweep(self.root)
        for path in self._folders():
            try:
                counts = _record(path) is not None
            except FileNotFoundError:
                counts = False
            except OSError:
                continue
            if not counts:
                self.discard(CachedFolder(path, {}))

    def _folders(self, key: str = '') -> Iterator[Path]:
        with suppress(OSError):
            for path in sorted(self.root.iterdir()):
                if path.name.startswith(key) and _ENTRY.fullmatch(path.name) and path.is_dir():
                    yield path

    def _remove(self, path: Path) -> bool:
        if self.users(path):
            return False
        shutil.rmtree(path, ignore_errors=True)
        return not path.exists()


def is_kept(link: Path) -> bool:
    """Whether a path is a link to a folder of a cache, which may have been removed."""
    try:
        target = Path(link).readlink()
    except OSError:
        return False
    return target.name == DATA and _ENTRY.fullmatch(target.parent.name) is not None


def own_bytes(folder: Path) -> int:
    """The bytes on the disk of the files below a folder that no other hard link shares: what removing it would free."""
    total = 0
    # Something that is neither a file nor a folder may have been put there since.
    with suppress(OSError, StorageError):
        for entry in walk_files(folder):
            total += entry.own
    return total


def _record(path: Path) -> dict[str, Any] | None:
    """The content of `kept.json` of an entry; None where it is damaged or of another version.

    Raises:
        OSError: It cannot be read.
    """
    content = (path / _RECORD).read_bytes()
    try:
        record = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return None
    return record if isinstance(record, dict) and record.get('v') == _VERSION else None


def _extension(entry: FileEntry) -> str:
    return os.path.splitext(entry.name)[1].lower()


def _refuse_future(entry: FileEntry) -> NoReturn:
    problem = f'{entry.path} has a time of change in the future, so a later change of it would not be noticed'
    raise StorageError(problem, hint='correct the clock, or `touch` the file', path=entry.path)


class _Contents:
    """What is seen of a folder that is to be kept."""

    own, changed = 0, 0

    def add(self, entry: FileEntry) -> None:
        if entry.linked:
            problem = f'{entry.path} is a symbolic link, or in a folder that is one'
            raise StorageError(problem, hint='write files or hard links instead', path=entry.path)
        self.own += entry.own
        self.changed = max(self.changed, entry.mtime_ns)
