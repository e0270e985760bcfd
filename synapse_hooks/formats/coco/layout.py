"""Where COCO datasets keep their annotation files and images.

annotations.json and images beside it, or in images/           one dataset without splits
train/annotations.json, valid/..., images beside it            what we write; also _annotations.coco.json (Roboflow)
annotations/instances_train2017.json, train2017/               the official layout; also images/train2017/
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from synapse_hooks.data import SPLITS, split_name
from synapse_hooks.errors import DatasetInvalid

CONFIG = 'annotations.json'
_FILES = (CONFIG, '_annotations.coco.json', 'instances.json', 'coco.json')
_OFFICIAL = re.compile(r'(?P<what>instances|person_keypoints)_(?P<name>(?P<split>[a-zA-Z]+)\d*)\.json')


class Source(NamedTuple):
    """One annotation file."""

    split: str | None
    file: Path
    roots: list[Path]
    """Folders below which its images may be, most likely first."""


def find_sources(path: Path) -> list[Source]:
    """The annotation files of a dataset; empty where there are none.

    Args:
        path: A folder, or an annotation file.
    """
    if path.is_file():
        match = _OFFICIAL.fullmatch(path.name)
        here, name = path.parent, match['name'] if match else path.stem
        around = [here, here / 'images', here.parent / 'images' / name, here.parent / name, here.parent / 'images']
        return [Source(None, path, [*around, here.parent])] if path.suffix.lower() == '.json' else []
    flat = _annotation_file(path)
    if flat is not None:
        return [Source(None, flat, [path, path / 'images'])]
    splits = [
        Source(split_name(name), file, [path / name, path / name / 'images', path / 'images' / name, path])
        for name in (*SPLITS, 'val', 'validation')
        if (file := _annotation_file(path / name)) is not None
    ]
    return splits or _official(path)


def _annotation_file(folder: Path) -> Path | None:
    return next((folder / name for name in _FILES if (folder / name).is_file()), None)


def _official(path: Path) -> list[Source]:
    found: dict[str, list[Source]] = {'instances': [], 'person_keypoints': []}
    for file in sorted((path / 'annotations').glob('*.json')):
        match = _OFFICIAL.fullmatch(file.name)
        if match:
            name, split = match['name'], split_name(match['split'])
            roots = [path / 'images' / name, path / name, path / 'images' / match['split'], path / match['split']]
            known = split if split in SPLITS else None
            found[match['what']].append(Source(known, file, [*roots, path / 'images', path]))
    return found['instances'] or found['person_keypoints']


def need_sources(path: Path) -> list[Source]:
    """As `find_sources`.

    Raises:
        DatasetInvalid: There are none.
    """
    sources = find_sources(path)
    if not sources:
        raise DatasetInvalid(
            f'{path} is no COCO dataset: neither {CONFIG} nor train/{CONFIG} nor annotations/instances_*.json is there',
            hint='name the annotation file itself instead of its folder',
            path=str(path),
        )
    return sources
