"""What the files of Open Images are called, and what their columns are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDERS: Final = {'train': 'train', 'validation': 'valid', 'test': 'test'}
"""The folders of images, and the splits that they are."""
FOLDER_OF: Final = {split: folder for folder, split in FOLDERS.items()}
PREFIXES: Final = ('', 'oidv7-', 'oidv6-')
"""Of the files of a release: `oidv6-train-annotations-bbox.csv`."""
SHORT: Final = {'validation': 'val'}
"""What V7 calls a split in the names of some files."""

BOXES: Final = '{}-annotations-bbox.csv'
LABELS: Final = '{}-annotations-human-imagelabels.csv'
BOXABLE_LABELS: Final = '{}-annotations-human-imagelabels-boxable.csv'
"""The labels of V4 and V5 for the classes that have boxes."""
UNREAD: Final = {
    '{}-annotations-object-segmentation.csv': 'masks are not read',
    '{}-annotations-vrd.csv': 'relationships are not read',
    '{}-annotations-machine-imagelabels.csv': 'labels that a machine has found are not read',
}
CLASSES: Final = 'class-descriptions-boxable.csv'
ALL_CLASSES: Final = 'class-descriptions.csv'

FLAGS: Final = {
    'IsOccluded': 'occluded',
    'IsTruncated': 'truncated',
    'IsGroupOf': 'iscrowd',
    'IsDepiction': 'depiction',
    'IsInside': 'inside',
}
"""Columns of a box, and the attributes that they are read as. A box around a group is what others call a crowd."""
CONFIDENCE: Final = 'confidence'
KEPT: Final = (*FLAGS.values(), CONFIDENCE)
"""The attributes that the files can hold."""

LABEL_HEADER: Final = ('ImageID', 'Source', 'LabelName', 'Confidence')
BOX_HEADER: Final = (*LABEL_HEADER, 'XMin', 'XMax', 'YMin', 'YMax', *FLAGS)
SOURCE: Final = 'converted'
"""What is written as the source of a row: other values say how it was drawn or verified."""


def find_file(path: Path, name: str, folder: str = '') -> Path | None:
    """A file of a dataset, with the prefix of a release or without; None if it is missing.

    Args:
        path: The folder of the dataset.
        name: Its name; with `{}` in the place of the split.
        folder: The folder of the split.
    """
    names = [name.format(split) for split in dict.fromkeys((folder, SHORT.get(folder, folder)))]
    files = (path / f'{prefix}{one}' for one in names for prefix in PREFIXES)
    return next((file for file in files if file.is_file()), None)
