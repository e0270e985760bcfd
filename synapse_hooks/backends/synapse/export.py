"""A dataset of a backend on this machine, in DM layout: items listed and files fetched at the same time.

    OUT/json/ID.json            documents
    OUT/original_files/ID.EXT   files, linked to the cache
    OUT/items.jsonl             what each item is called at the backend, and which content it has; written last

Where splits are requested, or the items have theirs, the first two are in a folder for each split. No name of a file is
taken from the backend: it is made of the item's id.
"""

from __future__ import annotations

import base64
import hashlib
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from synapse_hooks.backends.synapse.arrived import Arrived, ArrivedItems
from synapse_hooks.backends.synapse.download import FileRequest
from synapse_hooks.backends.synapse.fetching import Fetched, Fetcher
from synapse_hooks.backends.synapse.listing import Listing, Page, PagePrefetcher, RemoteFile, RemoteItem, unsigned
from synapse_hooks.context import Dataset
from synapse_hooks.data import SPLITS, SUFFIXES, read_header
from synapse_hooks.data.images import DEFAULT_SUFFIXES
from synapse_hooks.errors import BackendError, UnreadableItem
from synapse_hooks.storage import safe_name
from synapse_hooks.storage.blobs import Blob
from synapse_hooks.storage.bulk import link_all, write_all
from synapse_hooks.storage.disk import filling_folder, free_bytes
from synapse_hooks.storage.ownership import temporary_path

DOCUMENTS: Final = 'json'
FILES: Final = 'original_files'
MANIFEST: Final = 'items.jsonl'
_DOCUMENT_LIMIT: Final = 256 << 20
_MAX_NAME: Final = 200

_EVERY: Final = 0.25
"""Seconds between two reports of progress."""
_TYPICAL: Final = 100
"""Items after which the rest is taken to be like them."""

Progress = Callable[[int, int, int], None]
"""Called with how many items are there, how many there are in all, and the bytes that came over the network."""


class ExportWarning(UserWarning):
    """A warning during an export, which may not be able to finish."""


@dataclass
class _Item:
    """An item on its way."""

    remote: RemoteItem
    page: Page
    listing: Listing
    stem: str
    missing: int = 0
    document: Blob | None = None
    files: list[tuple[RemoteFile, Blob]] = field(default_factory=list)


class Export:
    """One export.

    Args:
        fetcher: Fetches the files.
        scope: What the keys of files begin with: host, tenant, version.
        out: The folder, empty or new.
        progress: Called with the progress, a few times a second and at the end.
        arrived: Called with items that are complete.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        scope: str,
        out: Path,
        progress: Progress | None = None,
        arrived: Arrived | None = None,
    ) -> None:
        self.fetcher = fetcher
        self.scope = scope
        self.out = out
        self.progress = progress or (lambda done, total, received: None)
        self.arrived = ArrivedItems(arrived)
        self.counts: dict[str, int] = {}
        self._items: dict[str, _Item] = {}
        self._folders: dict[tuple[str, str], str] = {}
        self._sum = 0
        self._done = 0
        self._total = 0
        self._begun = 0
        self._reported_at = 0.0
        self._warned = False
        self._reread: tuple[Page, Page, float] | None = None
        self._manifest: IO[bytes]

    def run(self, listings: Sequence[Listing]) -> Dataset:
        """Export everything that the listings have.

        Raises:
            BackendError: An item or file is not available; the message names it.
            DiskFull: No space.
        """
        unfinished = temporary_path(self.out / MANIFEST)
        with filling_folder(self.out), ExitStack() as stack:
            stack.callback(unfinished.unlink, missing_ok=True)
            self._manifest = stack.enter_context(unfinished.open('xb'))
            if len(listings) > 1:
                # Otherwise the first split would seem to be everything.
                self._total = sum(listing.count() for listing in listings)
            for listing in listings:
                pages = listing.prefetch()
                stack.callback(pages.close)
                self._one(listing, pages)
            self.arrived.close()
            made = self._dataset()
            # It is written last: it lists what was requested.
            self._manifest.close()
            unfinished.rename(self.out / MANIFEST)
            self.progress(self._done, self._done, self.fetcher.received)
        return made

    def _one(self, listing: Listing, pages: PagePrefetcher) -> None:
        def next_requests() -> list[FileRequest] | None:
            # Where nothing is on its way there is nothing else to do than to wait for a page.
            page = pages.take(0.0 if self._items else 0.2)
            if page is None:
                return None if pages.ended else []
            self._total = self._total or page.total
            return list(self._begin(listing, page))

        for fetched in self.fetcher.fetch(next_requests, self._fresh_address):
            if fetched is not None:
                self._add_file(fetched)
            if (now := time.monotonic()) > self._reported_at + _EVERY and self._total:
                self._reported_at = now
                self.progress(self._done, self._total, self.fetcher.received)
                self._check_space()

    def _check_space(self) -> None:
        """Warn once where the rest is estimated not to fit on the disk; an estimate does not end the export."""
        if self._warned or self._done < _TYPICAL:
            return
        rest = self.fetcher.received * (self._total - self._done) // self._done
        free = free_bytes(self.fetcher.cache.root)
        if 0 < free < rest:
            self._warned = True
            with suppress(ExportWarning):
                warnings.warn(
                    f'the disk may be too small: about {rest / 1e9:,.1f} GB are still to be fetched, '
                    f'and {free / 1e9:,.1f} GB are free at {self.fetcher.cache.root}',
                    ExportWarning,
                    stacklevel=2,
                )

    # -- items -------------------------------------------------------------------------------------------------------

    def _begin(self, listing: Listing, page: Page) -> Iterator[FileRequest]:
        for remote in page.items:
            item = _Item(remote, page, listing, _stem(remote.id))
            requests: list[FileRequest] = []
            for file in remote.files:
                key = self._key(remote, file)
                if file.url.startswith('data:'):
                    self._attach(item, file, self.fetcher.cache.blobs.put_bytes(_data_uri_content(file, remote)))
                else:
                    requests.append(
                        FileRequest(
                            key,
                            file.url,
                            size=_size(file.meta),
                            sha256=_sha256(file.meta),
                            image=_suffix(file.url) in SUFFIXES,
                            tag=(item, file),
                        )
                    )
            item.missing = len(requests)
            self._begun += 1
            if remote.id in self._items:
                raise _twice(remote)
            if requests:
                self._items[remote.id] = item
                yield from requests
            else:
                self._finish(item)

    def _add_file(self, fetched: Fetched) -> None:
        item, file = fetched.request.tag
        self._attach(item, file, fetched.blob)
        item.missing -= 1
        if not item.missing:
            self._items.pop(item.remote.id, None)
            self._finish(item)

    @staticmethod
    def _attach(item: _Item, file: RemoteFile, blob: Blob) -> None:
        if file.name.startswith('data_meta') and _suffix(file.url) in ('.json', ''):
            item.document = blob
        else:
            item.files.append((file, blob))

    def _finish(self, item: _Item) -> None:
        """Everything of an item is here: put it into the dataset."""
        remote = item.remote
        split = remote.split or ''
        documents, files = self._folder(split, DOCUMENTS), self._folder(split, FILES)
        data = self._document(item)
        digest = hashlib.sha256(repr((split, item.stem)).encode() + data)
        try:
            write_all([(f'{documents}/{item.stem}.json', data)])
        except FileExistsError as error:
            raise _twice(remote) from error
        listed: list[dict[str, Any]] = []
        main = next((one for one in item.files if one[0].is_primary), item.files[0] if item.files else None)
        for remote_file, blob in sorted(item.files, key=lambda one: one[0].name):
            name = item.stem if (remote_file, blob) == main else _secondary_name(item.stem, remote_file.name)
            source = self.fetcher.cache.blobs.path(blob.sha256)
            name += _suffix(remote_file.url) or _detected_suffix(source)
            link_all([(source, f'{files}/{name}')])
            digest.update(f'{name}\0{blob.sha256}'.encode())
            listed.append({'name': name, 'called': remote_file.name, 'sha256': blob.sha256, 'size': blob.size})
        document = {
            'name': f'{item.stem}.json',
            'sha256': hashlib.sha256(data).hexdigest(),
            'size': len(data),
        }
        row = {'id': remote.id, 'split': split or None, 'document': document, 'files': listed}
        self._manifest.write(msgspec.json.encode(row) + b'\n')
        self.arrived.add(split, f'{item.stem}.json', (file['name'] for file in listed))
        # A sum does not depend on the order in which files came.
        self._sum = (self._sum + int.from_bytes(digest.digest())) % (1 << 256)
        self.counts[split] = self.counts.get(split, 0) + 1
        self._done += 1

    def _document(self, item: _Item) -> bytes:
        if item.document is None:
            data = bytes(item.remote.data)
            return b'{}' if data in (b'', b'null') else data
        if item.document.size > _DOCUMENT_LIMIT:
            raise BackendError(f'item {item.remote.id}: its document has more than {_DOCUMENT_LIMIT:,} bytes')
        return Path(self.fetcher.cache.blobs.path(item.document.sha256)).read_bytes()

    def _dataset(self) -> Dataset:
        unsplit = self.counts.get('', 0)
        if unsplit and len(self.counts) > 1:
            raise BackendError(
                f'{unsplit:,} of {self._done:,} items are in no split, while others are',
                hint="request the splits by name: splits={'train': None, 'valid': None}",
            )
        if self._done != self._begun:
            # Two files that a backend names alike are fetched once, and one of their items waits for ever.
            raise BackendError(
                f'{self._begun - self._done:,} of {self._begun:,} items have files that cannot be distinguished',
                hint='report it to the operator of the backend',
            )
        if not self._done:
            raise BackendError('the dataset has no items', hint='check its id, and the filters in `splits`')
        return {
            'path': self.out,
            'format': 'dm',
            'config_path': None,
            'splits': {
                name: self.counts[name]
                for name in dict.fromkeys((*SPLITS, *sorted(self.counts)))
                if name in self.counts and name
            },
            'digest': f'{self._sum:064x}',
        }

    # -- names -------------------------------------------------------------------------------------------------------

    def _folder(self, split: str, name: str) -> str:
        known = self._folders.get((split, name))
        if known is None:
            folder = self.out / safe_name(split) / name if split else self.out / name
            if folder.parent.name == MANIFEST:
                raise BackendError(f'no split may be called {MANIFEST}', hint='rename it at the backend')
            folder.mkdir(parents=True)
            known = self._folders[split, name] = str(folder)
        return known

    def _key(self, remote: RemoteItem, file: RemoteFile) -> str:
        # An item may get another file under the same name. The host, though, may be one of many. A key is shown in
        # errors, and what is in a query may be secret.
        address, _, query = unsigned(file.url).partition('?')
        query_hash = f' {_short_hash(query)}' if query else ''
        # An id with a slash must not look like another item's file.
        id = remote.id.replace('%', '%25').replace('/', '%2F')
        return f'{self.scope}/item {id}/{file.name} ({_path(address)}{query_hash})'

    def _fresh_address(self, request: FileRequest) -> str | None:
        """Request an item's page again: the addresses of all its items have expired together, and will again."""
        item, file = request.tag
        now = time.monotonic()
        if (
            self._reread is None
            or self._reread[0] is not item.page
            or now - self._reread[2] > self.fetcher.limits.fresh_for / 4
        ):
            self._reread = (item.page, item.listing.reload(item.page), now)
        for remote in self._reread[1].items:
            if remote.id == item.remote.id:
                return next((other.url for other in remote.files if other.name == file.name), None)
        return None


def _data_uri_content(file: RemoteFile, remote: RemoteItem) -> bytes:
    """The content of a `data:` URI (RFC 2397)."""
    head, _, body = file.url.partition(',')
    try:
        content = unquote_to_bytes(body)
        return base64.b64decode(content, validate=True) if head.endswith(';base64') else content
    except ValueError as error:
        raise BackendError(f'item {remote.id}: file {file.name!r} is not a data URI: {error}') from error


def _stem(id: str) -> str:
    """What the files of an item are called: a name without a dot, so that no two items can meet on one."""
    name = safe_name(id)
    return name if '.' not in name else f'{name.replace(".", "_")}-{_short_hash(id)}'


def _secondary_name(stem: str, called: str) -> str:
    """The name of another file of an item than its main one."""
    name = f'{stem}.{safe_name(called)}'
    return name if len(name.encode()) <= _MAX_NAME else f'{stem}.{_short_hash(called)}'


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:10]


def _suffix(url: str) -> str:
    """The extension in an address, in lower case, where it is a usual one."""
    if url.startswith('data:'):
        kind = url[5:].partition(';')[0].partition(',')[0]
        return '.json' if kind == 'application/json' else ''
    stem, _, suffix = _path(url).rpartition('/')[2].lower().rpartition('.')
    return f'.{suffix}' if stem and suffix.isalnum() and suffix.isascii() and len(suffix) <= 5 else ''


def _path(url: str) -> str:
    """The path in an address. `urlsplit` takes longer than the rest of an item."""
    without_query = url.partition('?')[0].partition('#')[0]
    return '/' + without_query.partition('://')[2].partition('/')[2]


def _detected_suffix(file: str) -> str:
    try:
        return DEFAULT_SUFFIXES.get(read_header(Path(file)).kind, '.bin')
    except UnreadableItem:
        return '.bin'


def _size(meta: Mapping[str, Any]) -> int | None:
    value = meta.get('size')
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _sha256(meta: Mapping[str, Any]) -> str | None:
    value = meta.get('sha256') or meta.get('checksum')
    is_one = isinstance(value, str) and len(value) == 64 and all(letter in '0123456789abcdef' for letter in value)
    return value if is_one else None


def _twice(remote: RemoteItem) -> BackendError:
    return BackendError(f'item {remote.id} is there twice', hint='report it to the operator of the backend')
