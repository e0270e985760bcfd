"""A COCO file, opened: its images, its categories, and its annotations still as text.

Rules: cocodataset.org, "Data format". Most files are large, and most of what is in them are coordinates: they are
looked at when an image's turn comes.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Raw, Struct

from synapse_hooks.errors import DatasetInvalid

Category = dict[str, Any]

T = TypeVar('T')


class Listed(Struct, gc=False):
    """An entry of `images`, as far as it concerns us; nothing is checked yet."""

    id: Any = None
    file_name: Any = None
    width: Any = 0
    height: Any = 0


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


class _Categories(Struct):
    categories: list[Category] | None = None


def open_document(file: Path) -> Document:
    """Open a file. What is in `annotations` is not looked at.

    Raises:
        DatasetInvalid: It is no COCO file, or not a whole one.
    """
    lists = _decode(file, _Lists)
    return Document(file, lists.images, lists.annotations or [], _by_id(file, lists.categories or []))


def read_categories(file: Path) -> list[Category]:
    """The categories of a file, in the order of their ids.

    Raises:
        DatasetInvalid: As in `open_document`.
    """
    categories = _by_id(file, _decode(file, _Categories).categories or [])
    return [categories[id] for id in sorted(categories, key=_order)]


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


def _decode(file: Path, type: type[T]) -> T:
    try:
        data = file.read_bytes().removeprefix(b'\xef\xbb\xbf')
        try:
            return msgspec.json.decode(data, type=type)
        except msgspec.ValidationError:
            raise
        except msgspec.DecodeError:
            quoted = _NO_NUMBERS.sub(_quoted, data)
            return msgspec.json.decode(quoted, type=type)
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
