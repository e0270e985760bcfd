"""Where an image folder keeps its images.

cat/001.jpg                    a dataset without splits
train/cat/001.jpg              splits: train, val (or valid, validation), test

Rules: torchvision's `ImageFolder` (a class is a folder; images in folders below it belong to it) and ultralytics'
`check_cls_dataset` (names of splits). A folder named like a split is one if there are folders in it.
"""

# A Path for each of a million images costs more than finding them.
# ruff: noqa: PTH118
from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from os.path import join
from pathlib import Path
from typing import NamedTuple

from synapse_hooks.data import SPLITS, is_image_name
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats.imagefolder.names import NAMES, split_of
from synapse_hooks.storage import is_system_file

NO_IMAGE = 'it is not an image'
_NO_CLASS = 'it is not in the folder of a class'
_NO_SPLIT = 'it is not in a split, while others are'


class Place(NamedTuple):
    """The folder of a class in one split."""

    split: str | None
    name: str
    path: str


def find_places(root: Path) -> tuple[list[Place], list[tuple[str, str, str]]]:
    """The folders of classes in a dataset; and kind, reason and name of files that are in none of them.

    Files in the dataset's own folder that are not images are not data (a readme, a cache).

    Raises:
        DatasetInvalid: There are no folders of classes; or two folders mean the same split.
    """
    folders, files = ([], []) if root.is_file() else _entries(str(root))
    unused = [('image', _NO_CLASS, join(root, name)) for name in files if is_image_name(name)]
    splits: dict[str, str] = {}
    if any(split_of(name) and _entries(join(root, name))[0] for name in folders):
        for name in folders:
            split = split_of(name)
            if split is None:
                below = files_below(join(root, name))
                unused += [('image', _NO_SPLIT, join(root, name, file)) for file in below if is_image_name(file)]
            elif split in splits:
                raise DatasetInvalid(
                    f'{root}: {splits[split]}/ and {name}/ are both the split {split}',
                    hint='move the images of one into the other',
                    path=str(root),
                )
            else:
                splits[split] = name
    places = [] if splits else [Place(None, name, join(root, name)) for name in folders]
    for split in SPLITS:
        if split in splits:
            classes, files = _entries(join(root, splits[split]))
            places += [Place(split, name, join(root, splits[split], name)) for name in classes]
            for name in files:
                kind, reason = ('image', _NO_CLASS) if is_image_name(name) else ('file', NO_IMAGE)
                unused.append((kind, reason, join(root, splits[split], name)))
    if not places:
        raise DatasetInvalid(
            f'{root} is not an image folder: there is no folder of a class in it',
            hint='an image folder is CLASS/<name>.jpg, or train/CLASS/<name>.jpg with val/ and test/ beside it',
            path=str(root),
        )
    return places, unused


_OTHERS = {'annotations', 'images', 'imagesets', 'jpegimages', 'json', 'labels', 'masks', 'original_files'}
_BESIDE = re.compile(rf'{re.escape(NAMES)}|(readme|license)(\..*)?|.*\.cache', re.IGNORECASE)
"""Files beside the folders that say nothing of another format: ours, a text for people, a cache of ultralytics."""
_ENOUGH = 50
"""How many files of one folder are looked at to find out what it contains."""


def looks_like_imagefolder(root: Path) -> bool:
    """Whether a folder is an image folder and nothing else: in the folders of classes there are images and no other
    files, there are no others beside them, and none is called like a folder of another format, or a split and a year.
    """
    try:
        folders, files = _entries(root)
        # Most datasets of other formats are recognised by names of files, then of folders, before those are listed.
        if not folders or not all(map(_BESIDE.fullmatch, files)):
            return False
        places, unused = find_places(root)
        names = {place.name for place in places}
        divided = places[0].split is not None
        if any(name.lower() in _OTHERS or (split_of(name.rstrip('0123456789')) and not divided) for name in names):
            return False
        if unused:
            return False
        seen = [list(islice(files_below(place.path), _ENOUGH)) for place in places]
    except DatasetInvalid:
        return False
    if not all(is_image_name(name) for files in seen for name in files):
        return False
    # Any album is a folder with a folder of images in it; folders of splits are not found by chance.
    direct = sum(any('/' not in name for name in files) for files in seen)
    return any(seen) if divided else direct > 1 and direct == sum(map(bool, seen))


def _entries(folder: str | Path) -> tuple[list[str], list[str]]:
    """The names of folders and of files in a folder, sorted; what operating systems leave is left out."""
    folders: list[str] = []
    files: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not is_system_file(entry.name):
                (folders if entry.is_dir() else files).append(entry.name)
    return sorted(folders), sorted(files)


def files_below(folder: str, prefix: str = '', above: frozenset[str] = frozenset()) -> Iterator[str]:
    """Relative names of all files below a folder, its own first, sorted in each. Links are followed, not in circles."""
    here = os.path.realpath(folder)
    if here in above:
        return
    folders, files = _entries(folder)
    for name in files:
        yield prefix + name
    for name in folders:
        yield from files_below(join(folder, name), f'{prefix}{name}/', above | {here})
