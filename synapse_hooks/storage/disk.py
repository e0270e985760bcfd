"""Errors of the operating system about a disk, as errors of this package, with hints."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from synapse_hooks.errors import DiskFull, StorageError
from synapse_hooks.storage.ownership import is_temporary

_FULL = {
    errno.ENOSPC: 'no space is left on the device',
    errno.EDQUOT: 'the disk quota is used up',
    errno.EFBIG: 'the file is larger than the limit for files here',
}
_WAY_OUT = {
    errno.ENOSPC: 'free some space, or use a folder on another disk, then run the same command again',
    errno.EDQUOT: 'free some space, or request a larger quota, then run the same command again',
    errno.EFBIG: 'raise the limit (`ulimit -f`), or use another file system, then run the same command again',
}
_DENIED = {
    errno.EACCES: 'change its owner or permissions, or use another folder',
    errno.EPERM: 'change its owner or permissions, or use another folder',
    errno.EROFS: 'use another folder',
    errno.ENAMETOOLONG: 'choose a shorter name',
}
_NO_FOLDER = {errno.ENOTDIR, errno.EEXIST, errno.ENOENT}


def disk_full(error: OSError, path: str | os.PathLike[str]) -> DiskFull | None:
    """The `DiskFull` for `error`, or None where it is another error.

    Args:
        error: The error of the operating system. The file that it names takes precedence over `path`.
        path: What was being written.
    """
    if error.errno not in _FULL:
        return None
    culprit = os.fsdecode(error.filename or path)
    return DiskFull(
        f'cannot write {culprit}: {_FULL[error.errno]}; nothing half-written was kept',
        hint=_WAY_OUT[error.errno],
        path=culprit,
    )


@contextmanager
def disk_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn errors about a full or protected disk into errors with a hint.

    Args:
        path: What is being written, for errors that name no file.

    Raises:
        DiskFull: For ENOSPC, EDQUOT and EFBIG.
        StorageError: For a missing permission, a read-only disk, or too long a name. Every other error passes as it is.

    Example:
        >>> with disk_errors('model.pt'):
        ...     raise OSError(28, 'No space left on device')
        Traceback (most recent call last):
        synapse_hooks.errors.DiskFull: cannot write model.pt: no space is left on the device; ...
    """
    try:
        yield
    except OSError as error:
        if full := disk_full(error, path):
            raise full from error
        if error.errno in _DENIED:
            culprit = _culprit(error, path)
            raise StorageError(
                f'cannot use {culprit}: {os.strerror(error.errno).lower()}',
                hint=_DENIED[error.errno],
                path=culprit,
            ) from error
        raise


def free_bytes(folder: Path) -> int:
    """What this process can still write below a folder, which need not be there yet; 0 where that is unknown."""
    found = _disk_of(folder)
    if found is None:
        return 0
    # Some of it may be reserved for the superuser.
    return found.f_frsize * (found.f_bfree if os.geteuid() == 0 else found.f_bavail)


def disk_bytes(folder: Path) -> int:
    """The size of the disk that a folder is on, which need not be there yet; 0 where that is unknown."""
    found = _disk_of(folder)
    return 0 if found is None else found.f_frsize * found.f_blocks


def _disk_of(folder: Path) -> os.statvfs_result | None:
    place = next((parent for parent in (folder, *folder.parents) if parent.exists()), folder)
    try:
        return os.statvfs(place)
    except OSError:
        return None


def need_space(folder: Path, needed: int, what: str) -> None:
    """Refuse at once what is certain not to fit, rather than when the disk is full.

    Args:
        folder: Where it is to be written.
        needed: The least number of bytes that it takes.
        what: What it is, for the message.

    Raises:
        DiskFull: There is less space; it has `needed` and `free`, in bytes.
    """
    free = free_bytes(folder)
    if 0 < free < needed:
        raise DiskFull(
            f'cannot write {folder}: {what} needs {needed / 1e9:,.3f} GB, and {free / 1e9:,.3f} GB are free; '
            'nothing of it was written',
            hint=_WAY_OUT[errno.ENOSPC],
            path=str(folder),
            needed=needed,
            free=free,
        )


def need_folder(folder: Path) -> None:
    """Make a folder and those above it, where they are missing.

    Raises:
        StorageError: A file has the name of a folder, or folders cannot be made there.
        DiskFull: No space.
    """
    with making_folder(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def making_folder(folder: Path) -> Iterator[None]:
    """While the block runs, an error of the operating system when a folder is made becomes one with a hint.

    Raises:
        StorageError: A file has the name of a folder, or folders cannot be made there.
        DiskFull: No space.
    """
    try:
        with disk_errors(folder):
            yield
    except OSError as error:
        if error.errno not in _NO_FOLDER:
            raise
        raise StorageError(
            f'cannot make the folder {folder}: {os.strerror(error.errno).lower()} ({_culprit(error, folder)})',
            hint='use another folder',
            path=str(folder),
        ) from error


@contextmanager
def filling_folder(folder: Path) -> Iterator[None]:
    """While the block runs, a new or empty folder is filled; errors of the operating system become ones with a hint.

    Raises:
        StorageError: Something that the block makes is there already, or as `need_folder` and `disk_errors`.
        DiskFull: No space.
    """
    need_folder(folder)
    try:
        with disk_errors(folder):
            yield
    except FileExistsError as error:
        raise StorageError(
            f'the folder {folder} must be empty: it has {_culprit(error, folder)} already',
            hint='use a new folder, such as one below `context.output_dir`, which every attempt gets empty',
            path=str(folder),
        ) from error


def _culprit(error: OSError, path: str | os.PathLike[str]) -> str:
    """The file or folder that an error names, else `path`; of a temporary file its folder, which the user knows."""
    culprit = Path(os.fsdecode(error.filename or path))
    return str(culprit.parent if is_temporary(culprit.name) else culprit)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` last, as far as the file system allows it; never an error."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
