"""The items of a dataset version, page by page, read ahead of the consumer."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from msgspec import Meta, Raw, Struct

from synapse_hooks.backends.synapse.api import REPORT, ApiClient
from synapse_hooks.backends.synapse.url import shown
from synapse_hooks.data import split_name
from synapse_hooks.errors import BackendError
from synapse_hooks.safe_text import repr_of

PAGE: Final = 100
_PATH: Final = 'sdk/ground_truth_events/'
_CATEGORIES: Final = {'train': 'train', 'valid': 'validation', 'test': 'test'}
_PREFETCHED: Final = 4
_LONGEST: Final = 1000
_MAX_EMPTY: Final = 10
_SIGNED: Final = re.compile(
    r'(x-amz-|x-goog-).*|signature|expires|awsaccesskeyid|googleaccessid|key-pair-id|policy|token|sig|s[etpvr]|spr|sk\w+'
)
"""Parameters of presigned addresses of S3, Google Cloud Storage, CloudFront and Azure."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of an item."""

    name: str
    """What the item calls it: the name of its file specification."""
    url: str
    is_primary: bool | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RemoteItem:
    """An item of a dataset (the protocol calls it an event): its document, and the files that it is about."""

    id: str
    """The backend's; made of its files' addresses where it has none."""
    split: str | None
    data: bytes
    """The document, in DM, as the backend sent it; `null` or nothing where there is none."""
    files: tuple[RemoteFile, ...]


Source = tuple[str, list[tuple[str, str]] | None, int]
"""A page: its address, its query, and how many items are before it."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the items."""

    items: list[RemoteItem]
    total: int
    """How many items there are in all, according to this page."""
    source: Source
    """The query that gets it again."""


class _File(Struct):
    url: str
    meta: dict[str, Any] | None = None
    is_primary: bool | None = None


class _Entry(Struct):
    id: int | Annotated[str, Meta(max_length=_LONGEST)] | None = None
    category: Annotated[str, Meta(max_length=_LONGEST)] | None = None
    files: dict[str, _File | str] | None = None
    # Pasted into the dataset as it is: numbers keep their digits.
    data: Raw = Raw(b'')


class _Page(Struct):
    results: list[_Entry]
    count: Annotated[int, Meta(ge=0)]
    next: str | None = None


class Listing:
    """The items of a version that match the filters, in the backend's order.

    Args:
        api: The API.
        version: The id of the dataset version.
        split: Only this one; None is all of them.
        filters: More query parameters, of this split.
    """

    def __init__(
        self, api: ApiClient, version: int | str, split: str | None = None, filters: Mapping[str, Any] | None = None
    ) -> None:
        self.api = api
        self.version = version
        self.split = split
        self.filters = dict(filters or {})

    def pages(self) -> Iterator[Page]:
        """Every page, in order.

        Raises:
            BackendError: Pages that repeat, or another count than was announced.
        """
        query: list[tuple[str, str]] | None = [
            *(('fields', name) for name in ('id', 'category', 'files', 'data')),
            ('expand', 'data'),
            *self._query(PAGE),
        ]
        target: str | None = _PATH
        seen: set[str] = set()
        count = empty = 0
        total: int | None = None
        while target is not None:
            source = (target, query, count)
            answer = self.api.get(target, query, type=_Page)
            query = None
            page = self._page(answer, source)
            total = page.total if total is None else total
            count += len(page.items)
            yield page
            target = answer.next
            if target is not None and target in seen:
                raise BackendError(
                    f'dataset {self.version}: the pages of the backend repeat ({shown(target)} comes twice)',
                    hint=REPORT,
                )
            seen.add(str(target))
            if count > total:
                break
            empty += not page.items
            if empty > _MAX_EMPTY:
                raise BackendError(
                    f'dataset {self.version}: more than {_MAX_EMPTY} pages of the backend have no items', hint=REPORT
                )
        if count != total:
            raise BackendError(
                f'dataset {self.version}: the backend announced {total:,} items and sent {count:,}',
                hint='run it again: items may have been added or removed meanwhile; if it stays, report it',
                announced=total,
                sent=count,
            )

    def count(self) -> int:
        """How many items there are, as the backend announces it."""
        answer: _Page = self.api.get(_PATH, [('fields', 'id'), *self._query(1)], type=_Page)
        return answer.count

    def prefetch(self) -> PagePrefetcher:
        """The same, read ahead by a thread."""
        return PagePrefetcher(self)

    def reload(self, page: Page) -> Page:
        """The same page as it is now: with fresh addresses of files."""
        return self._page(self.api.get(*page.source[:2], type=_Page), page.source)

    def _query(self, size: int) -> list[tuple[str, str]]:
        query = [('ground_truth_dataset_versions', str(self.version)), ('page_size', str(size))]
        if self.split is not None:
            query.append(('category', _CATEGORIES.get(self.split, self.split)))
        return query + [(str(name), _plain(value)) for name, value in self.filters.items()]

    def _page(self, answer: _Page, source: Source) -> Page:
        return Page([self._item(entry) for entry in answer.results], answer.count, source)

    def _item(self, entry: _Entry) -> RemoteItem:
        files = tuple(
            RemoteFile(name, file)
            if isinstance(file, str)
            else RemoteFile(name, file.url, file.is_primary, file.meta or {})
            for name, file in (entry.files or {}).items()
        )
        for file in files:
            try:
                urlsplit('' if file.url.startswith('data:') else file.url)
            except ValueError as error:
                raise BackendError(
                    f'item {entry.id}: file {repr_of(file.name)} has an address that cannot be used: {error}',
                    hint=REPORT,
                ) from error
        id = entry.id
        if id is None:
            id = '|'.join(f'{file.name}={unsigned(file.url)}' for file in files)
        split = split_name(entry.category) if entry.category else None
        return RemoteItem(str(id), self.split or split, entry.data, files)


class PagePrefetcher:
    """Reads pages ahead in a thread.

    Args:
        listing: Whose.
    """

    def __init__(self, listing: Listing) -> None:
        self._pages: queue.Queue[Page | Exception | None] = queue.Queue(_PREFETCHED)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, args=(listing,), name='pages', daemon=True)
        self._thread.start()
        self._ended = False

    def take(self, wait: float = 0.0) -> Page | None:
        """The next page, if it is there within `wait` seconds. `ended` is whether there are no more."""
        if self._ended:
            return None
        try:
            page = self._pages.get(wait > 0, wait or None)
        except queue.Empty:
            return None
        if isinstance(page, Exception):
            self._ended = True
            raise page
        self._ended = page is None
        return page

    @property
    def ended(self) -> bool:
        """Whether every page was taken."""
        return self._ended

    def close(self) -> None:
        """Read no more."""
        self._stopping.set()
        while not self._pages.empty():
            self._pages.get_nowait()

    def _read(self, listing: Listing) -> None:
        last: Exception | None = None
        try:
            for page in listing.pages():
                self._put(page)
                if self._stopping.is_set():
                    return
        except Exception as error:  # the thread that takes the pages raises it
            last = error
        self._put(last)

    def _put(self, page: Page | Exception | None) -> None:
        while not self._stopping.is_set():
            try:
                self._pages.put(page, timeout=0.1)
            except queue.Full:
                continue
            return


def unsigned(url: str) -> str:
    """An address without its signature, which changes every time, so that it can be compared.

    Example:
        >>> unsigned('https://a.example.com/f?v=2&X-Amz-Signature=1f&Expires=9')
        'https://a.example.com/f?v=2'
    """
    if '?' not in url and '#' not in url:
        return url
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if not _SIGNED.fullmatch(name.lower())]
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(kept), ''))


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
