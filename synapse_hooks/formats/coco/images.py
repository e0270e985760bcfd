"""Where the images of a COCO file are: each folder is listed once, and no name leads outside of the dataset."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from synapse_hooks.errors import UnreadableItem

_SPECIAL = re.compile(r'[/\\\0]')


class ImageFinder:
    """Finds image files by the names that an annotation file calls them.

    Args:
        file: The annotation file, for messages.
        roots: Folders below which the images may be, most likely first.
    """

    def __init__(self, file: Path, roots: Sequence[Path]) -> None:
        self.file = file
        self.roots = [str(root) for root in roots]
        self._listed: dict[str, set[str]] = {}

    def find(self, name: str) -> str:
        """The path of an image's file.

        Raises:
            UnreadableItem: There is no such file, or the name leads outside of the dataset.
        """
        if name in self._names(self.roots[0]):
            return f'{self.roots[0]}/{name}'
        inner = self._inside(name)
        folder, _, base = inner.rpartition('/')
        for root in self.roots:
            place = f'{root}/{folder}' if folder else root
            found = self._found(place, base)
            if found:
                return f'{place}/{found}'
        raise UnreadableItem(
            f'{self.file}: the image {name} is missing (looked below {self.roots[0]} and around)',
            hint='put the images beside the annotation file',
            path=name,
        )

    def stem(self, name: str) -> str:
        """The path of an image below its root, without its extension; as it is where it leads outside."""
        try:
            inner = self._inside(name)
        except UnreadableItem:
            return name
        stem, _, suffix = inner.rpartition('/')[2].rpartition('.')
        return inner[: -len(suffix) - 1] if stem and suffix else inner

    def _inside(self, name: str) -> str:
        if name not in ('.', '..') and not _SPECIAL.search(name):
            return name
        inner = PurePosixPath(name.replace('\\', '/'))
        if inner.is_absolute() or '..' in inner.parts or '\0' in name:
            raise UnreadableItem(f'{self.file}: {name!r} points outside the dataset', path=name)
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
                    self._listed[folder] = {entry.name for entry in entries if not entry.is_dir()}
            except PermissionError:
                # It is not as good as empty.
                raise
            except OSError:
                self._listed[folder] = set()
        return self._listed[folder]
