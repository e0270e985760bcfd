"""Changes of images: cut off, of another kind than their name says, with headers that promise what is not there."""

from __future__ import annotations

import struct
import zlib
from random import Random

from synapse_hooks.testing.mutation.text import change_bytes
from synapse_hooks.testing.samples import bmp, png

_SIZES = (
    (0, 0),
    (1, 0),
    (1, 1),
    (2**31 - 1, 1),
    (1, 2**31 - 1),
    (2**16, 2**16),
    (2**31 - 1, 2**31 - 1),
    (2**32 - 1, 2**32 - 1),
    (7, 5),
)
_GIF = b'GIF89a' + struct.pack('<HHBBB', 9, 7, 0, 0, 0) + b';'
_OTHERS = (
    bmp(9, 7), png(9, 7), _GIF, b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="7"/>', b'%PDF-1.4',
    b'\xff\xd8', b'\xff\xd8\xff\xd9', b'\xff\xd8\xff', b'\xff\xd8\xff\xe1\xff\xff' + bytes(9),
    b'\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03' + bytes(9), b'II*\0\x08\0\0\0', b'II*\0\xff\xff\xff\xff',
    b'MM\0*\0\0\0\x08\xff\xff' + bytes(40), b'RIFF\0\0\0\0WEBPVP8 ' + bytes(18),
    b'RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x08' + b'\xff' * 20, b'RIFF\0\0\0\0WEBPVP8L\x0a\0\0\0\x2f\xff\xff\xff\xff',
    b'BM' + bytes(30), b'BM' + bytes(12) + b'\x28\0\0\0' + b'\xff' * 20,
    b'II*\0\x08\0\0\0\xff\xff' + b'\x01\x12' * 100,
)  # fmt: skip


def change_picture(content: bytes, random: Random) -> tuple[bytes, str]:
    """A change of an image."""
    match random.randrange(4):
        case 0:
            return change_bytes(content, random)
        case 1:
            new = random.choice(_OTHERS)
            return new, f'is {new[:16]!r}...'
        case 2:
            width, height = random.choice(_SIZES)
            return png_header(width, height, content), f'is a PNG of {width} x {height}'
        case _:
            orientation = random.choice((6, 1, 0, 9, 65_535))
            exif = b'II*\0\x08\0\0\0\x01\0' + struct.pack('<HHIHH', 0x112, 3, 1, orientation, 0) + bytes(4)
            turned = content[:33] + _chunk(b'eXIf', exif) + content[33:]
            return turned, f'has the EXIF orientation {orientation}'


def png_header(width: int, height: int, content: bytes) -> bytes:
    """A PNG whose header has this size, with any content."""
    header = _chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0))
    return b'\x89PNG\r\n\x1a\n' + header + content[33:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
