"""A COCO file, opened: its images, its categories, and its annotations, most of which is still text.

Rules: cocodataset.org, "Data format". Most files are large, and most of what is in them are coordinates: they are
looked at when an image's turn comes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Raw, Struct

from synapse_hooks.errors import DatasetInvalid, cannot_read
from synapse_hooks.storage.safe_open import TABLE_LIMIT, read_file

Category = dict[str, Any]


class Listed(Struct, gc=False):
    """An entry of `images`, as far as it concerns us; nothing is checked yet."""

    id: Any = None
    file_name: Any = None
    width: Any = 0
    height: Any = 0

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height, if it declares them."""
        width, height = self.width, self.height
        if type(width) is int and type(height) is int and width > 0 and height > 0:
            return width, height
        return None


class Fields(Struct, gc=False, omit_defaults=True):
    """An entry of `annotations` as far as shapes are concerned. What may be long, or of any kind, is still text."""

    id: int | str | None = None
    image_id: int | str | float | None = None
    category_id: int | str | None = None
    iscrowd: Any = 0
    bbox: Raw = Raw(b'null')
    area: Any = None
    segmentation: Raw = Raw(b'null')
    attributes: Raw = Raw(b'')
    keypoints: Raw = Raw(b'')
    caption: Raw = Raw(b'')
    segments_info: Raw = Raw(b'')


class Document(NamedTuple):
    """What a file says."""

    file: Path
    images: list[Listed]
    annotations: list[Fields | Raw] | None
    """None where it has none, not even an empty list."""
    categories: dict[Any, Category]
    """By id."""
    digest: bytes
    """Of the whole file."""


_E = TypeVar('_E')


class _Lists(Struct, Generic[_E]):
    images: list[Listed]
    annotations: list[_E] | None = None
    categories: list[Category] | None = None


def open_document(file: Path, *, whole: bool) -> Document:
    """Open a file.

    Args:
        file: Which.
        whole: Annotations are left as text, with every key. Otherwise they are `Fields`, if they can be decoded so.

    Raises:
        DatasetInvalid: It is not a COCO file, or not a whole one.
    """
    digest = hashlib.sha256()
    try:
        data = read_file(file, limit=TABLE_LIMIT)
        # It lets go of Python's lock, and is ready before what is decoded here.
        with _beside(partial(digest.update, data)):
            lists = _decode(data.removeprefix(b'\xef\xbb\xbf'), whole)
    except msgspec.ValidationError as error:
        raise DatasetInvalid(
            f'{file} must be an object with lists of objects `images`, `annotations` and `categories`: {error}',
            hint='is it a COCO file?',
            path=str(file),
        ) from error
    except OSError as error:
        raise cannot_read(DatasetInvalid, error, file) from error
    except (UnicodeDecodeError, RecursionError, msgspec.DecodeError) as error:
        raise DatasetInvalid(f'{file} is not JSON: {error}', hint='fix it', path=str(file)) from error
    categories = _by_id(file, lists.categories or [])
    return Document(file, lists.images, lists.annotations, categories, digest.digest())


class DocumentCache:
    """Keeps files that were opened for their categories until they are read: a large file is not opened twice."""

    def __init__(self) -> None:
        self._documents: dict[Path, tuple[tuple[int, int] | None, Document]] = {}

    def categories(self, file: Path) -> list[Category]:
        """The categories of a file, in the order of their ids.

        Raises:
            DatasetInvalid: As in `open_document`.
        """
        state, document = _state(file), self.take(file, whole=False)
        self._documents[file] = state, document
        return [document.categories[id] for id in sorted(document.categories, key=_order)]

    def take(self, file: Path, *, whole: bool) -> Document:
        """A file, from the cache or opened now; the cache drops it. Documents in the cache are not `whole`.

        Raises:
            DatasetInvalid: As in `open_document`.
        """
        state, document = self._documents.pop(file, (None, None))
        if document is not None and not whole and state == _state(file):
            return document
        # Not two of them in memory at once.
        del document
        return open_document(file, whole=whole)


def _state(file: Path) -> tuple[int, int] | None:
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


def _order(id: Any) -> tuple[bool, float, str]:
    return (False, id, '') if isinstance(id, int | float) else (True, 0, str(id))


def _by_id(file: Path, categories: list[Category]) -> dict[Any, Category]:
    named: dict[Any, Category] = {}
    for place, category in enumerate(categories):
        id, name = category.get('id'), category.get('name')
        if not isinstance(id, int | float | str) or not isinstance(name, str | int):
            raise DatasetInvalid(
                f'{file}: categories[{place}] has no id or no name: {category!r}', hint='complete it', path=str(file)
            )
        for key in ('keypoints', 'skeleton'):
            if not isinstance(category.get(key) or [], list):
                raise DatasetInvalid(
                    f'{file}: {key} of categories[{place}] must be a list, not {category[key]!r:.40}',
                    hint='repair or remove it',
                    path=str(file),
                )
        if id in named and named[id]['name'] != name:
            raise DatasetInvalid(
                f'{file}: the category id {id} means {named[id]["name"]!r} and {name!r}',
                hint='give each category an id of its own',
                path=str(file),
            )
        named[id] = category
    return named


@contextmanager
def _beside(work: Callable[[], None]) -> Iterator[None]:
    thread = Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _decode(data: bytes, whole: bool) -> _Lists[Any]:
    try:
        return _decode_lists(data, whole)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        return _decode_lists(_NO_NUMBERS.sub(_quoted, data), whole)


def _decode_lists(data: bytes, whole: bool) -> _Lists[Any]:
    if whole:
        return msgspec.json.decode(data, type=_Lists[Raw])
    try:
        return msgspec.json.decode(data, type=_Lists[Fields])
    except (msgspec.ValidationError, UnicodeDecodeError):
        # Perhaps some annotations are strange: then they stay text.
        lists: _Lists[Any] = msgspec.json.decode(data, type=_Lists[Raw])
        if lists.annotations is not None:
            lists.annotations = [_fields_or_text(text) for text in lists.annotations]
        return lists


def _fields_or_text(text: Raw) -> Fields | Raw:
    try:
        return _fields(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return text


_fields = msgspec.json.Decoder(Fields).decode

# JSON knows no such numbers, but Python's `json` writes them. As texts they cost their annotation, not the whole file.
# Possessive: what may be given back takes memory for every letter of a text.
_NO_NUMBERS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?Infinity|NaN', re.DOTALL)


def _quoted(match: re.Match[bytes]) -> bytes:
    token = match[0]
    return token if token[:1] == b'"' else b'"%s"' % token
