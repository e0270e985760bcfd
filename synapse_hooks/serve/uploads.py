"""Uploads in chunks: bytes are appended where they belong, even if they arrive twice or late."""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import msgspec

from synapse_hooks.serve.replies import Refusal
from synapse_hooks.storage import write_atomic

_RANGE: Final = re.compile(r'bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})')
_ID: Final = re.compile(r'[0-9a-f]{32}')


class State(msgspec.Struct):
    """What is known of an upload."""

    id: str
    filename: str
    total: int
    completed_at: str | None = None
    md5: str | None = None


class Uploads:
    """The uploads below a folder.

    Args:
        root: The folder; it is made when an upload begins.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def begin(self, filename: str, total: int) -> State:
        """Open an upload of `total` bytes."""
        self.root.mkdir(parents=True, exist_ok=True)
        state = State(uuid.uuid4().hex, filename, total)
        self.file(state.id).touch()
        self._save(state)
        return state

    def get(self, id: str) -> State:
        """What is known of an upload.

        Raises:
            Refusal: It does not exist.
        """
        if not _ID.fullmatch(id):
            raise Refusal(404, 'there is no such upload')
        try:
            return msgspec.json.decode((self.root / f'{id}.json').read_bytes(), type=State)
        except (OSError, msgspec.MsgspecError) as error:
            raise Refusal(404, 'there is no such upload') from error

    def file(self, id: str) -> Path:
        """Where its bytes are."""
        return self.root / f'{id}.part'

    def offset(self, state: State) -> int:
        """How many bytes have arrived."""
        return self.file(state.id).stat().st_size

    async def append(self, state: State, start: int, body: AsyncIterator[bytes]) -> None:
        """Append a chunk that begins at `start`.

        Raises:
            Refusal: It does not begin where the bytes that are here end, or is too long.
        """
        if state.completed_at is not None:
            raise Refusal(409, 'the upload is finished')
        handle = os.open(self.file(state.id), os.O_WRONLY | os.O_CLOEXEC)
        try:
            here = os.fstat(handle).st_size
            if start != here:
                raise Refusal(409, f'expected the chunk at {here}, got one at {start}')
            at = start
            async for data in body:
                if at + len(data) > state.total:
                    raise Refusal(400, f'more than {state.total} bytes came')
                os.pwrite(handle, data, at)
                at += len(data)
        finally:
            os.close(handle)

    def finish(self, state: State, md5: str, now: str) -> State:
        """Check that all is here.

        Raises:
            Refusal: Bytes are missing, or others than were sent.
        """
        if state.completed_at is not None:
            if state.md5 == md5:
                return state
            raise Refusal(400, 'the upload is finished, with another md5')
        here = self.offset(state)
        if here != state.total:
            raise Refusal(400, f'{here} of {state.total} bytes are here')
        with self.file(state.id).open('rb') as file:
            found = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        if found != md5:
            raise Refusal(400, f'md5 is {found}, not {md5}')
        state.completed_at, state.md5 = now, md5
        self._save(state)
        return state

    def remove(self, id: str) -> None:
        """Remove an upload that is in use now."""
        self.file(id).unlink(missing_ok=True)
        (self.root / f'{id}.json').unlink(missing_ok=True)

    def _save(self, state: State) -> None:
        write_atomic(self.root / f'{state.id}.json', msgspec.json.encode(state), durable=False)


def chunk_range(header: str) -> tuple[int, int, int]:
    """First byte, last byte and total of a `Content-Range`.

    Raises:
        Refusal: It is not a valid one.
    """
    match = _RANGE.fullmatch(header)
    if match is None:
        raise Refusal(400, 'expected Content-Range: bytes FIRST-LAST/TOTAL')
    first, last, total = map(int, match.groups())
    if not (first <= last + 1 and (last < total or total == 0)):
        raise Refusal(400, f'Content-Range {header!r} contradicts itself')
    return first, last, total


def upload_record(state: State, offset: int, url: str) -> dict[str, Any]:
    """An upload as the protocol has it."""
    return {
        'id': state.id,
        'url': url,
        'offset': offset,
        'filename': state.filename,
        'size': state.total,
        'completed_at': state.completed_at,
        'status': 2 if state.completed_at else 1,
    }
