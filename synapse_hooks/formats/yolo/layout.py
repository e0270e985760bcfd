"""Where the images of a dataset are, and where the labels of each.

Rules (ultralytics 8.4, `BaseDataset.get_img_files` and `img2label_paths`): folders are searched to any depth, without
hidden files; links to folders are resolved. A list has an image in each line; `./` means the list's own folder. In
lists of CVAT the dataset's folder is called `data/`, and others were made on another computer. The labels of an image
are where the last folder `images` of its path is called `labels`; without one, they are beside it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from synapse_hooks.data import is_image_name, split_name
from synapse_hooks.errors import DatasetInvalid, cannot_read
from synapse_hooks.formats.lookup import ImageLookup
from synapse_hooks.formats.yolo.config import Config
from synapse_hooks.storage import TABLE_LIMIT, read_file

_IMAGES, _LABELS = f'{os.sep}images{os.sep}', f'{os.sep}labels{os.sep}'
_OTHER_TEXTS = ('classes.', 'README.')


_LONGEST_PATH = 4096
"""Characters: no system has longer ones, and to look for one with a million parts takes minutes."""


class Folder(NamedTuple):
    """The images of one split in one folder. Names are text: a million of them must fit into memory."""

    split: str | None
    path: str
    id: str
    """What the ids of its images begin with: empty, or a relative posix path that ends with a slash."""
    names: list[str]
    """Of the image files, sorted."""
    repairs: Mapping[str, list[str]] = {}
    """Lines of a list whose path does not exist, but whose image was found, by what is wrong with the path."""


def folders_of(config: Config) -> list[Folder]:
    """Every image of a dataset: by split, source, and folder, sorted within each source.

    Raises:
        DatasetInvalid: A folder or a list cannot be read.
    """
    folders: list[Folder] = []
    lists = {place: _lines(place) for sources in config.sources.values() for place in sources if not place.is_dir()}
    lookup = ImageLookup(config.root, _Lines([*lists.values()]))
    for split, sources in config.sources.items():
        for source in sources:
            place = os.path.realpath(source)
            if source in lists:
                folders += _listed(place, lists[source], split, config.root, lookup)
            else:
                folders += _searched(place, split)
    return folders


class _Lines:
    """All lines of some lists, without a list of them all."""

    def __init__(self, lists: list[list[str]]) -> None:
        self._lists = lists

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._lists)


def _searched(source: str, split: str | None) -> Iterator[Folder]:
    seen = set()
    for path, folders, files in os.walk(source, onerror=_refuse, followlinks=True):
        real = os.path.realpath(path)
        # A link to a folder above would be followed for ever.
        folders[:] = [] if real in seen else sorted(name for name in folders if name[0] != '.')
        names = [] if real in seen else sorted(name for name in files if name[0] != '.' and is_image_name(name))
        seen.add(real)
        if names:
            prefix = '' if path == source else os.path.relpath(path, source).replace(os.sep, '/') + '/'
            yield Folder(split, path, prefix, names)


def _refuse(error: OSError) -> None:
    raise cannot_read(DatasetInvalid, error) from error


def stem_of(name: str) -> str:
    """A file's name without its extension.

    Example:
        >>> stem_of('a.b.jpg')
        'a.b'
    """
    return name.rpartition('.')[0] or name


def _lines(source: Path) -> list[str]:
    try:
        text = read_file(source, limit=TABLE_LIMIT).decode('utf-8-sig')
    except OSError as error:
        raise cannot_read(DatasetInvalid, error, source) from error
    except UnicodeDecodeError as error:
        raise DatasetInvalid(
            f'{source} is not a list of images: {error}', hint='repair it', path=str(source)
        ) from error
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    wrong = ''
    if '\0' in text:
        wrong = 'a NUL'
    elif (longest := max(map(len, lines), default=0)) > _LONGEST_PATH:
        wrong = f'a line of {longest:,} characters'
    elif no_name := next((line for line in lines if not line.strip('./')), ''):
        wrong = f'the line {no_name!r}'
    if wrong:
        raise DatasetInvalid(
            f'{source} must have the path of an image in each line, and has {wrong}',
            hint='correct it',
            path=str(source),
        )
    return lines


def _listed(source: str, lines: list[str], split: str | None, root: Path, lookup: ImageLookup) -> Iterator[Folder]:
    own, base = source.rpartition(os.sep)[0], os.path.realpath(root)
    folders: dict[str, list[str]] = {}
    repairs: dict[str, dict[str, list[str]]] = {}
    for line in lines:
        file, reason = _file_of(line, own, base, lookup)
        place, _, name = file.rpartition('/')
        folders.setdefault(place, []).append(name)
        if reason:
            repairs.setdefault(place, {}).setdefault(reason, []).append(line)
    for path, names in sorted(folders.items()):
        yield Folder(split, path, _listed_id(path, split), sorted(names), repairs.get(path, {}))


def _file_of(line: str, own: str, base: str, lookup: ImageLookup) -> tuple[str, str]:
    """The image that a line of a list means (the listed path if there is none), and what is wrong with the line."""
    inner = line.removeprefix('./')
    listed = inner if line.startswith('/') else f'{own}/{inner}'
    for file in (listed,) if line.startswith(('/', './')) else (f'{base}/{line}', listed, f'{base}/{_plain(line)}'):
        if os.access(file, os.F_OK):
            return file, ''
    try:
        match = lookup.find(line)
    except LookupError:
        return listed, ''
    return f'{base}/{os.path.relpath(match.file, lookup.folder)}', match.reason


def _plain(line: str) -> str:
    return line.replace('\\', '/').removeprefix('data/')


def _listed_id(path: str, split: str | None) -> str:
    _, marker, inside = f'{path}{os.sep}'.rpartition(_IMAGES)
    first, _, rest = inside.partition(os.sep)
    return (rest if split_name(first) == split else inside) if marker else ''


def labels_of(folder: str) -> str:
    """The folder with the labels of the images in a folder.

    Example:
        >>> labels_of('d/images/train'), labels_of('d/train')
        ('d/labels/train', 'd/train')
    """
    before, marker, after = f'{os.sep}{folder}{os.sep}'.rpartition(_IMAGES)
    return f'{before}{_LABELS}{after}'[1:-1] if marker else folder


def label_path(image: Path) -> Path:
    """The label file of an image.

    Example:
        >>> label_path(Path('d/images/train/a.b.jpg')).as_posix()
        'd/labels/train/a.b.txt'
    """
    return Path(labels_of(str(image.parent)), f'{image.stem}.txt')


def orphans(folders: list[Folder], known: set[str]) -> Iterator[str]:
    """The names of label files without an image, sorted within their folder.

    Args:
        folders: All images of the dataset: splits may share a folder.
        known: Real paths of text files that are not label files.
    """
    sharing: dict[str, list[Folder]] = {}
    for folder in folders:
        sharing.setdefault(os.path.realpath(labels_of(folder.path)), []).append(folder)
    for place, images in sharing.items():
        names = {name for folder in images for name in folder.names}
        suffixes = {name.removeprefix(stem_of(name)) for name in names}
        yield from sorted(
            name
            for name in _text_files(place)
            if not any(f'{name[:-4]}{suffix}' in names for suffix in suffixes)
            and not name.startswith(_OTHER_TEXTS)
            and f'{place}{os.sep}{name}' not in known
        )


def _text_files(folder: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry.name for entry in entries if entry.name.endswith('.txt') and entry.name[0] != '.')
    except FileNotFoundError:
        return
    except OSError as error:
        raise cannot_read(DatasetInvalid, error, folder) from error
