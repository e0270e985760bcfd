"""Masks as labelme keeps them: a PNG of one channel in base64, where everything but 0 belongs to the object.

Rules: W3C, "Portable Network Graphics", sections 7 to 11. One channel means greyscale or a palette, 1 to 8 bits deep.
"""

from __future__ import annotations

import base64
import struct
import zlib

_SIGNATURE = b'\x89PNG\r\n\x1a\n'
_LARGEST = 1 << 25
"""Bytes of the pixels: a few kilobytes of text unpack to as many."""


def decode(text: str) -> tuple[int, int, bytes]:
    """Width, height, and a byte for each pixel, row by row.

    Raises:
        ValueError: It is not such an image.

    Example:
        >>> decode(encode(3, 2, bytes([0, 1, 1, 1, 0, 0])))
        (3, 2, b'\\x00\\x01\\x01\\x01\\x00\\x00')
    """
    file = base64.b64decode(text, validate=True)
    if file[:8] != _SIGNATURE or len(file) < 33:
        raise ValueError('its mask is not a PNG')
    width, height, depth, colour, _, _, interlaced = struct.unpack_from('>IIBBBBB', file, 16)
    if colour not in (0, 3) or depth > 8 or interlaced:
        raise ValueError('its mask is a PNG with more than one channel, 16 bits, or interlaced')
    stride = (width * depth + 7) // 8
    if not 0 < (stride + 1) * height < _LARGEST:
        raise ValueError(f'its mask is {width} x {height}')
    packed, at = b'', 8
    while at + 8 <= len(file):
        length, kind = struct.unpack_from('>I4s', file, at)
        packed += file[at + 8 : at + 8 + length] if kind == b'IDAT' else b''
        at += length + 12
    try:
        data = zlib.decompressobj().decompress(packed, (stride + 1) * height)
    except zlib.error as error:
        raise ValueError(f'its mask is damaged: {error}') from error
    if len(data) < (stride + 1) * height:
        raise ValueError('its mask ends too early')
    above, rows = bytearray(stride), []
    for start in range(0, len(data), stride + 1):
        above = _unfiltered(data[start], data[start + 1 : start + 1 + stride], above)
        rows.append(bytes(above) if depth == 8 else _spread(above, width, depth))
    return width, height, b''.join(rows)


def encode(width: int, height: int, pixels: bytes) -> str:
    """The other way: greyscale, 8 bits."""
    rows = b''.join(b'\0' + pixels[at : at + width] for at in range(0, width * height, width))
    chunks = (
        (b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)),
        (b'IDAT', zlib.compress(rows)),
        (b'IEND', b''),
    )
    parts = (
        struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data)) for kind, data in chunks
    )
    return base64.b64encode(_SIGNATURE + b''.join(parts)).decode()


def _unfiltered(how: int, line: bytes, above: bytearray) -> bytearray:
    """A row without its filter. The neighbour on the left is one byte away: pixels are not wider."""
    row, left, corner = bytearray(line), 0, 0
    if how > 4:
        raise ValueError(f'its mask is damaged: there is no filter {how}')
    if not (any(above) or any(row)):
        return row
    for place, up in enumerate(above) if how else ():
        guess = (0, left, up, (left + up) // 2, _paeth(left, up, corner))[how]
        left = row[place] = row[place] + guess & 255
        corner = up
    return row


def _paeth(left: int, up: int, corner: int) -> int:
    near = left + up - corner
    return min((left, up, corner), key=lambda value: abs(near - value))


def _spread(row: bytearray, width: int, depth: int) -> bytes:
    top = (1 << depth) - 1
    return bytes(byte >> shift & top for byte in row for shift in range(8 - depth, -1, -depth))[:width]
