"""Images that a run logs: what is accepted as one, and their files in the run directory, bounded in number and size.

images/NAME/STEP.png              of the run itself; image-1.png and so on without a step
images/TRAINING/NAME/STEP.png     of one of its trainings
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from synapse_hooks.storage import read_file, safe_name, write_atomic

FOLDER: Final = 'images'
PER_NAME: Final = 32
"""How many images of one name a run keeps, unless a setting overrides it."""
TOTAL: Final = 100 * 10**6
"""Bytes of all images of a run, unless a setting overrides it."""
_LARGEST: Final = 64 << 20
_SIGNATURES: Final = ((b'\x89PNG\r\n\x1a\n', '.png'), (b'\xff\xd8\xff', '.jpg'))
_COLOUR_TYPES: Final = {1: 0, 2: 4, 3: 2, 4: 6}
"""The colour type of PNG by the number of channels."""


class ImageRefused(ValueError):
    """It is not an image that can be logged, or there are enough; the text says which."""


_LOCK = threading.Lock()


def _forked() -> None:
    global _LOCK
    # In the child, it may be held by a thread that does not exist there.
    _LOCK = threading.Lock()


os.register_at_fork(after_in_child=_forked)


@dataclass(eq=False)
class LoggedImages:
    """The images of one run, as far as this process saves them."""

    per_name: int = PER_NAME
    """How many images of one name are kept; 0 for none."""
    total: int = TOTAL
    """How many bytes all of them may have."""
    _bytes: int | None = None
    _seen: dict[tuple[str, ...], int] = field(default_factory=dict)
    _reported: set[tuple[str, ...]] = field(default_factory=set)

    def save(self, run_dir: Path, names: Sequence[str], step: float | None, image: Any) -> Path:
        """Write an image; it replaces that of the same names and step which an earlier attempt wrote.

        Args:
            run_dir: The run directory.
            names: The training, where there is one, and the name.
            step: Where on the axis; without one, images are numbered. Several of one step are numbered too.
            image: What `encoded_image` accepts.

        Returns:
            The file.

        Raises:
            ImageRefused: It is not an image, or there are enough of this name, or of all.
            StorageError: It cannot be written.
        """
        with _LOCK:
            folder = Path(run_dir, FOLDER, *map(safe_name, names))
            there = _names_in(folder)
            stem = self._stem(names, step, len(there))
            if len(there) >= self.per_name and not {f'{stem}.png', f'{stem}.jpg'} & there:
                raise ImageRefused(f'a run keeps {self.per_name} images of one name')
            data, suffix = encoded_image(image)
            if self._bytes is None:
                self._bytes = sum(file.stat().st_size for file in Path(run_dir, FOLDER).rglob('*') if file.is_file())
            if self._bytes + len(data) > self.total:
                raise ImageRefused(f'the images of a run may have {self.total:,} bytes')
            file = folder / f'{stem}{suffix}'
            write_atomic(file, data, durable=False)
            self._bytes += len(data)
            return file

    def is_new(self, reason: tuple[str, ...]) -> bool:
        """Whether this is said for the first time."""
        if reason in self._reported:
            return False
        self._reported.add(reason)
        return True

    def _stem(self, names: Sequence[str], step: float | None, count: int) -> str:
        if step is None:
            return f'image-{count + 1}'
        key = (*names, str(step))
        self._seen[key] = number = self._seen.get(key, 0) + 1
        return safe_name(str(step) if number == 1 else f'{step}-{number}')


def encoded_image(image: Any) -> tuple[bytes, str]:
    """The content of a PNG or JPEG file, and its suffix.

    Args:
        image: The content or the path of such a file, which stays as it is; an image of Pillow; or an array of
            numpy (or what numpy makes one of) of the shape (height, width) or (height, width, channels) with 1 to 4
            channels, as uint8, as bool, or as floats from 0 to 1.

    Raises:
        ImageRefused: It is none of these.

    Example:
        >>> import numpy
        >>> data, suffix = encoded_image(numpy.zeros((4, 6, 3), 'uint8'))
        >>> data[:4], suffix
        (b'\\x89PNG', '.png')
    """
    if isinstance(image, str | os.PathLike):
        try:
            image = read_file(image, limit=_LARGEST)
        except Exception as error:
            raise ImageRefused(str(error)) from error
    if isinstance(image, bytes | bytearray | memoryview):
        data = bytes(image)
        suffix = next((suffix for signature, suffix in _SIGNATURES if data.startswith(signature)), None)
        if suffix is None:
            raise ImageRefused(f'expected PNG or JPEG, got a file that begins with {data[:8]!r}')
        return data, suffix
    if callable(getattr(image, 'convert', None)) and hasattr(image, 'mode'):
        image = (
            image if image.mode in ('L', 'LA', 'RGB', 'RGBA') else image.convert('RGBA' if 'A' in image.mode else 'RGB')
        )
    return _png(image), '.png'


def _png(image: Any) -> bytes:
    import numpy

    array = numpy.asarray(image)
    array = array[:, :, None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] not in _COLOUR_TYPES or 0 in array.shape or array.nbytes > _LARGEST * 8:
        raise ImageRefused(
            f'expected an array of the shape (height, width) or (height, width, 1 to 4), got {type(image).__name__} '
            f'of shape {tuple(array.shape)}'
        )
    if array.dtype.kind in 'fb':
        array = numpy.clip(numpy.nan_to_num(array.astype('float32')) * 255 + 0.5, 0, 255).astype('uint8')
    if array.dtype != numpy.uint8:
        raise ImageRefused(f'expected values of uint8, bool or float, got {array.dtype}')
    height, width, channels = array.shape
    rows = numpy.zeros((height, 1 + width * channels), 'uint8')
    rows[:, 1:] = array.reshape(height, -1)
    header = struct.pack('>IIBBBBB', width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    chunks = ((b'IHDR', header), (b'IDAT', zlib.compress(rows.tobytes(), 6)), (b'IEND', b''))
    return _SIGNATURES[0][0] + b''.join(
        struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data)) for kind, data in chunks
    )


def _names_in(folder: Path) -> set[str]:
    try:
        return {name for name in os.listdir(folder) if name.endswith(('.png', '.jpg'))}
    except OSError:
        return set()
