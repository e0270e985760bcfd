"""Putting a file in a second place without writing its bytes again, where the disk allows it."""

# A Path for each of a million files costs more than the link itself.
# ruff: noqa: PTH100, PTH103, PTH108, PTH112, PTH116, PTH118, PTH120, PTH211
from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from synapse_hooks.errors import StorageError
from synapse_hooks.storage.disk import disk_errors
from synapse_hooks.storage.door import open_regular
from synapse_hooks.storage.tree import FileEntry, walk_files

LinkMode = Literal['hardlink', 'symlink', 'copy']
"""How a file is put in a second place. Only `copy` may be edited there without changing the first place too."""
Linked = Literal['hardlink', 'symlink', 'reflink', 'copy']
"""How it was done: a hard link across disks becomes a reflink (bytes shared until one is changed) or a copy."""

_FICLONE = 0x40049409
_TRIES = 10
_NO_HARD_LINK = {errno.EXDEV, errno.EPERM, errno.EACCES, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}


def link_or_copy(
    source: str | os.PathLike[str], target: str | os.PathLike[str], *, mode: LinkMode = 'hardlink'
) -> Linked:
    """Put the regular file `source` at `target` too, which must not exist, in a folder that does.

    Args:
        source: A file, or a link to one: the link is followed.
        target: The new name.
        mode: `hardlink` falls back to a reflink and then to a copy.

    Returns:
        What was done.

    Raises:
        StorageError: `source` is not a regular file, or `target` may not be written.
        DiskFull: No space for the copy.
        FileExistsError, FileNotFoundError: From the operating system.
    """
    found = os.lstat(source)
    if stat.S_ISLNK(found.st_mode):
        # link(2) would link the link itself, and a relative link means something else elsewhere.
        source = os.path.realpath(source)
        found = os.stat(source)
    if not stat.S_ISREG(found.st_mode):
        raise StorageError(f'{os.fsdecode(source)} is not a regular file', hint='remove it', path=os.fsdecode(source))
    with disk_errors(target):
        if mode == 'symlink':
            os.symlink(os.path.abspath(source), target)
            return 'symlink'
        if mode == 'hardlink':
            try:
                _link(source, target)
            except OSError as error:
                if error.errno not in _NO_HARD_LINK:
                    raise
            else:
                return 'hardlink'
        return _copy(source, target, found)


def link_tree(
    source: Path,
    target: Path,
    *,
    mode: LinkMode = 'hardlink',
    copied: tuple[str, ...] = (),
    admit: Callable[[FileEntry], None] = lambda entry: None,
) -> int:
    """Put every file below `source` below the existing folder `target` too, under the same relative name.

    Args:
        source: A folder.
        target: A folder; what is made in it must not exist.
        mode: As in `link_or_copy`.
        copied: Endings, such as `'.json'`, of files that are copied all the same, so that they can be edited.
        admit: Told of each file before it is put there; it may raise.

    Returns:
        How many files there were.
    """
    base = os.fspath(target)
    made, count = {''}, 0
    for entry in walk_files(source):
        admit(entry)
        folder = entry.name.rpartition('/')[0]
        if folder not in made:
            with disk_errors(target):
                os.makedirs(os.path.join(base, folder), exist_ok=True)
            made.add(folder)
        own = bool(copied) and entry.name.lower().endswith(copied)
        link_or_copy(entry.path, os.path.join(base, entry.name), mode='copy' if own else mode)
        count += 1
    return count


def _link(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    for _ in range(_TRIES):
        try:
            os.link(source, target)
        except FileNotFoundError:
            # Between finding the source and linking it, another file may have taken its place by a rename.
            if not (os.path.lexists(source) and os.path.isdir(os.path.dirname(target) or '.')):
                raise
        else:
            return
    os.link(source, target)


def _copy(source: str | os.PathLike[str], target: str | os.PathLike[str], found: os.stat_result) -> Linked:
    with open(open_regular(source), 'rb') as reader, open(target, 'xb') as writer:
        try:
            shared = _reflink(reader.fileno(), writer.fileno())
            if not shared:
                shutil.copyfileobj(reader, writer, 1 << 20)
        except BaseException:
            os.unlink(target)
            raise
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
    return 'reflink' if shared else 'copy'


def _reflink(source: int, target: int) -> bool:
    if not sys.platform.startswith('linux'):
        return False
    from fcntl import ioctl

    try:
        ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True
