"""The cache that ultralytics keeps of a dataset, as its own scan would write it.

At its first use of a dataset ultralytics opens every image and parses every label file, and keeps what it found in
`labels/train.cache`, or `train.cache` beside a folder of classes. A conversion knows all of that. It is used while
version and hash are those that ultralytics expects; the hash covers the path, size and time of change of every file.
Whatever differs only makes ultralytics scan as before.

Rules: ultralytics 8.4.190, `ultralytics/data/dataset.py` (`YOLODataset.cache_labels`, `ClassificationDataset`) and
`ultralytics/data/utils.py` (`get_hash`).
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from synapse_hooks.data.integrity import Examined
from synapse_hooks.storage.disk import disk_errors
from synapse_hooks.storage.ownership import aside

VERSIONS: Final = frozenset(('1.0.10', '1.0.11', '1.0.12'))
"""The versions of the cache that can be written: ultralytics changes it with what a scan finds. These differ in what
they find in labels and images of which none is written here.
"""
_SMALLEST: Final = 10
TOO_SMALL: Final = f'it has a side of fewer than {_SMALLEST} pixels: ultralytics leaves such images out'
IMAGE_FORMATS: Final = frozenset(
    ('avif', 'bmp', 'dng', 'heic', 'heif', 'jp2', 'jpeg', 'jpg', 'mpo', 'png', 'tif', 'tiff', 'webp')
)
"""Endings, in lower case, of what ultralytics takes for an image."""
_VERSION_LINE: Final = re.compile(rb'^DATASET_CACHE_VERSION = "([\d.]+)"', re.MULTILINE)
_LONGEST: Final = 1 << 20

FileState = bytes
"""Size and time of change of a file, as the hash takes them."""


@cache
def version() -> str:
    """The version that the ultralytics which is installed here expects; it is not imported. Empty where it is none that
    can be written, or ultralytics is not here.
    """
    try:
        spec = find_spec('ultralytics')
    except (ImportError, ValueError):
        return ''
    for folder in (spec and spec.submodule_search_locations) or ():
        try:
            with Path(folder, 'data', 'dataset.py').open('rb') as source:
                found = _VERSION_LINE.search(source.read(_LONGEST))
        except OSError:
            continue
        told = '' if found is None else found[1].decode()
        return told if told in VERSIONS else ''
    return ''


def file_state(size: int, mtime_ns: int) -> FileState:
    """What the hash takes of a file.

    Example:
        >>> file_state(120, 17)
        b'120:17'
    """
    return b'%d:%d' % (size, mtime_ns)


def damage(seen: Examined | None) -> str:
    """Why ultralytics would leave an image out, or write it anew, as far as that is certain; empty for most."""
    if seen is None:
        return ''
    return seen.fault or (TOO_SMALL if 0 < min(seen.width, seen.height) < _SMALLEST else '')


def hash_of(files: Iterable[tuple[str, FileState]], others: Iterable[str]) -> str:
    """The hash of ultralytics' `get_hash`.

    Args:
        files: The path and state of each file.
        others: Texts that it takes for paths, which lead to nothing.
    """
    digest = hashlib.sha256()
    for path, state in files:
        digest.update(b'%s\0%s\0' % (os.fsencode(path), state))
    for text in others:
        digest.update(b'%s\0\0' % os.fsencode(text))
    return digest.hexdigest()


def is_seen(name: str) -> bool:
    """Whether ultralytics finds an image by its relative name, and nothing else above it.

    Example:
        >>> is_seen('images/train/a.jpg'), is_seen('images/train/.hidden/a.jpg'), is_seen('images/train/b.png/a.jpg')
        (True, False, False)
    """
    *folders, file = name.split('/')
    if any(folder.rpartition('.')[2].lower() in IMAGE_FORMATS for folder in folders if '.' in folder):
        return False
    return '/.' not in name and file.rpartition('.')[2].lower() in IMAGE_FORMATS


def prefix_of(split: str) -> str:
    """What messages of a scan begin with, in colour: `train: `, or `val: ` for what is not trained on.

    Args:
        split: The name of its folder.
    """
    return f'\x1b[34m\x1b[1m{"train" if split == "train" else "val"}: \x1b[0m'


def publish(root: Path, file: Path, content: Iterable[bytes]) -> None:
    """Write a cache; a power failure may damage it, and ultralytics then scans.

    Args:
        root: The dataset's folder. The cache is made beside it: what a kill leaves in there would be a part of it.
        file: Where the cache belongs.
        content: Its pieces.

    Raises:
        DiskFull: No space.
        StorageError: It cannot be written.
    """
    with disk_errors(file):
        unfinished = aside(root)
        try:
            with unfinished.open('xb') as opened:
                opened.writelines(content)
            # The clock of a disk is some milliseconds behind. What comes after the dataset was stamped must be younger.
            now = time.time_ns()
            os.utime(unfinished, ns=(now, now))
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)
