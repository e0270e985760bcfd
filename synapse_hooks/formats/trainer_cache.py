"""The cache of labels that ultralytics keeps beside a dataset, as its own scan would write it.

At its first use of a dataset ultralytics opens every image and parses every label file, and keeps what it found in
`labels/train.cache`, or `train.cache` beside a folder of classes. A conversion knows all of that. Ultralytics uses a
cache whose version and hash are those that it expects; the hash covers the path, size and time of change of every file.
It ignores any other cache, and scans.

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

from synapse_hooks.data.integrity import ImageCheck
from synapse_hooks.storage.disk import disk_errors
from synapse_hooks.storage.ownership import temporary_path

VERSIONS: Final = frozenset(('1.0.10', '1.0.11', '1.0.12'))
"""The versions of the cache that can be written: ultralytics raises it when its scan finds something else. These differ
only in what is found in labels and images that are never written here.
"""
_SMALLEST: Final = 10
"""Pixels."""
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
    """The version that the installed ultralytics expects, found without importing it. Empty where ultralytics is not
    installed, or expects another version than those in `VERSIONS`.
    """
    try:
        spec = find_spec('ultralytics')
    except (ImportError, ValueError):
        return ''
    for folder in (spec and spec.submodule_search_locations) or ():
        try:
            with Path(folder, 'data', 'dataset.py').open('rb') as source:
                match = _VERSION_LINE.search(source.read(_LONGEST))
        except OSError:
            continue
        expected = '' if match is None else match[1].decode()
        return expected if expected in VERSIONS else ''
    return ''


def file_state(size: int, mtime_ns: int) -> FileState:
    """What the hash takes of a file.

    Example:
        >>> file_state(120, 17)
        b'120:17'
    """
    return b'%d:%d' % (size, mtime_ns)


def fault_of(seen: ImageCheck | None) -> str:
    """Why ultralytics would leave an image out or rewrite it, as a sentence; empty where no reason is known.

    Args:
        seen: What was seen of its file; None where that cannot be opened.
    """
    if seen is None:
        return ''
    return seen.fault or (TOO_SMALL if 0 < min(seen.width, seen.height) < _SMALLEST else '')


def dataset_hash(files: Iterable[tuple[str, FileState]], others: Iterable[str]) -> str:
    """What ultralytics' `get_hash` answers for a list of paths.

    Args:
        files: The path and state of each file.
        others: Texts that ultralytics adds to the list, although they are not paths of files.
    """
    digest = hashlib.sha256()
    for path, state in files:
        digest.update(b'%s\0%s\0' % (os.fsencode(path), state))
    for text in others:
        digest.update(b'%s\0\0' % os.fsencode(text))
    return digest.hexdigest()


def is_scanned(name: str) -> bool:
    """Whether ultralytics finds an image when it looks for images below the dataset's folder.

    Args:
        name: Relative to that folder. What is hidden is not found, nor what is in a folder named like an image.

    Example:
        >>> [is_scanned(f'images/train/{name}') for name in ('a.jpg', '.hidden/a.jpg', 'b.png/a.jpg')]
        [True, False, False]
    """
    *folders, file = name.split('/')
    if any(folder.rpartition('.')[2].lower() in IMAGE_FORMATS for folder in folders if '.' in folder):
        return False
    return '/.' not in name and file.rpartition('.')[2].lower() in IMAGE_FORMATS


def message_prefix(split: str) -> str:
    """What the messages of a scan begin with, in colour: `train: ` for training images, `val: ` for all others.

    Args:
        split: The name of its folder.
    """
    return f'\x1b[34m\x1b[1m{"train" if split == "train" else "val"}: \x1b[0m'


def write_cache(root: Path, file: Path, content: Iterable[bytes]) -> None:
    """Write a cache. It is not synced to the disk: ultralytics scans where a power failure has damaged it.

    Args:
        root: The dataset's folder. The cache is made beside it and then moved into it, so that a killed process leaves
            nothing unfinished in the dataset.
        file: Where the cache belongs.
        content: Its pieces.

    Raises:
        DiskFull: No space.
        StorageError: It cannot be written.
    """
    with disk_errors(file):
        unfinished = temporary_path(root)
        try:
            with unfinished.open('xb') as opened:
                opened.writelines(content)
            # Files get the time of a clock that is some milliseconds behind. This one must be younger than the stamp of
            # the dataset, where files that came later do not count.
            now = time.time_ns()
            os.utime(unfinished, ns=(now, now))
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)
