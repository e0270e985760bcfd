"""What an ETag of S3 says of the content: its MD5, or that of the MD5s of its parts.

A hash with a dash and a number, such as `9b2cf5-3`, is that of an object that was uploaded in so many parts. Of objects
that are encrypted with keys of KMS or of the client an ETag says nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from synapse_hooks.storage import open_regular

MIB: Final = 1 << 20
_ETAG: Final = re.compile(r'([0-9a-f]{32})(?:-(\d{1,5}))?')
_USUAL: Final = (5, 8, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 250, 256, 500, 512, 1024)
"""Sizes of parts that tools use, in MiB."""


def parts_of(etag: str) -> int | None:
    """In how many parts an object was uploaded, as its ETag says: 0 for none, None for an ETag that is not a hash.

    Example:
        >>> md5 = 'd41d8cd98f00b204e9800998ecf8427e'
        >>> parts_of(f'"{md5}"'), parts_of(f'{md5}-3'), parts_of('v1')
        (0, 3, None)
    """
    found = _ETAG.fullmatch(etag.strip('"'))
    return None if found is None else int(found[2] or 0)


def etag_of(file: Path, part: int | None = None) -> str:
    """The ETag of a file's content.

    Args:
        file: Which.
        part: Bytes of a part; None where it was uploaded as a whole.
    """
    with open(open_regular(file), 'rb') as opened:
        if part is None:
            return hashlib.file_digest(opened, _md5).hexdigest()
        digests = []
        while data := opened.read(part):
            digests.append(_md5(data).digest())
    return f'{_md5(b"".join(digests)).hexdigest()}-{len(digests)}'


def part_sizes(size: int, parts: int) -> Iterator[int]:
    """The bytes that the parts of an object may have, the likeliest first.

    Args:
        size: Bytes of the object.
        parts: How many parts it has.
    """
    usual = (number * unit for unit in (MIB, 1_000_000) for number in _USUAL)
    least = -(-size // parts)
    yield from dict.fromkeys(part for part in (*usual, least, -(-least // MIB) * MIB) if -(-size // part) == parts)


def _md5(data: bytes = b'') -> hashlib._Hash:
    return hashlib.md5(data, usedforsecurity=False)
