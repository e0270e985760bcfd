"""Untrusted names: text of a server or an archive never becomes a path unchanged."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

Name = TypeVar('Name', bound=Hashable)

_RESERVED = re.compile(r'(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?', re.IGNORECASE)
_LOOKS_MAPPED = re.compile(r'-[0-9a-f]{10}(\.[^.]*)?')
_LONGEST = 120
_SYSTEM_FILES = frozenset(('thumbs.db', 'desktop.ini', '__macosx'))


def safe_name(text: str) -> str:
    """A file name for any text: one component, allowed everywhere, and different for different texts.

    A text that is a harmless name already stays as it is. Every other one gets a part of its own digest, so two texts
    never meet on one name, not even on a disk that ignores case or normalises Unicode.

    Example:
        >>> safe_name('street_01.jpg')
        'street_01.jpg'
        >>> safe_name('../../etc/passwd')
        'etc_passwd-3754d6cb3a'
        >>> safe_name('A.JPG') == safe_name('a.jpg')
        False
    """
    kept = ''.join(char if char.isalnum() or char in '._-' else '_' for char in unicodedata.normalize('NFC', text))
    plain = kept.strip('._ ')
    harmless = (
        text == plain == folded(plain)
        and 0 < len(text.encode()) <= _LONGEST
        and not _RESERVED.fullmatch(text)
        and not _LOOKS_MAPPED.search(text)
    )
    if harmless:
        return text
    stem, dot, suffix = plain.rpartition('.')
    if not dot or len(suffix.encode()) > 16:
        stem, dot, suffix = plain, '', ''
    stem = stem.encode()[:_LONGEST].decode(errors='ignore').rstrip('._ ') or 'x'
    return f'{stem}-{hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:10]}{dot}{suffix}'


class FreeNames(Generic[Name]):
    """Makes names unique, in constant time for each, however many are equal.

    Args:
        taken: Names that are not free.

    Example:
        >>> names = FreeNames(['b'])
        >>> [names.take(name, lambda name, number: f'{name}~{number}') for name in ('a', 'b', 'a')]
        ['a', 'b~2', 'a~2']
    """

    def __init__(self, taken: Iterable[Name] = ()) -> None:
        self._taken = set(taken)
        self._following: dict[Name, int] = {}

    def take(self, name: Name, numbered: Callable[[Name, int], Name], first: int = 2) -> Name:
        """`name` where it is free, else the first free one of `numbered(name, number)`, from `first` on."""
        if name in self._taken:
            # Of many equal names, each would try all that those before it got.
            start = numbered(name, first)
            number = self._following.get(start, first)
            while (found := numbered(name, number)) in self._taken:
                number += 1
            self._following[start] = number + 1
            name = found
        self._taken.add(name)
        return name


def folded(text: str) -> str:
    """`text` as a disk sees it that ignores case and normalises Unicode: names that are equal here would collide."""
    return unicodedata.normalize('NFC', unicodedata.normalize('NFC', text).casefold())


def is_system_file(name: str) -> bool:
    """Whether a file or folder is one that operating systems create everywhere, such as `.DS_Store`, by its name.

    Example:
        >>> is_system_file('.DS_Store'), is_system_file('Thumbs.db'), is_system_file('a.jpg')
        (True, True, False)
    """
    return name.startswith('.') or name.lower() in _SYSTEM_FILES
