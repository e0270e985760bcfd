"""What the folder of a class is called, and where its real name is kept when a folder cannot be called that.

`classes.json` is ours, `{"folders": {"a_b-0123456789": "a/b"}}`, and there only when it is needed.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from synapse_hooks.data import SPLITS, split_name
from synapse_hooks.errors import DatasetInvalid, cannot_read
from synapse_hooks.storage import folded, read_file, safe_name

NAMES = 'classes.json'

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff<>:"/\\|?*]|^[. ]|[. ]$')
_RESERVED = re.compile(r'(con|prn|aux|nul|com\d|lpt\d)(\..*)?', re.IGNORECASE)
_LONGEST = 120
"""Bytes: a disk allows 255, and whole paths have limits too."""


def split_of(folder: str) -> str | None:
    """The split that a folder is, by its name.

    Example:
        >>> split_of('train'), split_of('Validation'), split_of('cat')
        ('train', 'valid', None)
    """
    name = split_name(folder.lower())
    return name if name in SPLITS else None


def folder_of(split: str) -> str:
    """What ultralytics calls the folder of a split.

    Example:
        >>> folder_of('valid'), folder_of('test'), folder_of('')
        ('val', 'test', '')
    """
    return 'val' if split == 'valid' else split


def class_folders(classes: Collection[str], *, divided: bool) -> dict[str, str]:
    """The folder of each class: its name, if every disk allows that, and no other class is called the same there.

    Args:
        classes: All names of a dataset.
        divided: Whether the folders of the classes are in folders of splits; else none may look like one.

    Example:
        >>> class_folders(['big cat', 'Dog', 'a/b'], divided=True)
        {'big cat': 'big cat', 'Dog': 'Dog', 'a/b': 'a_b-ff3b4c420a'}
    """
    alike = Counter(map(folded, classes))
    kept = {name for name in classes if alike[folded(name)] == 1 and _allowed(name, divided)}
    taken = {folded(name) for name in kept}
    folders = {}
    for name in classes:
        folder = name
        while name not in kept and (folder == name or folded(folder) in taken):
            # A slash at the end: without one a harmless name would stay as it is.
            folder = safe_name(f'{folder}/')
        folders[name] = folder
    return folders


def _allowed(name: str, divided: bool) -> bool:
    if not name or _UNSAFE.search(name) or _RESERVED.fullmatch(name) or len(name.encode()) > _LONGEST:
        return False
    return divided or not (split_of(name) or folded(name) == NAMES)


def write_names(out: Path, folders: dict[str, str]) -> None:
    """Keep the names of classes whose folders are called otherwise."""
    renamed = {folder: name for name, folder in sorted(folders.items()) if folder != name}
    if renamed:
        # Escapes in ASCII can hold any text, even one that is not valid Unicode.
        (out / NAMES).write_text(json.dumps({'folders': renamed}, indent=1) + '\n', encoding='ascii')


def read_names(root: Path) -> dict[str, str]:
    """The names of classes whose folders are called otherwise, by folder. Other files of that name are ignored.

    Raises:
        DatasetInvalid: It is ours or might be, and is damaged: a class would get a wrong name.
    """
    file = root / NAMES
    if not file.is_file():
        return {}
    try:
        content = json.loads(read_file(file, inside=root))
    except OSError as error:
        raise cannot_read(DatasetInvalid, error, file) from error
    except (ValueError, RecursionError) as error:
        raise DatasetInvalid(f'{file} is not JSON: {error}', hint='repair or remove it', path=str(file)) from error
    if not isinstance(content, dict) or 'folders' not in content:
        return {}
    folders = content['folders']
    if not isinstance(folders, dict) or not all(isinstance(name, str) for name in folders.values()):
        raise DatasetInvalid(
            f'{file}: `folders` must map names of folders to names of classes', hint='repair it', path=str(file)
        )
    return folders
