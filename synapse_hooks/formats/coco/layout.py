"""Where COCO datasets keep their annotation files and images.

annotations.json and images beside it, or in images/           one dataset without splits
train/annotations.json, valid/..., images beside it            what we write; also _annotations.coco.json (Roboflow)
labels.json and data/                                          FiftyOne, the same as above otherwise
annotations/instances_train2017.json, train2017/               the official layout; also images/train2017/ (CVAT)
annotations/person_keypoints_..., captions_..., panoptic_...   more about the same images
annotations/anything.json                                      where no name is official; train.json is a split
result.json, train/anything.json                               of any name, if it is the only one
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from synapse_hooks.data import SPLITS, split_name
from synapse_hooks.errors import DatasetInvalid
from synapse_hooks.formats.folders import files_in
from synapse_hooks.storage.names import is_system_file
from synapse_hooks.storage.safe_open import read_head

CONFIG = 'annotations.json'
_ROBOFLOW = '_annotations.coco.json'
_FILES = (CONFIG, _ROBOFLOW, 'instances.json', 'coco.json', 'labels.json')
_WHAT = ('instances', 'person_keypoints', 'captions', 'panoptic')
_OFFICIAL = re.compile(rf'(?P<what>{"|".join(_WHAT)})_(?P<name>.+)\.json')
_OTHERS = re.compile(rb'"annotationsData"|"dm_format_version"|"categories"\s*:\s*\{')
"""What DM and Datumaro say in documents that speak of the same things."""
_INNER = ('images', 'data')
_MANY = 16


class Source(NamedTuple):
    """The annotation files of one split."""

    split: str | None
    files: list[Path]
    """The one about instances first, if there is one; others are about the same images."""
    roots: list[Path]
    """Folders below which the images may be, most likely first."""
    home: Path
    """The dataset's folder."""
    beside: Sequence[Path] = ()
    """Annotation files whose names do not say which part of the dataset they are; reported once."""

    @property
    def naming(self) -> list[Path]:
        """The files whose categories are classes of objects."""
        return [file for file in self.files if not file.name.startswith('panoptic_')] or self.files


def find_sources(path: Path) -> list[Source]:
    """The annotation files of a dataset; empty if there are none.

    Args:
        path: A folder, or an annotation file: then that one alone.

    Raises:
        DatasetInvalid: There are several files whose names do not say what part of the dataset they are.
    """
    if path.is_file():
        return [Source(None, [path], _around(path), _home(path))] if path.suffix.lower() == '.json' else []
    flat = _annotation_file(path)
    if flat is not None:
        return [Source(None, [flat], [path, *(path / inner for inner in _INNER)], path)]
    return (
        _split_folders(path, _annotation_file)
        or _below_annotations(path)
        or _of_any_name(path)
        or _split_folders(path, _only_file)
    )


def _split_folders(path: Path, find: Callable[[Path], Path | None]) -> list[Source]:
    return [
        Source(
            split_name(name),
            [file],
            [path / name, *(path / name / inner for inner in _INNER), *_images(path, name)],
            path,
        )
        for name in (*SPLITS, 'val', 'validation')
        if (file := find(path / name)) is not None
    ]


def _annotation_file(folder: Path) -> Path | None:
    return next((folder / name for name in _FILES if (folder / name).is_file()), None)


def _around(file: Path) -> list[Path]:
    match = _OFFICIAL.fullmatch(file.name)
    here, name = file.parent, match['name'] if match else file.stem
    return [here, *(here / inner for inner in _INNER), *_images(here.parent, name)]


def _home(file: Path) -> Path:
    """The folder of the dataset that an annotation file belongs to."""
    inner = _OFFICIAL.fullmatch(file.name) or file.parent.name == 'annotations'
    return file.parent.parent if inner else file.parent


def _images(path: Path, name: str) -> list[Path]:
    """Folders for the images of a split called `name`, such as `val2017`."""
    word = _word(name)
    names = dict.fromkeys((name, word, split_name(word)))
    return [*(folder / each for each in names for folder in (path / 'images', path)), path / 'images', path]


def _word(name: str) -> str:
    return name.rstrip('0123456789')


def _split(name: str) -> str | None:
    split = split_name(_word(name).lower())
    return split if split in SPLITS else None


def _below_annotations(path: Path) -> list[Source]:
    folder = path / 'annotations'
    # Unlike `glob`, `iterdir` does not take a closed folder for an empty one.
    listed = sorted(file for file in folder.iterdir() if file.suffix == '.json') if folder.is_dir() else []
    files = [file for file in listed if not is_system_file(file.name)]
    # Files with such a name are not checked here: a broken one is refused when it is opened, not skipped.
    sources = _official(path, files)
    likely = [file for file in files if looks_like_coco(file)]
    if not sources and likely:
        sources = _splits(path, files, likely) or _together(path, likely)
    return _with_rest(sources, likely)


def _with_rest(sources: list[Source], likely: list[Path]) -> list[Source]:
    used = {file for source in sources for file in source.files}
    rest = [file for file in likely if file not in used]
    return [sources[0]._replace(beside=rest), *sources[1:]] if rest else sources


def _official(path: Path, files: list[Path]) -> list[Source]:
    by_name: dict[str, dict[str, Path]] = {}
    for file in files:
        if match := _OFFICIAL.fullmatch(file.name):
            by_name.setdefault(match['name'], {})[match['what']] = file
    return [
        Source(_split(name), [files[what] for what in _WHAT if what in files], _images(path, name), path)
        for name, files in by_name.items()
    ]


def _splits(path: Path, files: list[Path], likely: list[Path]) -> list[Source]:
    """Files that are called like splits, where at least one of them is a COCO file."""
    splits = [file for file in files if _split(file.stem)]
    if not set(splits).intersection(likely):
        return []
    return [Source(_split(file.stem), [file], _images(path, file.stem), path) for file in splits]


def _together(path: Path, files: list[Path]) -> list[Source]:
    if not files:
        return []
    roots = dict.fromkeys(root for file in files for root in _images(path, file.stem))
    return [Source(None, files, [*roots], path)]


def _of_any_name(path: Path) -> list[Source]:
    """Files beside the folders of images: one of any name, or several with the names of splits or of official files."""
    files = _coco_files(path)
    sources = _official(path, files) or _splits(path, files, files)
    if sources:
        return _with_rest(sources, files)
    if len(files) > 1:
        # They may be versions of one.
        raise DatasetInvalid(
            f'{path} has several COCO files: {", ".join(file.name for file in files)}',
            hint=f'name the file instead of its folder: {files[0]}',
            path=str(path),
        )
    return _together(path, files)


def _only_file(folder: Path) -> Path | None:
    """The one COCO file in a folder; None for none or several."""
    files = _coco_files(folder)
    return files[0] if len(files) == 1 else None


def _coco_files(folder: Path) -> list[Path]:
    """The COCO files in a folder, of any name; none if there are many, each about one image."""
    return [file for file in files_in(folder, '.json', most=_MANY) if _has_images(file)]


def _has_images(file: Path) -> bool:
    """Whether a file of any name begins like a COCO file with images and annotations or categories.

    Other tools write lists of `categories` alone, or `annotations` about files.
    """
    head = _head(file)
    required = (b'"images"', b'"file_name"'), (b'"annotations"', b'"image_id"'), (b'"images"', b'"categories"')
    return looks_like_coco(file) and any(all(key in head for key in keys) for keys in required)


def looks_like_coco(file: Path) -> bool:
    """Whether the beginning of a file speaks of what COCO files are about."""
    head = _head(file)
    # A document of DM has images, too, but no names of files.
    known_keys = any(key in head for key in (b'"file_name"', b'"annotations"', b'"categories"'))
    return head.startswith(b'{') and known_keys and not _OTHERS.search(head)


def must_be_coco(file: Path) -> bool:
    """Whether a file has the name of a COCO file; its content is not checked.

    Other tools write lists as annotations.json: Create ML's, for one.
    """
    name = file.name
    return name == _ROBOFLOW or bool(_OFFICIAL.fullmatch(name)) or (name == CONFIG and _head(file)[:1] != b'[')


def _head(file: Path) -> bytes:
    return read_head(file).removeprefix(b'\xef\xbb\xbf').lstrip()


def require_sources(path: Path) -> list[Source]:
    """As `find_sources`.

    Raises:
        DatasetInvalid: There are none.
    """
    sources = find_sources(path)
    if not sources:
        raise DatasetInvalid(
            f'{path} is not a COCO dataset: neither {CONFIG} nor train/{CONFIG} nor annotations/*.json is there',
            hint='name the annotation file itself instead of its folder',
            path=str(path),
        )
    return sources
