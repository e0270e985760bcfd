"""Where a KITTI dataset keeps its files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from synapse_hooks.data import SUFFIXES
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats import files_below

TRAINING: Final = 'training'
TESTING: Final = 'testing'
IMAGES: Final = 'image_2'
LABELS: Final = 'label_2'
LISTS: Final = 'ImageSets'
_UNREAD: Final = {
    'calib': ('calibrations are not read', ('.txt',)),
    'velodyne': ('point clouds are not read', ('.bin',)),
    'image_3': ('images of the right camera are not read', SUFFIXES),
    'prev_2': ('images of preceding frames are not read', SUFFIXES),
    'prev_3': ('images of preceding frames are not read', SUFFIXES),
    'planes': ('road planes are not read', ('.txt',)),
}
_ENDINGS: Final = ('.png', *sorted(SUFFIXES - {'.png'}), *sorted(suffix.upper() for suffix in SUFFIXES))


class Folder(NamedTuple):
    """`training`, `testing`, or a folder under another name with `image_2` and `label_2` in it."""

    root: Path

    @property
    def images(self) -> Path:
        """The folder of the images."""
        return self.root / IMAGES

    @property
    def labels(self) -> Path:
        """The folder of the label files; `testing` is published without."""
        return self.root / LABELS

    @property
    def is_testing(self) -> bool:
        """Whether its items are those of the test split."""
        return self.root.name == TESTING

    def names(self) -> list[str]:
        """The names of the label files, sorted, without their ending."""
        return [name.removesuffix('.txt') for name in files_below(self.labels, '.txt')]

    def image_names(self) -> Iterator[str]:
        """The names of the images, sorted."""
        return iter(files_below(self.images, *SUFFIXES))

    def unread(self) -> Iterator[tuple[str, str, int]]:
        """The folders of KITTI that are not read: the name, why, and how many files are in it."""
        for name, (reason, suffixes) in _UNREAD.items():
            if count := sum(1 for _ in files_below(self.root / name, *suffixes)):
                yield name, reason, count


def folders(path: Path) -> list[Folder]:
    """The folders of a dataset that have images: `training` and `testing`, or the dataset's own folder."""
    inner = [Folder(path / name) for name in (TRAINING, TESTING)]
    found = [folder for folder in inner if folder.images.is_dir()]
    return found or [folder for folder in [Folder(path)] if folder.images.is_dir()]


def listed(read_file: Callable[[Path], bytes], file: Path) -> list[str]:
    """The names in a list, one in a line; empty where there is no such list.

    Raises:
        DatasetInvalid: It is not UTF-8.
    """
    try:
        text = read_file(file).decode('utf-8-sig') if file.exists() else ''
    except UnicodeDecodeError as error:
        raise DatasetInvalid(f'{file} must be UTF-8: {error}', hint='save it as UTF-8', path=str(file)) from error
    return [*dict.fromkeys(line.strip() for line in text.split('\n') if line.strip())]


def image_of(images: Path, id: str) -> Path | None:
    """The image of an item, by its name; None where there is none."""
    # Of a name that is too long for a disk, `Path.is_file` raises.
    return next((images / f'{id}{end}' for end in _ENDINGS if os.path.isfile(images / f'{id}{end}')), None)  # noqa: PTH113
