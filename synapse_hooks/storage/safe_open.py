"""Opening files whose names come from a dataset: regular files only, of bounded size, inside of the dataset.

A dataset is untrusted: a read of a pipe in place of an image would wait without end, a device would be read for
ever, and a link could show a file of the reader's own.
"""

# A Path for each of a million files costs more than opening it.
# ruff: noqa: PTH118
from __future__ import annotations

import errno
import os
import stat

StrPath = str | os.PathLike[str]

TEXT_LIMIT = 64 << 20
"""Bytes that a document about one item, a list of names or a configuration may have."""
TABLE_LIMIT = 4 << 30
"""The largest size in bytes of a document about a whole dataset."""

OPENING = os.O_RDONLY | getattr(os, 'O_NONBLOCK', 0) | getattr(os, 'O_NOCTTY', 0) | getattr(os, 'O_CLOEXEC', 0)
"""Flags of `os.open` that open anything without waiting; what was opened must be checked."""
NO_LINK = getattr(os, 'O_NOFOLLOW', 0)
"""The additional flag with which a link is not followed: `ELOOP`."""
_CHUNK = 1 << 20


class UnsafeFile(OSError):
    """A file that must not be read. `strerror` is the reason, as part of a sentence; `filename` is the file."""

    hint = 'put a regular file there, or remove it'


def open_regular(file: StrPath, *, inside: StrPath | None = None, links: bool = True) -> int:
    """Open a regular file for reading; returns its descriptor, which the caller closes. It never waits for a pipe.

    Args:
        file: Which.
        inside: A folder: the file must really be in it, links resolved. None does not look.
        links: Whether a link is followed; one that is not raises an `OSError` with `errno.ELOOP`.

    Raises:
        UnsafeFile: It is a pipe, a socket, a device or a folder, or it is outside of `inside`.
        OSError: It cannot be opened.

    Example:
        >>> open_regular('/dev/null')
        Traceback (most recent call last):
            ...
        synapse_hooks.storage.safe_open.UnsafeFile: [Errno 22] it is a device, not a regular file: '/dev/null'
    """
    if inside is not None and not is_inside(file, inside):
        raise UnsafeFile(errno.EACCES, f'it leads out of {os.fspath(inside)}', os.fspath(file))
    try:
        handle = os.open(file, OPENING if links else OPENING | NO_LINK)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise UnsafeFile(errno.EINVAL, 'it is a pipe or a socket, not a regular file', os.fspath(file)) from error
        raise
    except ValueError as error:
        raise UnsafeFile(errno.EINVAL, f'it cannot be the name of a file: {error}', os.fspath(file)) from error
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise UnsafeFile(errno.EINVAL, f'it is a {_kind(mode)}, not a regular file', os.fspath(file))
    return handle


def read_file(file: StrPath, *, limit: int = TEXT_LIMIT, inside: StrPath | None = None, links: bool = True) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Args:
        file: Which.
        limit: Bytes.
        inside: As in `open_regular`.
        links: As in `open_regular`.

    Raises:
        UnsafeFile: It is not a regular file, is outside of `inside`, or is larger than `limit`.
        OSError: It cannot be read.
    """
    handle = open_regular(file, inside=inside, links=links)
    try:
        # One byte more than it has: then one call reads it all, and shows that this is the end.
        wanted = os.fstat(handle).st_size + 1
        if wanted > limit + 1:
            # Its size would be allocated.
            raise _too_large(file, limit)
        data = os.read(handle, wanted)
        if len(data) == wanted <= limit or len(data) < wanted - 1:
            # It grows, or is in /proc and has no size, or is larger than one call reads.
            data += _rest(handle, limit + 1 - len(data))
    finally:
        os.close(handle)
    if len(data) > limit:
        raise _too_large(file, limit)
    return data


def _too_large(file: StrPath, limit: int) -> UnsafeFile:
    return UnsafeFile(errno.EFBIG, f'it has more than {limit:,} bytes', os.fspath(file))


def _rest(handle: int, limit: int) -> bytes:
    chunks = []
    while limit > 0 and (chunk := os.read(handle, min(limit, _CHUNK))):
        chunks.append(chunk)
        limit -= len(chunk)
    return b''.join(chunks)


def read_head(file: StrPath, size: int = 1 << 16) -> bytes:
    """The first bytes of a file, to detect its kind; none where it is not a regular file, or a broken link.

    Args:
        file: Which.
        size: How many bytes at most.

    Raises:
        OSError: It cannot be read.
    """
    try:
        handle = open_regular(file)
    except (UnsafeFile, FileNotFoundError):
        return b''
    except OSError as error:
        if error.errno == errno.ELOOP:
            return b''
        raise
    try:
        return os.read(handle, size)
    finally:
        os.close(handle)


def is_inside(file: StrPath, folder: StrPath) -> bool:
    """Whether a file is really below a folder, with every link resolved. Nothing needs to be there.

    Args:
        file: The file; relative paths are those of the working directory.
        folder: The folder.

    Example:
        >>> is_inside('/tmp/set/../etc', '/tmp/set'), is_inside('/tmp/set/a.jpg', '/tmp/set')
        (False, True)
    """
    root = os.path.join(os.path.realpath(folder), '')
    try:
        return os.path.realpath(file).startswith(root)
    except ValueError:
        # What has NUL in it cannot be the name of a file.
        return False


def _kind(mode: int) -> str:
    for is_kind, name in ((stat.S_ISDIR, 'folder'), (stat.S_ISFIFO, 'pipe'), (stat.S_ISSOCK, 'socket')):
        if is_kind(mode):
            return name
    return 'device'
