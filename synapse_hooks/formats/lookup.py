"""Finds images whose path in a dataset does not exist: exported on another computer, from a server, or on Windows.

    C:\\data\\set\\a.png            the backslashes of Windows
    /media/me/DISK/set/a.png     a path of another computer
    https://host/x/a.png?t=1     a link
    my%20photo.png               percent-encoded
    IMG_1.JPG                    of img_1.jpg: Windows and macOS take one for the other
    /data/local-files/?d=x/a.png a file that Label Studio serves

An author of a format asks here when the path that a dataset names is not there, and reports the answer with
`self.report.repaired('image', found.reason, ...)`.
"""

# A Path for each of a million files costs more than the rest of the walk.
# ruff: noqa: PTH114, PTH118
from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from synapse_hooks.data import is_image_name
from synapse_hooks.storage import folded, is_inside, is_system_file

_URL = re.compile(r'[A-Za-z][A-Za-z0-9+.-]+://')
_DRIVE = re.compile(r'[A-Za-z]:(?=/|$)')
_LONGEST = 4096
_DEEPEST = 32
_SHOWN = 3


Parts = tuple[str, ...]
Key = Callable[[Parts], Parts]


class Match(NamedTuple):
    """The file that a path means."""

    file: str
    reason: str
    """What was wrong with the path and what was done, for the loss report."""


class ImageLookup:
    """Finds the one image in a dataset's folder that a path of elsewhere can mean.

    Only the end of the path counts: the longest one that any image of the folder ends with, down to the bare name. The
    folder is searched once, when the first path is asked for. Links to folders are not followed, and what is found is
    really inside of the folder.

    Args:
        folder: The dataset's folder.
        paths: All paths that the dataset names. Two of them are never taken for one file.

    Example:
        >>> lookup = ImageLookup('/nowhere', ['C:\\\\set\\\\a.png'])
        >>> lookup.find('C:\\\\set\\\\a.png')
        Traceback (most recent call last):
            ...
        LookupError: no image below /nowhere has that name
    """

    def __init__(self, folder: str | os.PathLike[str], paths: Iterable[str] = ()) -> None:
        self.folder = os.fspath(folder)
        self._paths = paths
        self._sharing: dict[tuple[int, Key], Counter[Parts]] = {}

    @property
    def empty(self) -> bool:
        """Whether there is no image at all."""
        return not self._places

    def find(self, path: str) -> Match:
        """The file that a path means.

        Args:
            path: As the dataset has it, with `/` or `\\`, relative or not, a link or percent-encoded.

        Raises:
            LookupError: No image can be meant, or several; the text says which, as part of a sentence.
        """
        parts = self._read(path)
        key = _as_written
        length, fitting = self._exact.fitting(parts)
        if not fitting:
            key = _folded
            length, fitting = self._case_blind.fitting(parts)
        shown = ['/'.join(place) for place in fitting[:_SHOWN]]
        if not shown or not self._inside(shown[0]):
            raise LookupError(f'no image below {self.folder} has that name')
        if len(fitting) > 1:
            more = ', ...' if len(fitting) > _SHOWN else ''
            raise LookupError(f'{len(fitting)} images have that name: {", ".join(shown)}{more}')
        if (sharing := self._sharing_tail(parts[-length:], key)) > 1:
            raise LookupError(f'{sharing} images of the dataset could be {shown[0]}')
        return Match(f'{self.folder}/{shown[0]}', _reason(path, cut=length < len(parts), is_folded=key is _folded))

    def _inside(self, place: str) -> bool:
        file = os.path.join(self.folder, place)
        return not os.path.islink(file) or is_inside(file, self.folder)

    def _read(self, path: str) -> tuple[str, ...]:
        """The parts of a path: percent-encoded only where no file has the name as it is written."""
        literal = _parts(_DRIVE.sub('', path[:_LONGEST].replace('\\', '/')))
        return literal if literal and literal[-1] in self._places else plain_parts(path)

    def _sharing_tail(self, tail: Parts, key: Key) -> int:
        """How many of the paths that the dataset names end like this."""
        which = len(tail), key
        if which not in self._sharing:
            self._sharing[which] = Counter(key(self._read(path)[-len(tail) :]) for path in {*self._paths})
        return self._sharing[which][key(tail)]

    @cached_property
    def _exact(self) -> _Index:
        return _Index(self._places.values(), _as_written)

    @cached_property
    def _case_blind(self) -> _Index:
        return _Index(self._places.values(), _folded)

    @cached_property
    def _places(self) -> dict[str, list[tuple[str, ...]]]:
        """The images below the folder, by their bare names, as the parts of their relative paths."""
        by_name: dict[str, list[tuple[str, ...]]] = {}
        for folder, below, files in os.walk(self.folder):
            below[:] = sorted(name for name in below if not is_system_file(name))
            above = _parts(os.path.relpath(folder, self.folder).replace(os.sep, '/'))
            for name in files:
                if is_image_name(name) and not is_system_file(name):
                    by_name.setdefault(name, []).append((*above, name))
        return {name: sorted(places) for name, places in by_name.items()}


def _shared_end(parts: tuple[str, ...], place: tuple[str, ...]) -> int:
    """How many parts at the end of two paths are the same."""
    pairs = zip(reversed(parts), reversed(place), strict=False)
    return next((number for number, (one, other) in enumerate(pairs) if one != other), min(len(parts), len(place)))


class _Index:
    """Images by the ends of their paths.

    Args:
        places: The parts of their relative paths.
        key: What of a path is compared.
    """

    def __init__(self, places: Iterable[list[Parts]], key: Key) -> None:
        self._key = key
        self._named: dict[str, list[Parts]] = {}
        self._ends: dict[str, dict[Parts, list[Parts]]] = {}
        for group in places:
            self._named.setdefault(key(group[0][-1:])[0], []).extend(group)

    def fitting(self, parts: Parts) -> tuple[int, list[Parts]]:
        """How many parts at the end of a path there are in the folder, at most, and the images that end so."""
        wanted = self._key(parts)
        if not wanted or wanted[-1] not in self._named:
            return 0, []
        places = self._named[wanted[-1]]
        if len(places) == 1:
            return _shared_end(wanted, self._key(places[0])), places
        if wanted[-1] not in self._ends:
            # Thousands of folders may have an image of the same name each.
            ends = self._ends[wanted[-1]] = {}
            for place in places:
                for start in range(len(place)):
                    ends.setdefault(self._key(place[start:]), []).append(place)
        ends = self._ends[wanted[-1]]
        length = next(length for length in range(len(wanted), 0, -1) if wanted[-length:] in ends)
        return length, ends[wanted[-length:]]


def plain_parts(path: str) -> tuple[str, ...]:
    """The parts of a path of elsewhere, without what only that computer knows: the drive, the host, the query.

    It is empty for a text that names no file. No part is `..` or has a separator or NUL in it.

    Example:
        >>> plain_parts('..\\\\..\\\\media\\\\upload\\\\4\\\\my%20a.png')
        ('media', 'upload', '4', 'my a.png')
        >>> plain_parts('https://host/x/c.png?token=1'), plain_parts('/data/local-files/?d=set/a.png')
        (('x', 'c.png'), ('set', 'a.png'))
    """
    if len(path) > _LONGEST:
        return ()
    plain = path.replace('\\', '/')
    if '/local-files/?d=' in plain:
        plain = parse_qs(plain.partition('?')[2]).get('d', [''])[0]
    elif _URL.match(plain):
        try:
            plain = unquote(urlsplit(plain).path)
        except ValueError:
            return ()
    else:
        plain = unquote(plain)
    return _parts(_DRIVE.sub('', plain.replace('\\', '/')))


def _parts(plain: str) -> tuple[str, ...]:
    parts: list[str] = []
    for part in plain.split('/'):
        if part == '..':
            del parts[-1:]
        elif part not in ('', '.'):
            parts.append(part)
    return () if '\0' in plain else tuple(parts[-_DEEPEST:])


def _as_written(parts: Parts) -> Parts:
    return parts


def _folded(parts: Parts) -> Parts:
    return tuple(map(folded, parts))


def _reason(path: str, *, cut: bool, is_folded: bool) -> str:
    if is_folded:
        return 'its path differs from its file in small and capital letters: the only image of that name is used'
    if not cut and not _URL.match(path):
        what = 'percent-encoded' if '%' in path else 'written for another computer'
        return f'its path is {what}: the image that it means is used'
    what = 'a link' if _URL.match(path) else 'not in the dataset'
    return f'its path is {what}: the only image of that name is used'


def stem_of(path: str) -> str:
    """A name for an image whose path leads outside of the dataset: that of its file, without the extension.

    Example:
        >>> stem_of('C:\\\\set\\\\a.b.png')
        'a.b'
    """
    name = next(reversed(plain_parts(path)), path)
    return name.rpartition('.')[0] or name
