"""The download of one file from a file server to the store: checks of the response, and resuming from a part.

Rules: HTTP semantics, RFC 9110 (ranges 14, conditional requests 13). A transfer calls `begin`, `feed` and
`finish`; nothing here uses the network. A body is complete when its length was announced, or its end was marked, or
a digest proves it.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from synapse_hooks.backends.synapse.parts import Parts, PartState
from synapse_hooks.portable import PortableException
from synapse_hooks.storage.blobs import Blob, BlobStore
from synapse_hooks.storage.disk import disk_errors, need_space

Kind = Literal['retry', 'restart', 'expired', 'redirect', 'refused']
"""What to do: try again from where it is (`retry`), or from the first byte; request a new address (`expired`); go to
the address in `location` (`redirect`); give up (`refused`)."""

_SMALL: Final = 1 << 20
"""Bytes below which a part is not worth keeping: it is collected in memory, and written in one go."""
_LARGE: Final = 128 << 10
_RANGE: Final = re.compile(r'bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})')
_UNSATISFIED: Final = re.compile(r'bytes \*/([0-9]{1,18})')
_STRONG: Final = re.compile(r'"[!-~]{0,1000}"')
_DIGEST: Final = re.compile(r'sha-256=:([A-Za-z0-9+/=]+):')


class Failure(PortableException):
    """Why a file was not received.

    Args:
        kind: What to do about it.
        reason: As part of a sentence; it quotes nothing of the server's.
        wait: Seconds to wait, as the server requires.
        location: Where the file has moved to.
        busy: Whether the server has too much to do.
        status: What it answered; 0 where that is not the reason.
    """

    def __init__(
        self,
        kind: Kind,
        reason: str,
        *,
        wait: float | None = None,
        location: str = '',
        busy: bool = False,
        status: int = 0,
    ) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason
        self.wait = wait
        self.location = location
        self.busy = busy
        self.status = status


@dataclass(slots=True)
class FileRequest:
    """A file that is wanted."""

    key: str
    """What identifies it at the backend: the same key is the same file, at any address."""
    url: str
    """Where it is now. It may be as good as a password."""
    size: int | None = None
    """Bytes, where the backend has it."""
    sha256: str | None = None
    """In hex, where the backend has it."""
    image: bool = False
    """Whether it should be an image: a web page in its place is refused."""
    tag: Any = None
    """Anything of the caller's."""
    refreshed_at: float | None = None
    """When a new address of it was requested, on the monotonic clock."""
    redirects: int = 0
    """How many redirects were followed since."""


@dataclass(slots=True)
class Download:
    """One try to receive a file.

    Args:
        request: Which.
        blobs: Where it is put.
        parts: What earlier tries have received.
    """

    request: FileRequest
    blobs: BlobStore
    parts: Parts
    failure: Failure | None = None
    """Set by the transfer."""
    received: int = 0
    """Bytes that came over the network in this try."""
    _chunks: list[bytes] = field(default_factory=list)
    _hash: Any = None
    _handle: int = -1
    _part: Path | None = None
    _offset: int = 0
    _state: PartState | None = None
    _total: int | None = None
    _sha256: str | None = None
    _unsized: bool = False
    _complete: bool = False
    _done: bool = False

    @property
    def reached(self) -> int:
        """Bytes of the file that are here, with those of earlier tries."""
        return self._offset

    def headers(self) -> dict[str, str]:
        """The headers of the request."""
        headers = {'Accept-Encoding': 'identity'}
        self._claim()
        if self._state is not None:
            headers |= {'Range': f'bytes={self._offset}-', 'If-Range': self._state.etag}
        return headers

    def begin(self, status: int, fields: Mapping[str, str], *, framed: bool = False) -> None:
        """Check the status and the header of the response.

        Args:
            status: The code.
            fields: Names in lower case.
            framed: Whether the protocol marks the end of a body (HTTP/2 and later).

        Raises:
            Failure: It is not the file.
        """
        if status not in (200, 206, 416):
            raise _failure(status, fields)
        if status == 416:
            self._already_complete(fields)
            return
        if (encoding := fields.get('content-encoding', 'identity').lower()) not in ('', 'identity'):
            raise Failure('restart', f'it came encoded as {encoding[:40]}, although no encoding was accepted')
        if self.request.image and fields.get('content-type', '').startswith('text/html'):
            raise Failure('refused', 'a web page came in its place')
        length = _integer(fields.get('content-length'))
        self._sha256 = self.request.sha256 or _sha256_of(fields)
        if status == 206:
            self._resume(fields)
        else:
            self._restart(fields, length)
        chunked = 'chunked' in fields.get('transfer-encoding', '').lower()
        self._unsized = length is None and not chunked and not framed
        if self._unsized and self.request.size is None and self._sha256 is None:
            raise Failure('refused', 'the file server sends no length, so nothing proves that it is complete')
        if self.request.size is not None and self._total is not None and self._total != self.request.size:
            raise Failure('refused', f'expected {self.request.size:,} bytes, got an answer of {self._total:,}')

    def feed(self, data: bytes) -> None:
        """Take bytes of the body.

        Raises:
            Failure: More than announced.
            DiskFull: No space.
        """
        if self._complete:
            return
        self.received += len(data)
        self._offset += len(data)
        limit = self._total if self._total is not None else self.request.size
        if limit is not None and self._offset > limit:
            raise Failure('refused', f'more than the announced {limit:,} bytes came')
        if self._handle < 0:
            if self._offset <= _SMALL:
                self._chunks.append(data)
                return
            self._spill()
        self._hash.update(data)
        self._write(data)

    def finish(self) -> Blob:
        """The body has ended: put the file into the store.

        Raises:
            Failure: It is incomplete, or not what was announced.
            DiskFull: No space.
        """
        for announced in (self._total, self.request.size):
            if announced is not None and self._offset != announced:
                raise Failure('retry', f'expected {announced:,} bytes, got {self._offset:,}')
        if self._handle < 0:
            content = self._chunks[0] if len(self._chunks) == 1 else b''.join(self._chunks)
            self._chunks.clear()
            sha256 = hashlib.sha256(content).hexdigest()
            self._check_digest(sha256)
            return self.blobs.put_bytes(content, sha256)
        sha256 = self._hash.hexdigest()
        self._check_digest(sha256)
        os.close(self._handle)
        self._handle = -1
        assert self._part is not None
        blob = self.blobs.put_file(self._part, sha256)
        self.parts.remove(self._part)
        self._done = True
        return blob

    @property
    def is_large(self) -> bool:
        """Whether `finish` has so much to do that it is worth a thread."""
        return self._handle < 0 and self._offset > _LARGE

    def close(self, *, keep: bool) -> None:
        """End the try: a part is kept for the next one, where it is worth that, or removed."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        if self._part is None or self._done:
            return
        if keep and self._state is not None:
            self.parts.release(self._part, self.request.key, self._state)
            self._part = None
        else:
            self._discard()

    # -- parts -------------------------------------------------------------------------------------------------------

    def _claim(self) -> None:
        """Continue the part that an earlier try has left; it is hashed again, as nothing else proves it."""
        claimed = self.parts.claim(self.request.key)
        if claimed is None:
            return
        self._part, self._state = claimed
        self._handle = os.open(self._part, os.O_RDWR | os.O_CLOEXEC)
        self._hash = hashlib.sha256()
        self._offset = 0
        while data := os.read(self._handle, 1 << 20):
            self._hash.update(data)
            self._offset += len(data)

    def _spill(self) -> None:
        """It is larger than what is collected in memory: from here on it goes to the disk."""
        if (size := self._total or self.request.size) is not None:
            need_space(self.parts.folder, size - self._offset, self.request.key)
        part = self._part = self.parts.new(self.request.key, self._state)
        with disk_errors(part):
            self._handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        content = b''.join(self._chunks)
        self._chunks.clear()
        self._hash = hashlib.sha256(content)
        self._write(content)

    def _write(self, data: bytes) -> None:
        with disk_errors(self._part or self.parts.folder):
            view = memoryview(data)
            while view:
                view = view[os.write(self._handle, view) :]

    def _discard(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
        if self._part is not None:
            self.parts.remove(self._part)
            self._part = None
        self._state, self._offset = None, 0
        self._chunks.clear()

    # -- headers of a response -----------------------------------------------------------------------------------

    def _restart(self, fields: Mapping[str, str], length: int | None) -> None:
        self._discard()
        self._total = length
        etag = fields.get('etag', '')
        # An equal weak tag does not mean that the bytes are the same.
        ranged = fields.get('accept-ranges', '').lower() == 'bytes' and _STRONG.fullmatch(etag) is not None
        self._state = PartState(etag, length) if ranged and length is not None and length > _SMALL else None

    def _resume(self, fields: Mapping[str, str]) -> None:
        match = _RANGE.fullmatch(fields.get('content-range', ''))
        state = self._state
        if state is None or match is None:
            self._discard()
            raise Failure('restart', 'a part came that was not requested')
        start, end, total = map(int, match.groups())
        etag = fields.get('etag', state.etag)
        if start != self._offset or end != total - 1 or total != state.total or etag != state.etag:
            self._discard()
            raise Failure('restart', 'the rest that came is not the rest of what is here')
        self._total = total

    def _already_complete(self, fields: Mapping[str, str]) -> None:
        match = _UNSATISFIED.fullmatch(fields.get('content-range', ''))
        state = self._state
        if state is None or match is None or int(match[1]) != self._offset or self._offset != state.total:
            self._discard()
            raise Failure('restart', 'the file server does not have the rest of what is here')
        self._total, self._sha256 = state.total, self.request.sha256
        # The body is an error page, not a part of the file.
        self._complete = True

    def _check_digest(self, sha256: str) -> None:
        if self._sha256 is not None and sha256 != self._sha256:
            self._discard()
            raise Failure('restart', f'its SHA-256 is {sha256[:12]}..., and not the announced {self._sha256[:12]}...')
        if self._unsized and self._sha256 is None and self.request.size is None:
            raise Failure('refused', 'nothing proves that it is complete')


def _failure(status: int, fields: Mapping[str, str]) -> Failure:
    reason = f'the file server answered {status}'
    if status in (301, 302, 303, 307, 308) and fields.get('location'):
        return Failure('redirect', reason, location=fields['location'])
    if status in (400, 401, 403, 404, 410):
        # Presigned addresses expire with 403, and with 400 or 404 at some servers.
        return Failure('expired', reason, status=status)
    if status in (408, 425, 429) or status >= 500:
        return Failure(
            'retry', reason, wait=_integer(fields.get('retry-after')), busy=status in (429, 503), status=status
        )
    return Failure('refused', reason, status=status)


def _sha256_of(fields: Mapping[str, str]) -> str | None:
    """The digest of the whole file that a header announces: RFC 9530, or that of S3."""
    value = fields.get('x-amz-checksum-sha256', '')
    if not value and 'repr-digest' not in fields:
        return None
    if match := _DIGEST.search(fields.get('repr-digest', '')):
        value = match[1]
    try:
        digest = base64.b64decode(value, validate=True).hex()
    except ValueError:
        return None
    return digest if len(digest) == 64 else None


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 19 else None
