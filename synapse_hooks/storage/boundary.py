"""Which files are inside of a dataset, links resolved, fast enough for a million of them."""

# A Path for each of a million files costs more than the answer.
# ruff: noqa: PTH115, PTH118
from __future__ import annotations

import os

_MOST_LINKS = 40
"""As many as Linux follows."""


class Boundary:
    """The folders that a dataset consists of. Each folder of a file is resolved once; a file that is not a link costs
    nothing more.

    Args:
        *folders: The dataset's own.

    Example:
        >>> boundary = Boundary('/data/set')
        >>> boundary.has('/data/set/images/1.jpg'), boundary.has('/data/set/../key')
        (True, False)
    """

    def __init__(self, *folders: str | os.PathLike[str]) -> None:
        self._roots: tuple[str, ...] = ()
        self._folders: dict[str, str] = {}
        self._held: dict[str, bool] = {}
        self.add(*folders)

    def add(self, *folders: str | os.PathLike[str]) -> None:
        """Make folders the dataset's own, too."""
        roots = (os.path.join(os.path.realpath(folder), '') for folder in folders)
        self._roots = tuple(dict.fromkeys((*self._roots, *roots)))
        self._held.clear()

    def has_folder(self, folder: str) -> bool:
        """Whether a folder is one of the dataset's, or below one of them."""
        held = self._held.get(folder)
        if held is None:
            held = self._held[folder] = f'{self._real(folder)}{os.sep}'.startswith(self._roots)
        return held

    def has(self, file: str) -> bool:
        """Whether a file is below one of the dataset's folders; where it is a link, what that leads to."""
        return self.has_folder(self.real(file).rpartition(os.sep)[0])

    def real(self, file: str) -> str:
        """A file's path without links."""
        for _ in range(_MOST_LINKS):
            folder, name = os.path.split(file)
            if name in ('', os.curdir, os.pardir):
                break
            try:
                target = os.readlink(file)
            except OSError:
                return f'{self._real(folder)}{os.sep}{name}'
            file = os.path.join(folder, target)
        return os.path.realpath(file)

    def _real(self, folder: str) -> str:
        real = self._folders.get(folder)
        if real is None:
            real = self._folders[folder] = os.path.realpath(folder)
        return real
