"""Checkpoints that are pickles, checked before anything loads them.

Loading a pickle runs it. So what it would import and call is compared with a list of what real checkpoints need
(`pickle_allowlist`), without running it (`pickle_opcodes`), and anything else is refused by name.
"""

from __future__ import annotations

import io
import os
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Final

from synapse_hooks.errors import PickleRefused
from synapse_hooks.storage.pickle_machine import Machine, Unsafe
from synapse_hooks.storage.pickle_opcodes import run_pickle
from synapse_hooks.storage.safe_open import open_regular
from synapse_hooks.storage.tree import walk_files

ANYTHING: Final = 'all'
"""Among the names that are allowed: check nothing."""
SUFFIXES: Final = frozenset(('.pt', '.pth', '.pkl', '.pickle', '.bin', '.ckpt', '.joblib', '.th', '.sav', '.p'))
"""Suffixes of files that are checked as pickles, whatever their first bytes are."""

_ZIP: Final = b'PK\x03\x04'
_ZIP_END: Final = struct.Struct('<4s4H2LH')
# What torch wrote before it wrote zips: five pickles, of which this number is the first, then bare numbers.
_TORCH: Final = b'\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.'
_TORCH_PICKLES: Final = 5
_COMPRESSED: Final = (
    b'\x1f\x8b',
    b'BZh',
    b'\xfd7zXZ\x00',
    b'\x78\x01',
    b'\x78\x5e',
    b'\x78\x9c',
    b'\x78\xda',
    b'\x04"M',
)
_HEAD: Final = 512
_FREE: Final = 64 << 20
_RATIO: Final = 200
_BUFFER: Final = 1 << 20
_SHOWN: Final = 8
_NAME: Final = re.compile(r'[A-Za-z_][\w.]*', re.ASCII)


def check_pickles(place: Path, allowed: Collection[str] = ()) -> list[Path]:
    """Check every pickle of a checkpoint, without loading it.

    A file is one by its name (`SUFFIXES`) or its first bytes, and a zip, as torch writes it, by the pickles in it.

    Args:
        place: A file, or a folder with everything below it.
        allowed: Dotted names that may be imported and called besides those of the list; `all` allows everything.

    Returns:
        The files that were checked.

    Raises:
        PickleRefused: A file imports or calls something else, or cannot be checked. It names `path` and `names`.

    Example:
        >>> import os, pickle
        >>> class Bad:
        ...     def __reduce__(self):
        ...         return os.system, ('true',)
        >>> file = getfixture('tmp_path') / 'best.pt'
        >>> _ = file.write_bytes(pickle.dumps(Bad()))
        >>> try:
        ...     check_pickles(file)
        ... except PickleRefused as error:
        ...     error.names
        ['posix.system']
    """
    if ANYTHING in allowed:
        return []
    names = frozenset(allowed)
    files = [place] if not place.is_dir() else [Path(entry.path) for entry in walk_files(place)]
    return [file for file in files if _checked(file, names)]


def _checked(file: Path, allowed: frozenset[str]) -> bool:
    with open(open_regular(file), 'rb', buffering=_BUFFER) as stream:
        head = stream.read(_HEAD)
        stream.seek(0)
        try:
            refused = _refused(stream, head, file.suffix.lower(), allowed)
        except Unsafe as error:
            raise _cannot(file, str(error), error) from error
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise _cannot(file, f'it is damaged: {error}', error) from error
    if refused is None:
        return False
    if refused:
        raise _unlisted(file, refused)
    return True


def _refused(stream: IO[bytes], head: bytes, suffix: str, allowed: frozenset[str]) -> dict[str, str] | None:
    """What a file is refused for, by name; None where it is not a pickle."""
    if head.startswith(_ZIP):
        found: dict[str, str] = {}
        members = _members(stream)
        for member in members:
            found |= _scanned(member, allowed)
        return found
    if suffix not in SUFFIXES and not (head[:1] == b'\x80' and head[1:2] <= b'\x05'):
        return None
    if head.startswith(_COMPRESSED):
        raise Unsafe('it is compressed')
    if _is_tar(head):
        raise Unsafe('it is a tar, as torch wrote them before 2016')
    return _scanned(stream, allowed, _TORCH_PICKLES if _TORCH in head[:32] else None)


def _scanned(stream: IO[bytes], allowed: frozenset[str], most: int | None = None) -> dict[str, str]:
    machine = Machine(stream, allowed)
    count = 0
    while count != most and run_pickle(machine):
        count += 1
    return machine.refused


def _members(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """The pickles in a zip, which every reader of zips must see in the same way."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _ZIP_END.size))
    end = stream.read()
    if len(end) < _ZIP_END.size or not end.startswith(b'PK\x05\x06'):
        raise Unsafe('something follows the zip in it')
    _, _, _, _, entries, _, offset, comment = _ZIP_END.unpack(end)
    with zipfile.ZipFile(stream) as archive:
        infos = archive.infolist()
        folded = {info.orig_filename.lower() for info in infos}
        if (
            comment
            or len(folded) != len(infos)
            or min((info.header_offset for info in infos), default=0) != 0
            or entries not in (0xFFFF, len(infos))
            or offset not in (0xFFFFFFFF, archive.start_dir)
        ):
            raise Unsafe('it is a zip that can be read in more than one way')
        for info in infos:
            if not info.orig_filename.lower().rstrip('\0').endswith(('.pkl', '.pickle')):
                continue
            if info.orig_filename != info.filename or info.flag_bits & 1:
                raise Unsafe('it is a zip with an odd or encrypted member')
            if info.file_size > max(_FREE, _RATIO * info.compress_size):
                raise Unsafe('it is compressed absurdly well')
            with archive.open(info) as member:
                yield io.BufferedReader(member, _BUFFER)  # type: ignore[type-var]


def _is_tar(head: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(head, 'utf-8', 'surrogateescape')
    except tarfile.HeaderError:
        return False
    return True


def _cannot(file: Path, why: str, cause: BaseException) -> PickleRefused:
    return PickleRefused(
        f'{file} cannot be checked before it is loaded: {why}',
        hint='save it again with torch.save or as safetensors; or, if you trust its author, allow everything: '
        f'`--allow-pickle {ANYTHING}`',
        path=str(file),
        names=[],
    )


def _unlisted(file: Path, refused: dict[str, str]) -> PickleRefused:
    reasons = [f'{name} {why}' for name, why in refused.items()]
    rest = f'; and {len(reasons) - _SHOWN} more' if len(reasons) > _SHOWN else ''
    # Text of the file must not become a line that a reader pastes into a shell.
    is_plain = len(reasons) <= _SHOWN and all(_NAME.fullmatch(name) for name in refused)
    flags = ' '.join(f'--allow-pickle {name}' for name in (refused if is_plain else [ANYTHING]))
    return PickleRefused(
        f'{file} is a pickle that would run code: {"; ".join(reasons[:_SHOWN])}{rest}',
        hint=f'use a checkpoint in safetensors; or, if you trust its author: `{flags}`',
        path=str(file),
        names=list(refused),
    )
