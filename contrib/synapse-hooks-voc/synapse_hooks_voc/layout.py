"""Where a VOC dataset keeps its files.

JPEGImages/, Annotations/, ImageSets/Main/      as the rules have it
images/, annotations/                           the same under other names
train/, valid/, test/ or none of these          an annotation file beside each image: Roboflow, labelImg
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from synapse_hooks.data import SPLITS, SUFFIXES, split_name
from synapse_hooks.formats import files_below
from synapse_hooks.storage import read_head

IMAGES, ANNOTATIONS, LISTS, MASKS = 'JPEGImages', 'Annotations', 'ImageSets/Main', 'SegmentationObject'
_NAMES = ((IMAGES, ANNOTATIONS), ('images', 'annotations'), ('Images', ANNOTATIONS), ('images', ANNOTATIONS))
_ROOT = re.compile(rb'<annotation[\s>]')
_FIRST = 20
_HEAD = 4096


class Folder(NamedTuple):
    """Where the images and annotation files of one split are."""

    split: str | None
    images: Path
    documents: Path

    @property
    def ids(self) -> list[str]:
        """The names of its items, sorted."""
        return sorted(names(self.documents, '.xml'))

    @property
    def unused(self) -> Iterator[str]:
        """The names of images that no annotation file is about, where these are beside them."""
        if self.images == self.documents:
            known = {*self.ids}
            found = sorted(files_below(self.images, *SUFFIXES))
            yield from (name for name in found if name.rpartition('.')[0] not in known)


def official(path: Path) -> Folder | None:
    """The folders of a dataset that has one for images and one for annotation files; None for another one."""
    pairs = (Folder(None, path / images, path / documents) for images, documents in _NAMES)
    return next((folder for folder in pairs if folder.documents.is_dir() and folder.images.is_dir()), None)


def beside(path: Path) -> list[Folder]:
    """The folders of a dataset whose annotation files are beside its images; empty where there are no such files."""
    places = [(split_name(name), path / name) for name in (*SPLITS, 'val', 'validation') if (path / name).is_dir()]
    found = [Folder(split, place, place) for split, place in places if _has_documents(place)]
    return found or ([Folder(None, path, path)] if _has_documents(path) else [])


def names(folder: Path, suffix: str) -> Iterator[str]:
    """The names of the files with a suffix below a folder, without it."""
    return (name.removesuffix(suffix) for name in files_below(folder, suffix) if name.endswith(suffix))


def _has_documents(folder: Path) -> bool:
    # Not below it: there may be a million files in a thousand folders.
    return any(map(_is_document, islice(folder.glob('[!.]*.xml'), _FIRST)))


def _is_document(file: Path) -> bool:
    return _ROOT.search(read_head(file, _HEAD)) is not None
