"""Archives: unpacking untrusted ones, and packing reproducibly."""

from __future__ import annotations

import gzip
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

from synapse_hooks.errors import ArchiveRefused
from synapse_hooks.storage.archive_kinds import archive_kind
from synapse_hooks.storage.disk import disk_errors, need_space
from synapse_hooks.storage.members import Guard, Limits
from synapse_hooks.storage.ownership import temporary_path
from synapse_hooks.storage.publishing import staging
from synapse_hooks.storage.tree import walk_files

_CHUNK = 1 << 20
# The largest read for a tar's own headers: one that claims gigabytes must not allocate them.
_HEADER = 8 << 20
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_DAMAGE = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError)


def unpack(archive: Path, out: Path, *, limits: Limits | None = None) -> Path:
    """Unpack a zip or a tar (plain or gzip), which is not trusted, as the folder `out`.

    Only regular files and folders are unpacked; anything else refuses the whole archive: links, devices, names that are
    absolute or lead outside, names that collide on a disk that ignores case, more than the limits allow, a wrong
    checksum. `out` appears complete, by one rename, or not at all. Modes, owners and times of the archive are ignored.

    Args:
        archive: The file.
        out: Absent, or an empty folder.
        limits: How much is too much.

    Raises:
        ArchiveRefused: With `path`, `member` and `rule`.
        StorageError: `out` is taken.
        DiskFull: No space.
    """
    archive = Path(archive)
    guard = Guard(archive, limits or Limits())
    kind = archive_kind(archive)
    if kind is None:
        raise guard.refuse('', 'it is neither a zip nor a tar archive')
    with staging(out) as folder:
        try:
            for member in _zip_members(guard) if kind == 'zip' else _tar_members(guard):
                _write(guard, folder, *member)
        except ArchiveRefused:
            raise
        except _DAMAGE as error:
            raise guard.refuse('', f'it is damaged: {error}', error) from error
        except RecursionError as error:
            raise guard.refuse('', 'its headers are nested too deep', error) from error
        except OSError as error:
            # The decoders raise an OSError without a number for damaged bytes; the system's own always has one.
            if error.errno is not None:
                raise
            raise guard.refuse('', f'it is damaged: {error}', error) from error
    return Path(out)


def pack(folder: Path, archive: Path, *, compress: bool = False) -> Path:
    """Pack the files of a folder as a zip: sorted, with fixed times and modes, so that equal folders give equal bytes.

    Args:
        folder: What is packed. Links are followed; empty folders are left out.
        archive: The file, which appears complete or not at all; an old one is replaced.
        compress: Deflate. Weights hardly shrink, and deflated bytes differ between versions of zlib: stored is the
            default.

    Raises:
        StorageError, DiskFull: The archive cannot be written.
    """
    archive = Path(archive)
    with disk_errors(archive):
        archive.parent.mkdir(parents=True, exist_ok=True)
        if not compress:
            need_space(archive.parent, sum(entry.size for entry in walk_files(folder)), archive.name)
        unfinished = temporary_path(archive)
        try:
            with zipfile.ZipFile(unfinished, 'x') as file:
                for entry in walk_files(folder):
                    info = zipfile.ZipInfo(entry.name, _EARLIEST)
                    info.external_attr = (stat.S_IFREG | 0o644) << 16
                    info.create_system = 3
                    info.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
                    info.file_size = entry.size
                    with open(entry.path, 'rb') as source, file.open(info, 'w') as target:
                        while chunk := source.read(_CHUNK):
                            target.write(chunk)
            unfinished.replace(archive)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
    return archive


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes."""


_Member = tuple[str, str, int, Callable[[], Any] | None]


def _write(guard: Guard, folder: Path, name: str, place: str, size: int, opened: Callable[[], Any] | None) -> None:
    path = folder / place
    if opened is None:
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    so_far = 0
    with opened() as source, path.open('xb') as target:
        while chunk := source.read(_CHUNK):
            guard.count(name, len(chunk), so_far)
            so_far += len(chunk)
            target.write(chunk)
    if so_far != size:
        raise guard.refuse(name, f'is cut off: {so_far} of {size} bytes')


def _zip_members(guard: Guard) -> Iterator[_Member]:
    with zipfile.ZipFile(guard.archive) as file:
        for info in file.infolist():
            # `filename` is cut at a NUL; `orig_filename` is the name in the archive.
            name = info.orig_filename
            place = guard.place(name, is_folder=info.is_dir())
            form = stat.S_IFMT(info.external_attr >> 16)
            if form not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise guard.refuse(name, 'is a link or a device')
            if info.flag_bits & 1:
                raise guard.refuse(name, 'is encrypted')
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                # The other decoders of the standard library give out any amount of bytes at once.
                raise guard.refuse(name, f'is compressed by method {info.compress_type}, which is not deflate')
            if info.is_dir():
                yield name, place, 0, None
            else:
                yield name, place, info.file_size, lambda info=info: file.open(info)  # type: ignore[misc]


def _tar_members(guard: Guard) -> Iterator[_Member]:
    with _decompressed(guard.archive) as raw:
        bounded: Any = _Bounded(raw, guard)
        with tarfile.open(fileobj=bounded, mode='r:') as file:
            for info in file:
                if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE) or info.issparse():
                    raise guard.refuse(info.name, 'is a link, a device or a sparse file')
                place = guard.place(info.name, is_folder=info.isdir())
                if info.isdir():
                    yield info.name, place, 0, None
                else:
                    yield info.name, place, info.size, lambda info=info: file.extractfile(info)  # type: ignore[misc]
                # Otherwise every member is kept for a random access that is not needed.
                file.members = []  # type: ignore[attr-defined]


@contextmanager
def _decompressed(archive: Path) -> Iterator[IO[bytes]]:
    with archive.open('rb') as file:
        zipped = file.read(2) == b'\x1f\x8b'
        file.seek(0)
        if not zipped:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as inner:
            yield inner  # type: ignore[misc]


class _Bounded:
    """A tar's bytes, as its reader gets them: never more at once than a valid header needs."""

    def __init__(self, raw: IO[bytes], guard: Guard) -> None:
        self._raw = raw
        self._guard = guard

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER:
            raise self._guard.refuse('', 'it has a header of an absurd size')
        return self._raw.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()
