"""Whether an image file is whole, and what Pillow makes of its header, without decoding it and without Pillow.

A JPEG is whole when it ends with its end marker; what lies between cannot be checked without decoding. Of a PNG every
chunk has a checksum, and all of them are computed: that reads the whole file. Other formats are not checked.

Rules: JPEG (ITU T.81), PNG (W3C PNG 3), Exif 2.32.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from synapse_hooks.storage.safe_open import OPENING

CUT_OFF: Final = 'the JPEG has no end marker: the file is probably cut off'
BAD_CHUNK: Final = 'a chunk of the PNG fails its checksum: the file is damaged'
NO_END: Final = 'the PNG ends before its last chunk: the file is cut off'

_HEAD: Final = 4096
_LARGEST_HEAD: Final = 1 << 18
"""Bytes before the picture of a JPEG, at most; those of a camera hold a preview."""
_LARGEST_PNG: Final = 1 << 28
_MOST_PIXELS: Final = 89_478_485
"""Pillow warns of larger images, and refuses those that are twice as large."""
_TAIL: Final = b'\xff\xd9'
_SIZE: Final = struct.Struct('>HH')


class ImageCheck(NamedTuple):
    """What was seen of an image file."""

    width: int
    """As displayed, in pixels; 0 where it is not certain."""
    height: int
    """As displayed, in pixels; 0 where it is not certain."""
    size: int
    """Bytes of the file."""
    mtime_ns: int
    """When it was last changed, in nanoseconds."""
    fault: str = ''
    """What is damaged, as a sentence; empty where no damage was found."""
    certain: bool = True
    """Whether Pillow opens and verifies the file, and finds this size. False where that was not established."""


def examine(files: Iterable[str]) -> Iterator[ImageCheck | None]:
    """Look at image files; links are followed.

    Args:
        files: Their paths. The caller knows that they are the dataset's own.

    Yields:
        For each what was seen, when it is asked for; None where it cannot be opened.
    """
    layout = _NO_LAYOUT
    for file in files:
        try:
            handle = os.open(file, OPENING)
        except OSError:
            yield None
            continue
        try:
            state = os.fstat(handle)
            size, changed = state.st_size, state.st_mtime_ns
            head = os.read(handle, _HEAD)
            if head[:3] == b'\xff\xd8\xff':
                tail = os.pread(handle, 2, size - 2) if size > len(head) else head[-2:]
                for at, begin in layout:
                    if not head.startswith(begin, at):
                        layout = _layout_of(head)
                        break
                frame = layout[0][0]
                if frame:
                    height, width = _SIZE.unpack_from(head, frame + 5)
                else:
                    if len(head) == _HEAD:
                        head += os.pread(handle, _LARGEST_HEAD, _HEAD)
                    width, height = _jpeg_size(head)
                fault = '' if tail == _TAIL else CUT_OFF
            elif head[:8] == _PNG:
                if size > _LARGEST_PNG:
                    width, height, fault = 0, 0, ''
                else:
                    if size > len(head):
                        head += os.pread(handle, size, len(head))
                    width, height, fault = _png(head)
            else:
                width, height, fault = 0, 0, ''
        except OSError:
            yield None
            continue
        finally:
            os.close(handle)
        certain = bool(not fault and width and height and width * height <= _MOST_PIXELS)
        yield ImageCheck(width, height, size, changed, fault, certain)


# -- JPEG ------------------------------------------------------------------------------------------------------------

_NO_LAYOUT: Final = [(0, b'\0')]
"""No image begins like this."""
_FRAMES: Final = (0xC0, 0xC1, 0xC2)
_COMPONENTS: Final = (1, 3, 4)
_TABLES: Final = (0xC4, 0xDB, 0xDD, 0xFE)
_SCAN: Final = 0xDA


def _layout_of(head: bytes) -> list[tuple[int, bytes]]:
    """Where the segments of a JPEG without EXIF and XMP begin and with which bytes, that of the frame first;
    `_NO_LAYOUT` where it is another one. Images that one program wrote have the same.
    """
    fields = []
    frame = 0
    for marker, at, length in _segments(head):
        if marker == 0xE1:
            return _NO_LAYOUT
        # With the first byte inside, which is the depth of a frame or the kind of a table, but not of a comment.
        fields.append((at, head[at : at + (4 if marker == 0xFE else 5)]))
        if marker in _FRAMES:
            if frame or not _is_plain_frame(head, at, length):
                return _NO_LAYOUT
            frame = at
            # How many components there are.
            fields.append((at + 9, head[at + 9 : at + 14]))
        elif not _is_sound(head, marker, at, length):
            return _NO_LAYOUT
        if marker == _SCAN:
            break
    else:
        return _NO_LAYOUT
    if not frame:
        return _NO_LAYOUT
    first = next(one for one in fields if one[0] == frame)
    return [first, *(one for one in fields if one is not first)]


def _jpeg_size(head: bytes) -> tuple[int, int]:
    """Displayed width and height of any JPEG; zeros where Pillow might see it otherwise."""
    size, exif, turned = (0, 0), b'', False
    for marker, at, length in _segments(head):
        if marker in _FRAMES:
            if size != (0, 0) or not _is_plain_frame(head, at, length):
                return 0, 0
            height, width = _SIZE.unpack_from(head, at + 5)
            size = width, height
        elif marker == 0xE1:
            content = head[at + 4 : at + 2 + length]
            if content.startswith(b'Exif\0'):
                if exif or content[5:6] != b'\0':
                    return 0, 0
                exif = content
            else:
                turned = turned or b'Orientation' in content
        elif marker == _SCAN:
            orientation = _orientation(exif[6:]) if exif else None
            if orientation == 0 or (turned and orientation is None):
                return 0, 0
            return size[::-1] if orientation in (5, 6, 7, 8) else size
        elif not _is_sound(head, marker, at, length):
            return 0, 0
    return 0, 0


def _segments(head: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, place and length of each segment, as long as they are whole and of a kind that every reader knows."""
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        marker, length = head[at + 1], head[at + 2] << 8 | head[at + 3]
        known = marker in _FRAMES or marker in _TABLES or 0xE0 <= marker <= 0xEF or marker == _SCAN
        if not known or length < 2 or at + 2 + length > len(head):
            return
        yield marker, at, length
        at += 2 + length


def _is_plain_frame(head: bytes, at: int, length: int) -> bool:
    return length >= 8 and head[at + 4] == 8 and head[at + 9] in _COMPONENTS and length == 8 + 3 * head[at + 9]


def _is_sound(head: bytes, marker: int, at: int, length: int) -> bool:
    """Whether Pillow finds what it needs in a segment."""
    if marker == 0xDB:
        # One byte for the kind, and 64 numbers of one byte each.
        return (length - 2) % 65 == 0 and all(kind < 16 for kind in head[at + 4 : at + 2 + length : 65])
    if marker == 0xE0 and head[at + 4 : at + 8] == b'JFIF':
        return length >= 16
    if marker == 0xE2 and head[at + 4 : at + 16] == b'ICC_PROFILE\0':
        return length >= 16
    return marker != 0xEE or length >= 14 or head[at + 4 : at + 9] != b'Adobe'


# -- EXIF ------------------------------------------------------------------------------------------------------------

_ORDERS: Final = {b'II*\0': '<', b'MM\0*': '>'}
_BYTES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Of one value, by its kind."""


def _orientation(exif: bytes) -> int | None:
    """The orientation in a block of EXIF; None where it has none, 0 where Pillow might see it otherwise."""
    order = _ORDERS.get(exif[:4])
    if order is None or len(exif) < 10:
        return 0
    (at,) = struct.unpack_from(order + 'I', exif, 4)
    if at + 2 > len(exif):
        return 0
    (count,) = struct.unpack_from(order + 'H', exif, at)
    if at + 2 + 12 * count > len(exif):
        return 0
    orientation = None
    for place in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, values, value = struct.unpack_from(order + 'HHIH', exif, place)
        size = _BYTES.get(kind, 0) * values
        # Pillow stops at the first value that is not there.
        if not size or (size > 4 and struct.unpack_from(order + 'I', exif, place + 8)[0] + size > len(exif)):
            return 0
        if tag == 274:
            if orientation is not None or kind != 3 or values != 1 or not 1 <= value <= 8:
                return 0
            orientation = value
    return orientation


# -- PNG -------------------------------------------------------------------------------------------------------------

_PNG: Final = b'\x89PNG\r\n\x1a\n'
_HARMLESS: Final = frozenset((b'PLTE', b'tRNS', b'gAMA', b'cHRM', b'sRGB', b'iCCP', b'pHYs', b'bKGD', b'sBIT', b'tIME'))
_TEXTS: Final = frozenset((b'tEXt', b'zTXt', b'iTXt'))
_TURNING: Final = re.compile(b'exif|xmp', re.IGNORECASE)
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bits, by kind of colour."""


def _png(data: bytes) -> tuple[int, int, str]:
    """Displayed width and height, zeros where Pillow might see them otherwise, and what is damaged."""
    at, size, plain, orientation, pictures = 8, (0, 0), True, None, 0
    view = memoryview(data)
    while at + 8 <= len(data):
        (length,) = struct.unpack_from('>I', data, at)
        kind = data[at + 4 : at + 8]
        if kind == b'IEND':
            if not (plain and pictures):
                return 0, 0, ''
            turned = orientation in (5, 6, 7, 8)
            return (*(size[::-1] if turned else size), '')
        end = at + 12 + length
        if end > len(data):
            return 0, 0, NO_END
        if zlib.crc32(view[at + 4 : end - 4]) != struct.unpack_from('>I', data, end - 4)[0]:
            return 0, 0, BAD_CHUNK
        if at == 8:
            plain = (
                kind == b'IHDR' and length == 13 and data[24] in _DEPTHS.get(data[25], ()) and data[26:28] == b'\0\0'
            )
            size = struct.unpack_from('>II', data, 16) if plain else (0, 0)
        elif kind == b'IDAT':
            pictures += 1
        elif not kind.isalpha():
            plain = False
        elif not pictures:
            content = data[at + 8 : end - 4]
            if kind == b'eXIf':
                orientation = _orientation(content)
                plain = plain and orientation != 0
            elif kind in _TEXTS:
                plain = plain and not _TURNING.search(content.partition(b'\0')[0])
            else:
                plain = plain and kind in _HARMLESS
        at = end
    return 0, 0, NO_END
