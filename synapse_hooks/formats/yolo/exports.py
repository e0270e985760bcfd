"""YOLO datasets without a dataset.yaml, as tools for annotation export them.

obj.data, obj.names, train.txt, obj_train_data/       YOLO 1.1 of CVAT, Darknet: see below
classes.txt, images/, labels/                         Label Studio, which has notes.json besides
classes.txt with images and labels beside it          labelImg, makesense
train/, valid/ with _darknet.labels in each           Roboflow's "YOLO Darknet"

Rules (Darknet, `detector.c` and `utils.c`): obj.data has lines `key = value`; `names` is a file with the name of a
class in each line, `train` and `valid` are lists of images, whose labels are beside them. Paths in it are relative to
where Darknet was started: only their end counts.
"""

# A Path for each of many files costs more than looking at it.
# ruff: noqa: PTH110, PTH122
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from synapse_hooks.data import SPLITS, SUFFIXES, split_name
from synapse_hooks.errors import DatasetInvalid, cannot_read
from synapse_hooks.formats.lookup import plain_parts
from synapse_hooks.storage import is_inside, read_file

DARKNET = 'obj.data'
_NAMES = ('classes.txt', 'obj.names', 'labels/classes.txt', '_darknet.labels', 'notes.json')
"""Files that list the classes, the most trustworthy first."""
_FOLDERS = (*SPLITS, 'val', 'validation')

Sources = dict[str | None, list[Path]]


def export_file(folder: Path) -> Path | None:
    """The file that declares the classes of a dataset without a yaml; None where the folder is no such dataset."""
    if (folder / DARKNET).is_file():
        return folder / DARKNET
    names = (*_NAMES, *(f'{split}/{name}' for split in _FOLDERS for name in ('_darknet.labels', 'classes.txt')))
    file = next((folder / name for name in names if (folder / name).is_file()), None)
    # Most folders have no such file, and are not listed for the labels.
    labelled = file and any(_is_labelled(source) for sources in _sources(folder).values() for source in sources)
    return file if labelled else None


def is_export_file(file: Path) -> bool:
    """Whether a file has the name of one that declares the classes of a dataset without a yaml."""
    return file.suffix == '.data' or file.name in {name.rpartition('/')[2] for name in _NAMES}


def read_export(file: Path) -> tuple[Path, tuple[str, ...], Sources]:
    """A dataset without a yaml: its folder, its classes, and where the images of each split are (None: of no split).

    Args:
        file: As `export_file` answers.

    Raises:
        DatasetInvalid: A file cannot be read, or does not say what it must.
    """
    if file.suffix == '.data':
        return file.parent, *_read_darknet(file, file.parent)
    folder = file.parent.parent if file.parent.name in ('labels', *_FOLDERS) else file.parent
    if file.suffix == '.json':
        return folder, _read_notes(file), _sources(folder)
    names = _names_of_splits(file, folder) if file.parent.name in _FOLDERS else read_names(file)
    return folder, names, _sources(folder)


def read_names(file: Path) -> tuple[str, ...]:
    """The classes in a file that has a name in each line.

    Raises:
        DatasetInvalid: It cannot be read, is empty, or has an empty line between others.
    """
    lines = [line.strip() for line in _text(file).rstrip().splitlines()]
    if not all(lines) or not lines:
        where = f', and line {lines.index("") + 1} is empty' if lines else ', and is empty'
        raise DatasetInvalid(
            f'{file} must have the name of a class in each line{where}', hint='correct it', path=str(file)
        )
    return tuple(lines)


def _names_of_splits(file: Path, folder: Path) -> tuple[str, ...]:
    """The classes where each split has its own list: the longest, which the others begin.

    Raises:
        DatasetInvalid: They contradict each other, or cannot be read.
    """
    lists = {place: read_names(place) for name in _FOLDERS if (place := folder / name / file.name).is_file()}
    longest = max(lists, key=lambda place: len(lists[place]))
    for place, names in lists.items():
        if lists[longest][: len(names)] != names:
            raise DatasetInvalid(
                f'{place} and {longest} number the classes differently',
                hint='convert each split on its own, or export the dataset again',
                path=str(place),
            )
    return lists[longest]


def _is_labelled(source: Path) -> bool:
    """Whether a folder of images has labels where YOLO has them."""
    if source.name == 'images':
        return (source.parent / 'labels').is_dir()
    if source.parent.name == 'images':
        return (source.parent.parent / 'labels' / source.name).is_dir()
    try:
        with os.scandir(source) as entries:
            names = {entry.name for entry in entries}
    except (FileNotFoundError, NotADirectoryError):
        return False
    stems = (os.path.splitext(name) for name in names)
    return any(f'{stem}.txt' in names for stem, suffix in stems if suffix.lower() in SUFFIXES)


def _sources(folder: Path) -> Sources:
    """Where the images are: in folders of splits, in `images/`, or in the folder itself."""
    for parent in (folder / 'images', folder):
        sources: Sources = {}
        for name in _FOLDERS:
            if (parent / name).is_dir():
                inner = parent / name / 'images'
                sources.setdefault(split_name(name), []).append(inner if inner.is_dir() else parent / name)
        if sources:
            return sources
    return {None: [folder / 'images' if (folder / 'images').is_dir() else folder]}


def _read_darknet(file: Path, folder: Path) -> tuple[tuple[str, ...], Sources]:
    pairs = (line.partition('=') for line in _text(file).splitlines() if not line.lstrip().startswith('#'))
    values = {key.strip(): value.strip() for key, _, value in pairs if value.strip()}
    names = read_names(_named(file, folder, 'names', values.get('names', 'obj.names')))
    count = values.get('classes', '')
    if count.isdecimal() and count.lstrip('0') != str(len(names)):
        raise DatasetInvalid(
            f'{file}: `classes` is {count}, and there are {len(names)} names',
            hint='correct one of them',
            path=str(file),
        )
    sources: Sources = {}
    for key in ('train', *_FOLDERS[1:]):
        if key in values:
            sources.setdefault(split_name(key), []).append(_named(file, folder, key, values[key]))
    if not sources:
        raise DatasetInvalid(
            f'{file} must name lists of images: `train`, `valid` or `test`', hint='add them', path=str(file)
        )
    return names, sources


def _named(file: Path, folder: Path, key: str, value: str) -> Path:
    place = tail_of(folder, value)
    if place is None:
        raise DatasetInvalid(
            f'{file}: `{key} = {value}` is not in {folder}', hint='put it there, or correct the path', path=str(file)
        )
    return place


def tail_of(folder: Path, path: str) -> Path | None:
    """What a path that is relative to somewhere else names in a folder: the longest end of it that is there."""
    parts = plain_parts(path)
    places = (folder.joinpath(*parts[start:]) for start in range(len(parts)))
    return next((place for place in places if os.path.exists(place) and is_inside(place, folder)), None)


def _read_notes(file: Path) -> tuple[str, ...]:
    """`notes.json` of Label Studio: a list of categories, by id."""
    try:
        content: Any = json.loads(_text(file))
        names = {category['id']: category['name'] for category in content['categories']}
        classes = tuple(names[number] for number in range(len(names)))
        if not classes or not all(isinstance(name, str) for name in classes):
            raise ValueError('no name is a text')
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DatasetInvalid(
            f'{file} must have `categories` with ids from 0 without gaps, and their names: {error}',
            hint='write classes.txt with the name of a class in each line',
            path=str(file),
        ) from error
    return classes


def _text(file: Path) -> str:
    try:
        return read_file(file).decode('utf-8-sig')
    except OSError as error:
        raise cannot_read(DatasetInvalid, error, file) from error
    except UnicodeDecodeError as error:
        raise DatasetInvalid(f'{file} is not UTF-8: {error}', hint='save it as UTF-8', path=str(file)) from error
