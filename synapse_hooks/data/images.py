"""How large an image is, from the few bytes of its header. Nothing is decoded and no imaging library is needed.

Rules: JPEG (ITU T.81, Exif 2.32), PNG (W3C PNG 3), GIF89a, BMP, WebP container (RFC 9649), TIFF 6. An EXIF orientation
of 5 to 8 means that the image is displayed lying on its side, so width and height change places.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from synapse_hooks.errors import UnreadableItem, cannot_read
from synapse_hooks.storage.safe_open import NO_LINK, OPENING, open_regular, read_head

MEASURED = frozenset(('.jpg', '.jpeg', '.jpe', '.jfif', '.mpo', '.png', '.bmp', '.gif', '.webp', '.tif', '.tiff'))
"""Extensions, in lower case, of images whose header is understood here."""
SUFFIXES = MEASURED | {'.avif', '.heic', '.heif', '.jp2', '.dng'}
"""Extensions, in lower case, that say that a file is an image."""
_EXTENSIONS = frozenset(suffix[1:] for suffix in SUFFIXES)


MOST_PIXELS = 1 << 30
"""Of one image. A header of some bytes can declare any size, and a mask of that size is a few numbers, too."""
DEFAULT_SUFFIXES = {'jpeg': '.jpg', 'png': '.png', 'bmp': '.bmp', 'webp': '.webp', 'tiff': '.tif'}
"""The extension that trainers accept, by `ImageHeader.kind`; trainers do not accept GIF."""


def is_image_name(name: str) -> bool:
    """Whether a file is an image, by the extension of its name.

    Args:
        name: A name or a path; upper and lower case are equal.

    Example:
        >>> [is_image_name(name) for name in ('street/0001.JPG', 'jpg', 'street/.jpg', 'notes.txt')]
        [True, False, False, False]
    """
    # Called for every file of a dataset: splitext takes several times as long.
    stem, _, extension = name.rpartition('.')
    return extension.lower() in _EXTENSIONS and stem[-1:] not in ('', '/')


class ImageHeader(NamedTuple):
    """What the header of an image file says."""

    kind: str
    """`jpeg`, `png`, `gif`, `bmp`, `webp` or `tiff`, by the content of the file."""
    width: int
    """In pixels, as it is displayed (EXIF orientation applied)."""
    height: int
    """In pixels, as it is displayed."""
    orientation: int = 1
    """EXIF's: from 5 to 8 the stored pixels lie on their side."""


def read_header(path: Path) -> ImageHeader:
    """Kind and displayed size of an image file.

    Args:
        path: The file. Only its header is read.

    Raises:
        UnreadableItem: It is missing, empty, damaged, or no image of a known kind.
    """
    try:
        with open(open_regular(path), 'rb') as file:
            header = _read(file)
    except FileNotFoundError as error:
        raise UnreadableItem(f'{path} is missing', hint='restore the image', path=str(path)) from error
    except OSError as error:
        raise cannot_read(UnreadableItem, error, path) from error
    except (struct.error, ValueError, IndexError) as error:
        raise UnreadableItem(
            f'{path} is damaged: {error}', hint='replace the image by a whole one', path=str(path)
        ) from error
    if header is None:
        size = path.stat().st_size
        what = f'{path} is not a JPEG, PNG, GIF, BMP, WebP or TIFF image' if size else f'{path} is empty (0 bytes)'
        raise UnreadableItem(what, hint='replace the image by a whole one', path=str(path))
    if header.width <= 0 or header.height <= 0:
        raise UnreadableItem(f'{path} is damaged: its size is {header.width} x {header.height}', path=str(path))
    return header


def looks_like_image(file: str) -> bool:
    """Whether a file begins as images do: those that are measured, and AVIF, HEIC and JPEG 2000.

    Raises:
        OSError: It cannot be opened.
    """
    head = read_head(file, 32)
    boxed = head[4:8] == b'ftyp' and head[8:12] in _BRANDS
    plain = (head[:2] == b'BM' and head[6:10] == bytes(4)) or (head[:4] == b'RIFF' and head[8:12] == b'WEBP')
    return boxed or plain or head.startswith(_BEGINNINGS)


_BRANDS = frozenset((b'avif', b'avis', b'heic', b'heix', b'hevc', b'heim', b'heis', b'hevm', b'hevs', b'mif1', b'msf1'))
_BEGINNINGS = (
    *(b'\xff\xd8\xff', b'\x89PNG\r\n\x1a\n', b'GIF87a', b'GIF89a', b'II*\0', b'MM\0*', b'II+\0', b'MM\0+'),
    *(b'\0\0\0\x0cjP  \r\n\x87\n', b'\xff\x4f\xff\x51'),
)


def image_size(path: Path) -> tuple[int, int]:
    """Displayed width and height of an image file, in pixels.

    Args:
        path: The file. Only its header is read.

    Raises:
        UnreadableItem: As in `read_header`.
    """
    header = read_header(path)
    return header.width, header.height


Probed = tuple[int, int, int, int]
"""Displayed width and height of an image, the bytes of its file, and when that was changed (nanoseconds)."""


def probe(file: str) -> Probed:
    """Size and state of an image file.

    Args:
        file: Its path.

    Returns:
        Displayed width and height in pixels, bytes, and the time of its last change in nanoseconds.

    Raises:
        UnreadableItem: As in `read_header`.
    """
    size = image_size(Path(file))
    state = os.stat(file)  # noqa: PTH116
    return *size, state.st_size, state.st_mtime_ns


def probe_many(files: Iterable[str], *, links: bool = False) -> Iterator[Probed | None]:
    """Size and state of millions of images, most of which have their size in their first bytes.

    Args:
        files: Their paths.
        links: Whether a file that is a link is followed. The caller must then know where it leads.

    Yields:
        For each file, when it is asked for, what `probe` returns; None where that must look closer, and may find no
        image. It is not called here.
    """
    segments = _NO_SEGMENTS
    # A pipe is not waited for, and has no first bytes.
    flags = OPENING if links else OPENING | NO_LINK
    for file in files:
        try:
            handle = os.open(file, flags)
            try:
                head = os.read(handle, _HEAD)
                state = os.fstat(handle)
            finally:
                os.close(handle)
        except (OSError, ValueError):
            # What has NUL in it cannot be the name of a file.
            yield None
            continue
        if head[:2] == b'\xff\xd8':
            # Images that one program wrote have the same segments up to the one with the size.
            for at, begin in segments:
                if head[at : at + 4] != begin:
                    segments = _segments_of_jpeg(head)
                    break
            at = segments[-1][0]
            width, height = _SIZE.unpack_from(head, at + 5)[::-1] if at and at + 9 <= len(head) else (0, 0)
        else:
            width, height = _quick_png(head)
        yield (width, height, state.st_size, state.st_mtime_ns) if width and height else None


_HEAD = 2048
_NO_FRAME = frozenset((0xC4, 0xC8, 0xCC))
_PLAIN_SEGMENTS = frozenset((*range(0xC0, 0xD0), 0xDB, 0xDD, 0xE0, *range(0xE2, 0xF0), 0xFE))
_SIZE = struct.Struct('>HH')
_NO_SEGMENTS = [(0, b'')]
"""No image begins like this."""


def _segments_of_jpeg(head: bytes) -> list[tuple[int, bytes]]:
    """Where segments begin, and with which four bytes, up to the header of the frame; `_NO_SEGMENTS` where the first
    bytes of an image do not hold that, or it has EXIF.
    """
    segments = []
    at = 2
    while at + 9 <= len(head):
        marker = head[at + 1]
        if head[at] != 0xFF or marker not in _PLAIN_SEGMENTS:
            return _NO_SEGMENTS
        segments.append((at, head[at : at + 4]))
        if marker <= 0xCF and marker not in _NO_FRAME:
            return segments
        at += 2 + (head[at + 2] << 8 | head[at + 3])
    return _NO_SEGMENTS


def _quick_png(head: bytes) -> tuple[int, int]:
    """Width and height of a PNG without EXIF; zeros for every other file."""
    if head[:8] != b'\x89PNG\r\n\x1a\n':
        return 0, 0
    at = 33
    while at + 8 <= len(head):
        kind = head[at + 4 : at + 8]
        if kind == b'IDAT':
            width, height = struct.unpack_from('>II', head, 16)
            return width, height
        if kind in (b'eXIf', b'IEND'):
            return 0, 0
        at += struct.unpack_from('>I', head, at)[0] + 12
    return 0, 0


def _read(file: BinaryIO) -> ImageHeader | None:
    head = file.read(32)
    if head[:2] == b'\xff\xd8':
        return _turned('jpeg', *_jpeg(file))
    if head[:8] == b'\x89PNG\r\n\x1a\n':
        return _turned('png', *_png(file, head))
    if head[:6] in (b'GIF87a', b'GIF89a'):
        return ImageHeader('gif', *struct.unpack_from('<HH', head, 6))
    if head[:2] == b'BM' and head[6:10] == bytes(4):
        if struct.unpack_from('<I', head, 14)[0] == 12:
            return ImageHeader('bmp', *struct.unpack_from('<HH', head, 18))
        width, height = struct.unpack_from('<ii', head, 18)
        return ImageHeader('bmp', width, abs(height))
    if head[:4] == b'RIFF' and head[8:12] == b'WEBP':
        return _turned('webp', *_webp(file, head))
    if head[:4] in (b'II*\0', b'MM\0*'):
        return _turned('tiff', *_tiff(file, 0))
    return None


def _turned(kind: str, width: int, height: int, orientation: int) -> ImageHeader:
    size = (height, width) if 5 <= orientation <= 8 else (width, height)
    return ImageHeader(kind, *size, orientation)


_MOST_PARTS = 10_000
"""Segments or chunks before the size; a file made of millions of empty ones would be read for minutes."""
_MANY_PARTS = f'its size is not in its first {_MOST_PARTS:,} parts'


def _jpeg(file: BinaryIO) -> tuple[int, int, int]:
    file.seek(2)
    orientation = 1
    for _ in range(_MOST_PARTS):
        byte = file.read(1)
        if not byte:
            raise ValueError('it ends before its size')
        if byte != b'\xff':
            raise ValueError('no marker where one must be')
        marker = next((byte[0] for _ in range(_MOST_PARTS) if (byte := file.read(1)) != b'\xff'), 0xFF)
        if marker == 1 or 0xD0 <= marker <= 0xD8:
            continue
        (length,) = struct.unpack('>H', file.read(2))
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            _, height, width = struct.unpack('>BHH', file.read(5))
            return width, height, orientation
        if marker in (0xD9, 0xDA) or length < 2:
            raise ValueError('the picture begins before its size')
        after = file.tell() + length - 2
        if marker == 0xE1 and file.read(6) == b'Exif\0\0':
            orientation = _exif(file)
        file.seek(after)
    raise ValueError(_MANY_PARTS)


def _png(file: BinaryIO, head: bytes) -> tuple[int, int, int]:
    width, height = struct.unpack_from('>II', head, 16)
    orientation, place = 1, 8
    for _ in range(_MOST_PARTS):
        file.seek(place)
        chunk = file.read(8)
        if len(chunk) < 8 or chunk[4:] in (b'IDAT', b'IEND'):
            return width, height, orientation
        if chunk[4:] == b'eXIf':
            orientation = _exif(file)
        place += struct.unpack_from('>I', chunk)[0] + 12
    raise ValueError(_MANY_PARTS)


def _webp(file: BinaryIO, head: bytes) -> tuple[int, int, int]:
    chunk = head[12:16]
    if chunk == b'VP8 ':
        if head[23:26] != b'\x9d\x01\x2a':
            raise ValueError('no VP8 key frame')
        width, height = struct.unpack_from('<HH', head, 26)
        return width & 0x3FFF, height & 0x3FFF, 1
    if chunk == b'VP8L':
        if head[20] != 0x2F:
            raise ValueError('no VP8L signature')
        (bits,) = struct.unpack_from('<I', head, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, 1
    if chunk != b'VP8X' or len(head) < 30:
        raise ValueError('an unknown kind of WebP')
    width = int.from_bytes(head[24:27], 'little') + 1
    height = int.from_bytes(head[27:30], 'little') + 1
    has_exif = head[20] & 0x08
    place = 30
    for _ in range(_MOST_PARTS if has_exif else 0):
        file.seek(place)
        header = file.read(8)
        if len(header) < 8:
            break
        if header[:4] == b'EXIF':
            if file.read(6) != b'Exif\0\0':
                file.seek(-6, 1)
            return width, height, _exif(file)
        (size,) = struct.unpack_from('<I', header, 4)
        place += 8 + size + size % 2
    return width, height, 1


def _exif(file: BinaryIO) -> int:
    """The orientation in a block of EXIF, which is a little TIFF; 1 where it says nothing, or nonsense."""
    try:
        return _tiff(file, file.tell())[2]
    except (struct.error, ValueError):
        return 1


def _tiff(file: BinaryIO, base: int) -> tuple[int, int, int]:
    file.seek(base)
    head = file.read(8)
    order = {b'II*\0': '<', b'MM\0*': '>'}.get(head[:4])
    if order is None:
        raise ValueError('no TIFF header')
    file.seek(base + struct.unpack_from(order + 'I', head, 4)[0])
    (count,) = struct.unpack(order + 'H', file.read(2))
    tags = {}
    for _ in range(count):
        tag, kind, _, value = struct.unpack(order + 'HHI4s', file.read(12))
        if tag in (256, 257, 274):
            tags[tag] = struct.unpack_from(order + ('H' if kind == 3 else 'I'), value)[0]
    if base == 0 and not {256, 257} <= tags.keys():
        raise ValueError('no width and height')
    return tags.get(256, 0), tags.get(257, 0), tags.get(274, 1)
