"""Where the images of a dataset are, and where the labels of each.

Rules (ultralytics 8.4, `BaseDataset.get_img_files` and `img2label_paths`): folders are searched to any depth, without
hidden files; links to folders are resolved. A list has an image in each line; `./` means the list's own folder. The
labels of an image are where the last folder `images` of its path is called `labels`; without one, they are beside it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from synapse_hooks.data import SUFFIXES, split_name
from synapse_hooks.errors import DatasetInvalid, cannot_read
from synapse_hooks.formats.yolo.config import Config

_IMAGES, _LABELS = f'{os.sep}images{os.sep}', f'{os.sep}labels{os.sep}'
_OTHER_TEXTS = ('classes.', 'README.')


class Folder(NamedTuple):
    """The images of one split in one folder. Names are text: a million of them must fit into memory."""

    split: str
    path: str
    id: str
    """What the ids of its images begin with: empty, or a relative posix path that ends with a slash."""
    names: list[str]
    """Of the image files, sorted."""


def folders_of(config: Config) -> list[Folder]:
    """Every image of a dataset: by split, source, and folder, sorted within each source.

    Raises:
        DatasetInvalid: A folder or a list cannot be read.
    """
    found: list[Folder] = []
    for split, sources in config.sources.items():
        for source in sources:
            place = os.path.realpath(source)
            found += _searched(place, split) if source.is_dir() else _listed(place, split, config.root)
    return found


def _searched(source: str, split: str) -> Iterator[Folder]:
    seen = set()
    for path, folders, files in os.walk(source, onerror=_refuse, followlinks=True):
        real = os.path.realpath(path)
        # A link to a folder above would be followed for ever.
        folders[:] = [] if real in seen else sorted(name for name in folders if name[0] != '.')
        names = [] if real in seen else sorted(name for name in files if _is_image(name))
        seen.add(real)
        if names:
            prefix = '' if path == source else os.path.relpath(path, source).replace(os.sep, '/') + '/'
            yield Folder(split, path, prefix, names)


def _refuse(error: OSError) -> None:
    raise cannot_read(DatasetInvalid, error) from error


def _is_image(name: str) -> bool:
    return f'.{name.rpartition(".")[2]}'.lower() in SUFFIXES and name[0] != '.'


def stem_of(name: str) -> str:
    """A file's name without its extension.

    Example:
        >>> stem_of('a.b.jpg')
        'a.b'
    """
    return name.rpartition('.')[0] or name


def _listed(source: str, split: str, root: Path) -> Iterator[Folder]:
    try:
        text = Path(source).read_text(encoding='utf-8-sig')
    except OSError as error:
        raise cannot_read(DatasetInvalid, error, source) from error
    except UnicodeDecodeError as error:
        raise DatasetInvalid(f'{source} is no list of images: {error}', hint='repair it', path=source) from error
    own, base = source.rpartition(os.sep)[0], os.path.realpath(root)
    folders: dict[str, list[str]] = {}
    for line in map(str.strip, text.splitlines()):
        if line:
            place, _, name = line.removeprefix('./').rpartition('/')
            if not line.startswith('/'):
                beside = line.startswith('./') or not os.access(f'{base}/{line}', os.F_OK)
                place = f'{own if beside else base}/{place}'.removesuffix('/')
            folders.setdefault(place, []).append(name)
    for path, names in sorted(folders.items()):
        yield Folder(split, path, _listed_id(path, split), sorted(names))


def _listed_id(path: str, split: str) -> str:
    _, found, inside = f'{path}{os.sep}'.rpartition(_IMAGES)
    first, _, rest = inside.partition(os.sep)
    return (rest if split_name(first) == split else inside) if found else ''


def labels_of(folder: str) -> str:
    """The folder with the labels of the images in a folder.

    Example:
        >>> labels_of('d/images/train'), labels_of('d/train')
        ('d/labels/train', 'd/train')
    """
    before, found, after = f'{os.sep}{folder}{os.sep}'.rpartition(_IMAGES)
    return f'{before}{_LABELS}{after}'[1:-1] if found else folder


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
        known: Real paths of text files that are no label files.
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
            yield from (entry.name for entry in entries if entry.name.endswith('.txt'))
    except FileNotFoundError:
        return
    except OSError as error:
        raise cannot_read(DatasetInvalid, error, folder) from error
