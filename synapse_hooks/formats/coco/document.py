"""A COCO file, opened: its images, its categories, and its annotations still as text.

Rules: cocodataset.org, "Data format". Most files are large, and most of what is in them are coordinates: they are
looked at when an image's turn comes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from synapse_hooks.errors import DatasetInvalid

Category = dict[str, Any]


class Listed(Struct, gc=False):
    """An entry of `images`, as far as it concerns us; nothing is checked yet."""

    id: Any = None
    file_name: Any = None
    width: Any = 0
    height: Any = 0

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height, where it tells them."""
        width, height = self.width, self.height
        if type(width) is int and type(height) is int and width > 0 and height > 0:
            return width, height
        return None


class Document(NamedTuple):
    """What a file says."""

    file: Path
    images: list[Listed]
    annotations: list[Raw]
    categories: dict[Any, Category]
    """By id."""


class _Lists(Struct):
    images: list[Listed]
    annotations: list[Raw] | None = None
    categories: list[Category] | None = None


def open_document(file: Path) -> Document:
    """Open a file. What is in `annotations` is not looked at.

    Raises:
        DatasetInvalid: It is no COCO file, or not a whole one.
    """
    lists = _decode(file)
    return Document(file, lists.images, lists.annotations or [], _by_id(file, lists.categories or []))


class Openings:
    """Files that were opened for what they declare, and wait for being read: a large one is not opened twice."""

    def __init__(self) -> None:
        self._waiting: dict[Path, tuple[tuple[int, int] | None, Document]] = {}

    def categories(self, file: Path) -> list[Category]:
        """The categories of a file, in the order of their ids.

        Raises:
            DatasetInvalid: As in `open_document`.
        """
        state, document = _state(file), self.take(file)
        self._waiting[file] = state, document
        return [document.categories[id] for id in sorted(document.categories, key=_order)]

    def take(self, file: Path) -> Document:
        """A file, opened before or now; it does not wait any longer.

        Raises:
            DatasetInvalid: As in `open_document`.
        """
        state, document = self._waiting.pop(file, (None, None))
        return document if document is not None and state == _state(file) else open_document(file)


def _state(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns


def _order(id: Any) -> tuple[bool, float, str]:
    return (False, id, '') if isinstance(id, int | float) else (True, 0, str(id))


def _by_id(file: Path, categories: list[Category]) -> dict[Any, Category]:
    found: dict[Any, Category] = {}
    for place, category in enumerate(categories):
        id, name = category.get('id'), category.get('name')
        if not isinstance(id, int | float | str) or not isinstance(name, str | int):
            raise DatasetInvalid(
                f'{file}: categories[{place}] has no id or no name: {category!r}', hint='complete it', path=str(file)
            )
        if id in found and found[id]['name'] != name:
            raise DatasetInvalid(
                f'{file}: the category id {id} means {found[id]["name"]!r} and {name!r}',
                hint='give each category an id of its own',
                path=str(file),
            )
        found[id] = category
    return found


def _decode(file: Path) -> _Lists:
    try:
        data = file.read_bytes().removeprefix(b'\xef\xbb\xbf')
        try:
            return msgspec.json.decode(data, type=_Lists)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            quoted = _NO_NUMBERS.sub(_quoted, data)
            return msgspec.json.decode(quoted, type=_Lists)
    except msgspec.ValidationError as error:
        raise DatasetInvalid(
            f'{file} must be an object with lists of objects `images`, `annotations` and `categories`: {error}',
            hint='is it a COCO file?',
            path=str(file),
        ) from error
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise DatasetInvalid(f'{file} is not JSON: {error}', hint='repair it', path=str(file)) from error


# JSON knows no such numbers, but Python's `json` writes them. As texts they cost their annotation, not the whole file.
_NO_NUMBERS = re.compile(rb'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')


def _quoted(match: re.Match[bytes]) -> bytes:
    found = match[0]
    return found if found[:1] == b'"' else b'"%s"' % found
