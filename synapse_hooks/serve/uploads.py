"""Uploads in chunks: a chunk is only appended at the offset at which the received bytes end."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import msgspec

from synapse_hooks.serve.responses import RequestError
from synapse_hooks.storage import write_atomic

_RANGE: Final = re.compile(r'bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})')
_ID: Final = re.compile(r'[0-9a-f]{32}')


class UploadState(msgspec.Struct):
    """The state of an upload."""

    id: str
    filename: str
    total: int
    completed_at: str | None = None
    md5: str | None = None


class Uploads:
    """The uploads below a folder.

    Args:
        root: The folder; it is created when an upload begins.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def begin(self, filename: str, total: int) -> UploadState:
        """Open an upload of `total` bytes."""
        self.root.mkdir(parents=True, exist_ok=True)
        state = UploadState(uuid.uuid4().hex, filename, total)
        self.file(state.id).touch()
        self._save(state)
        return state

    def get(self, id: str) -> UploadState:
        """The state of an upload.

        Raises:
            RequestError: It does not exist.
        """
        if not _ID.fullmatch(id):
            raise RequestError(404, 'there is no such upload')
        try:
            return msgspec.json.decode((self.root / f'{id}.json').read_bytes(), type=UploadState)
        except (OSError, msgspec.MsgspecError) as error:
            raise RequestError(404, 'there is no such upload') from error

    def file(self, id: str) -> Path:
        """The file with its bytes."""
        return self.root / f'{id}.part'

    def offset(self, state: UploadState) -> int:
        """How many bytes have been received."""
        return self.file(state.id).stat().st_size

    async def append(self, state: UploadState, start: int, body: AsyncIterator[bytes]) -> None:
        """Append a chunk that begins at `start`.

        Raises:
            RequestError: It does not begin where the received bytes end, or is too long.
        """
        if state.completed_at is not None:
            raise RequestError(409, 'the upload is finished')
        handle = os.open(self.file(state.id), os.O_WRONLY | os.O_CLOEXEC)
        try:
            received = os.fstat(handle).st_size
            if start != received:
                raise RequestError(409, f'expected the chunk at {received}, got one at {start}')
            at = start
            async for data in body:
                if at + len(data) > state.total:
                    raise RequestError(400, f'more than {state.total} bytes received')
                os.pwrite(handle, data, at)
                at += len(data)
        finally:
            os.close(handle)

    def finish(self, state: UploadState, md5: str, now: str) -> UploadState:
        """Check that the upload is complete, and mark it as finished.

        Raises:
            RequestError: Bytes are missing, or the digest differs.
        """
        if state.completed_at is not None:
            if state.md5 == md5:
                return state
            raise RequestError(400, 'the upload is finished, with another md5')
        received = self.offset(state)
        if received != state.total:
            raise RequestError(400, f'{received} of {state.total} bytes have been received')
        with self.file(state.id).open('rb') as file:
            actual = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if actual != md5:
            raise RequestError(400, f'md5 is {actual}, not {md5}')
        state.completed_at, state.md5 = now, md5
        self._save(state)
        return state

    def remove(self, id: str) -> None:
        """Remove an upload after its file has been used."""
        self.file(id).unlink(missing_ok=True)
        (self.root / f'{id}.json').unlink(missing_ok=True)

    def _save(self, state: UploadState) -> None:
        write_atomic(self.root / f'{state.id}.json', msgspec.json.encode(state), durable=False)


def chunk_range(header: str) -> tuple[int, int, int]:
    """First byte, last byte and total of a `Content-Range`.

    Raises:
        RequestError: The header is not valid.
    """
    match = _RANGE.fullmatch(header)
    if match is None:
        raise RequestError(400, 'expected Content-Range: bytes FIRST-LAST/TOTAL')
    first, last, total = map(int, match.groups())
    if not (first <= last + 1 and (last < total or total == 0)):
        raise RequestError(400, f'Content-Range {header!r} contradicts itself')
    return first, last, total


def upload_record(state: UploadState, offset: int, url: str) -> dict[str, Any]:
    """An upload in the form of the protocol."""
    return {
        'id': state.id,
        'url': url,
        'offset': offset,
        'filename': state.filename,
        'size': state.total,
        'completed_at': state.completed_at,
        'status': 2 if state.completed_at else 1,
    }
