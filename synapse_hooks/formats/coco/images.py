"""Where the images of a COCO file are: each folder is listed once, and no name leads outside of the dataset."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property
from pathlib import PurePosixPath

from synapse_hooks.errors import UnreadableItem
from synapse_hooks.formats.coco.layout import Source
from synapse_hooks.formats.lookup import ImageLookup, Match, stem_of

_ELSEWHERE = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*:(?=[/\\])')
"""A drive, or the beginning of a link."""
_SPECIAL = re.compile(r'[/\\\0]')


class ImageFinder:
    """Finds image files by the names that an annotation file calls them.

    Args:
        source: The split: its annotation file, for messages, and the folders below which the images may be.
        names: What the images are called there.
    """

    def __init__(self, source: Source, names: Iterable[str] = ()) -> None:
        self.source = source
        self.file = source.files[0]
        self.names = names
        self.roots = [str(root) for root in source.roots]
        self._listed: dict[str, set[str]] = {}

    def find(self, name: str) -> str:
        """The path of an image's file.

        Raises:
            LookupError: There is no such file, or the name leads outside of the dataset.
        """
        if name in self._names(self.roots[0]):
            return f'{self.roots[0]}/{name}'
        inner = self._inside(name)
        folder, _, base = inner.rpartition('/')
        for root in self.roots:
            place = f'{root}/{folder}' if folder else root
            image = self._found(place, base)
            if image:
                return f'{place}/{image}'
        raise LookupError(f'it is not below {self.roots[0]} or around')

    def find_elsewhere(self, name: str) -> Match:
        """The only file that the name of an image can mean, if its path does not exist.

        Raises:
            UnreadableItem: There is none, or several that may be meant.
        """
        try:
            return self._lookup.find(name)
        except LookupError as error:
            raise UnreadableItem(
                f'{self.file}: the image {name} is missing or outside the dataset, and {error}',
                hint='put the images beside the annotation file',
                path=name,
            ) from error

    @cached_property
    def _lookup(self) -> ImageLookup:
        """Below the dataset's folder; of a split, below the first of its folders that has any image."""
        lookup = ImageLookup(self.source.home, self.names)
        if self.source.split is None:
            return lookup
        home = self.source.home
        inner = (ImageLookup(root, self.names) for root in self.source.roots if root.is_relative_to(home))
        return next((one for one in inner if not one.empty), lookup)

    def stem(self, name: str) -> str:
        """The path of an image below its root, without its extension; its bare name where it leads outside."""
        try:
            inner = self._inside(name)
        except LookupError:
            return stem_of(name)
        stem, _, suffix = inner.rpartition('/')[2].rpartition('.')
        return inner[: -len(suffix) - 1] if stem and suffix else inner

    def _inside(self, name: str) -> str:
        if name not in ('.', '..') and not _SPECIAL.search(name):
            return name
        inner = PurePosixPath(name.replace('\\', '/'))
        if inner.is_absolute() or '..' in inner.parts or '\0' in name or _ELSEWHERE.match(name):
            raise LookupError('it leads outside of the dataset')
        return inner.as_posix()

    def _found(self, folder: str, base: str) -> str:
        """What the file is called there: a file system may compose letters in another way than the annotations do."""
        names = self._names(folder)
        if base in names or base.isascii():
            return base if base in names else ''
        other = (unicodedata.normalize(form, base) for form in ('NFC', 'NFD'))
        return next((found for found in other if found in names), '')

    def _names(self, folder: str) -> set[str]:
        if folder not in self._listed:
            try:
                with os.scandir(folder) as entries:
                    self._listed[folder] = {entry.name for entry in entries if not _is_folder(entry)}
            except PermissionError:
                # It is not as good as empty.
                raise
            except OSError:
                self._listed[folder] = set()
        return self._listed[folder]


def _is_folder(entry: os.DirEntry[str]) -> bool:
    # A link in a circle makes `entry.is_dir` raise, which must not cost its neighbours.
    return os.path.isdir(entry) if entry.is_symlink() else entry.is_dir()  # noqa: PTH112
