"""What an archive may hold: the rules for one member's name and for all of them together."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from synapse_hooks.errors import ArchiveRefused
from synapse_hooks.storage.names import folded

_DRIVE = re.compile(r'[A-Za-z]:')


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may unpack to. What it declares is not believed: the bytes are counted as they come."""

    total_bytes: int = 64 << 30
    """All files together."""
    file_bytes: int = 32 << 30
    """One file."""
    entries: int = 500_000
    """Files and folders."""
    ratio: float = 200.0
    """Unpacked bytes for each byte of the archive; not checked below `ratio_from`."""
    ratio_from: int = 64 << 20
    """Bytes that any archive may unpack to, however well it is compressed."""
    depth: int = 32
    """Parts of a member's name."""


@dataclass(slots=True)
class Guard:
    """Checks one archive, member by member, byte by byte.

    Every method raises `ArchiveRefused`, which names the archive (`path`), the `member` and the `rule`.
    """

    archive: Path
    limits: Limits
    entries: int = 0
    written: int = 0
    _size: int = 0
    _seen: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._size = max(1, self.archive.stat().st_size)

    def refuse(self, member: str, rule: str, cause: BaseException | None = None) -> ArchiveRefused:
        """The error for a member that must not be unpacked, or for the whole archive (an empty `member`)."""
        where = f'member {member!r} {rule}' if member else rule
        error = ArchiveRefused(
            f'{self.archive}: {where}; nothing was unpacked',
            hint='get the archive again from its source, or pack it again with plain files and folders only',
            path=str(self.archive),
            member=member,
            rule=rule,
        )
        error.__cause__ = cause
        return error

    def place(self, name: str, *, is_folder: bool) -> str:
        """The relative path at which a member is unpacked; empty for the archive's own top folder.

        Refuses a name that could lead outside, or to another member on any file system.
        """
        self.entries += 1
        if self.entries > self.limits.entries:
            raise self.refuse('', f'it has more than {self.limits.entries} members')
        parts = self._parts(name)
        if not parts:
            if is_folder:
                return ''
            raise self.refuse(name, 'has no name')
        path = ''
        for number, part in enumerate(parts, 1):
            path = f'{path}/{part}' if path else part
            self._claim(name, path, is_folder=is_folder or number < len(parts))
        return path

    def _parts(self, name: str) -> list[str]:
        if '\0' in name:
            raise self.refuse(name, 'has a NUL in its name')
        if '\\' in name:
            raise self.refuse(name, 'has a backslash in its name')
        if name.startswith('/') or _DRIVE.match(name):
            raise self.refuse(name, 'has an absolute name')
        parts = [part for part in name.split('/') if part not in ('', '.')]
        if '..' in parts:
            raise self.refuse(name, 'leads outside')
        if len(parts) > self.limits.depth:
            raise self.refuse(name, f'is nested deeper than {self.limits.depth} folders')
        try:
            longest = max((len(part.encode()) for part in parts), default=0)
        except UnicodeEncodeError as error:
            raise self.refuse(name, 'has a name that is not UTF-8', error) from error
        if longest > 255:
            raise self.refuse(name[:80] + '…', 'has a name longer than 255 bytes')
        return parts

    def _claim(self, name: str, path: str, *, is_folder: bool) -> None:
        key = folded(path)
        taken = self._seen.get(key)
        if taken is None:
            self._seen[key] = (path, is_folder)
        elif taken == (path, False) and not is_folder:
            raise self.refuse(name, 'is there twice')
        elif taken != (path, True) or not is_folder:
            raise self.refuse(name, f'collides with {taken[0]!r}')

    def count(self, member: str, size: int, so_far: int) -> None:
        """Take `size` more bytes of a member into account, of which `so_far` came before."""
        self.written += size
        if so_far + size > self.limits.file_bytes:
            raise self.refuse(member, f'is larger than {self.limits.file_bytes} bytes')
        if self.written > self.limits.total_bytes:
            raise self.refuse(member, f'makes the whole larger than {self.limits.total_bytes} bytes')
        if self.written > self.limits.ratio_from and self.written > self.limits.ratio * self._size:
            raise self.refuse(member, f'makes the whole more than {self.limits.ratio:g} times the size of the archive')
