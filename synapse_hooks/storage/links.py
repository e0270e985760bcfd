"""Putting a file in a second place without writing its bytes again, where the disk allows it."""

# A Path for each of a million files costs more than the link itself.
# ruff: noqa: PTH100, PTH108, PTH112, PTH116, PTH120, PTH211
from __future__ import annotations

import errno
import os
import stat
import sys
from typing import Literal

from synapse_hooks.errors import StorageError
from synapse_hooks.storage.disk import disk_errors
from synapse_hooks.storage.safe_open import open_regular

LinkMode = Literal['hardlink', 'symlink', 'copy']
"""How a file is put in a second place. Only `copy` may be edited there without changing the first place too."""
Linked = Literal['hardlink', 'symlink', 'reflink', 'copy']
"""How it was done: a hard link across disks becomes a reflink (bytes shared until one is changed) or a copy."""

_FICLONE = 0x40049409
_SMALL = 1 << 16
"""Bytes up to which a file is copied in two calls: that a reflink is tried takes longer."""
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
        return copy_file(source, target)


def copy_file(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> Linked:
    """Put the content of a regular file at `target` too, which must not exist, with its times: as a reflink or a copy.

    What is written into one of them does not reach the other.

    Args:
        source: A file, or a link to one: the link is followed.
        target: The new name, in a folder that is there.

    Returns:
        What was done.

    Raises:
        OSError: From the operating system; `UnsafeFile` where `source` is not a regular file.
    """
    reader = open_regular(source)
    try:
        found = os.fstat(reader)
        writer = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            shared = found.st_size > _SMALL and _reflink(reader, writer)
            if not shared:
                _copy_rest(reader, writer, found.st_size)
            os.utime(writer, ns=(found.st_atime_ns, found.st_mtime_ns))
        except BaseException:
            os.unlink(target)
            raise
        finally:
            os.close(writer)
    finally:
        os.close(reader)
    return 'reflink' if shared else 'copy'


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


def _copy_rest(reader: int, writer: int, size: int) -> None:
    """Copy the rest of a file. Of a small one `size + 1` bytes are requested: `size` bytes then are all of it."""
    wanted = min(size + 1, 1 << 20)
    while data := os.read(reader, wanted):
        view = memoryview(data)
        while view:
            view = view[os.write(writer, view) :]
        if len(data) == size < wanted:
            return


def _reflink(source: int, target: int) -> bool:
    if not sys.platform.startswith('linux'):
        return False
    from fcntl import ioctl

    try:
        ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True
