"""Sending a file to a backend in chunks: resumed after any failure, and never two files mixed.

    ROOT/KEY.json    how far an upload is; written before the first byte is sent, and after each chunk

Where the server and the journal differ about what has arrived, the server is right.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Annotated, Final

import msgspec

from synapse_hooks.backends.synapse.api import ApiClient, Id
from synapse_hooks.errors import BackendError, RecordNotFound
from synapse_hooks.storage import write_atomic

CHUNK: Final = 52_428_800
"""Bytes of one request."""
_READ_SIZE: Final = 1 << 20
_PATH: Final = 'chunked_upload/'
_DIFFERS: Final = frozenset((400, 404, 409, 410, 412, 416, 422, 460))
"""Answers of a backend whose bytes do not match the request."""
_MAX_DIFFERENCES: Final = 20
_UNSAFE: Final = re.compile(r'[^A-Za-z0-9._-]')

Progress = Callable[[int, int], None]
"""Called with the bytes that have arrived, and all of them."""


class _Chunk(msgspec.Struct):
    """The answer to a chunk."""

    id: Id
    url: Annotated[str, msgspec.Meta(min_length=1)]
    offset: Annotated[int, msgspec.Meta(ge=0)]


class _Upload(msgspec.Struct):
    """An upload, as a backend describes it."""

    offset: Annotated[int, msgspec.Meta(ge=0)] | None = None
    completed_at: str | msgspec.UnsetType | None = msgspec.UNSET


class _State(msgspec.Struct):
    """The state of an upload, from its journal."""

    size: int
    changed_ns: int
    inode: int
    id: int | str | None = None
    url: str | None = None
    offset: int = 0
    md5: str | None = None
    finished: bool = False


class Upload:
    """One file on its way to a backend.

    Args:
        api: The API.
        file: Which; it must not change meanwhile.
        key: What identifies this upload: with the same key and the same file, it is resumed.
        journals: The folder of the journals.
        chunk: Bytes of one request.
        progress: Called after each chunk.
    """

    def __init__(
        self,
        api: ApiClient,
        file: Path,
        key: str,
        journals: Path,
        *,
        chunk: int = CHUNK,
        progress: Progress | None = None,
    ) -> None:
        self.api = api
        self.file = Path(file)
        self.chunk = chunk
        self.progress = progress or (lambda done, total: None)
        self.journal = journals / f'{hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:32]}.json'
        self._state = self._load()

    def send(self) -> int | str:
        """Send what has not arrived yet. Returns the id of the finished upload.

        Raises:
            BackendError: The file changed meanwhile, or the backend does not take it.
        """
        try:
            return self._sent()
        except BackendError as error:
            if self._state.url is None or error.facts.get('status') not in _DIFFERS:
                raise
            # What arrived is not what was sent, or is not there any more: once more from the first byte.
            self._start_over()
            return self._sent()

    def _sent(self) -> int | str:
        state = self._state
        if state.url is not None:
            self._ask_offset()
        if state.finished and state.id is not None:
            return state.id
        self._save()
        self._stopping = False
        with self.file.open('rb') as opened, ThreadPoolExecutor(1, 'md5') as beside:
            # The protocol needs the digest of the whole file: it is computed in parallel to the sending, not before.
            digest = beside.submit(self._digest)
            try:
                self._send_chunks(opened)
                state.md5 = digest.result()
            except BaseException:
                self._stopping = True
                raise
        self._check_unchanged()
        self._finish()
        assert state.id is not None
        return state.id

    def forget(self) -> None:
        """Remove the journal: what was uploaded is in use now."""
        self.journal.unlink(missing_ok=True)

    # -- chunks ------------------------------------------------------------------------------------------------------

    _stopping = False

    def _send_chunks(self, opened: IO[bytes]) -> None:
        state, differences = self._state, 0
        self.progress(state.offset, state.size)
        while state.offset < state.size or state.url is None:
            self._check_unchanged()
            start = state.offset
            stop = min(start + self.chunk, state.size)
            try:
                answer = self._put(opened, start, stop)
            except BackendError as error:
                differences += 1
                if state.url is None or error.facts.get('status') not in _DIFFERS or differences > _MAX_DIFFERENCES:
                    raise
                # The chunk may have arrived, and the answer to it was lost.
                self._ask_offset()
                if state.url is not None and state.offset <= start:
                    raise
                continue
            if answer.offset > state.size:
                raise BackendError(f'the backend reports {answer.offset:,} of {state.size:,} bytes of {self.file}')
            if answer.offset <= start and stop > start:
                raise BackendError(f'the backend did not take the bytes {start:,} to {stop:,} of {self.file}')
            state.id, state.url, state.offset = answer.id, answer.url, answer.offset
            self._save()
            self.progress(state.offset, state.size)

    def _put(self, opened: IO[bytes], start: int, stop: int) -> _Chunk:
        state = self._state
        boundary = secrets.token_hex(16)
        name = _UNSAFE.sub('_', self.file.name) or 'file'
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="filename"\r\n\r\n{name}\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            'Content-Type: application/octet-stream\r\n\r\n'
        ).encode()
        tail = f'\r\n--{boundary}--\r\n'.encode()

        def body() -> Iterator[bytes]:
            yield head
            opened.seek(start)
            left = stop - start
            while left:
                data = opened.read(min(_READ_SIZE, left))
                if not data:
                    raise BackendError(f'{self.file} became shorter while it was uploaded', path=str(self.file))
                left -= len(data)
                yield data
            yield tail

        answer: _Chunk = self.api.call(
            'PUT',
            state.url or _PATH,
            content=body,
            headers={
                'Content-Type': f'multipart/form-data; boundary={boundary}',
                'Content-Length': str(len(head) + stop - start + len(tail)),
                'Content-Range': f'bytes {start}-{max(start, stop - 1)}/{state.size}',
            },
            # A first chunk that is sent twice opens two uploads. The one that is never finished does no harm.
            idempotent=True,
            type=_Chunk,
        )
        return answer

    def _ask_offset(self) -> None:
        state = self._state
        try:
            answer: _Upload = self.api.get(f'{_PATH}{state.id}/', type=_Upload)
        except RecordNotFound:
            # It was removed there: backends do not keep uploads for ever.
            self._start_over()
            return
        if state.finished:
            return
        if answer.offset is None or answer.offset > state.size:
            self._start_over()
            return
        state.offset = answer.offset
        self._save()

    def _start_over(self) -> None:
        state = self._state
        state.id, state.url, state.offset, state.finished = None, None, 0, False
        self._save()

    def _finish(self) -> None:
        state = self._state
        assert state.url is not None
        answer: _Upload = self.api.call('POST', state.url, body={'md5': state.md5}, type=_Upload)
        limit = self.api.timeouts.assembly
        until = time.monotonic() + limit
        while answer.completed_at is not msgspec.UNSET and not answer.completed_at:
            if time.monotonic() > until or self.api.cancelled.wait(self.api.retry.first_delay):
                raise BackendError(f'the backend has not put upload {state.id} together in {limit:,.0f} s')
            answer = self.api.get(f'{_PATH}{state.id}/', type=_Upload)
        state.finished = True
        self._save()

    # -- the file ----------------------------------------------------------------------------------------------------

    def _digest(self) -> str:
        digest = hashlib.md5(usedforsecurity=False)
        with self.file.open('rb', buffering=0) as opened:
            while (data := opened.read(4 * _READ_SIZE)) and not self._stopping:
                digest.update(data)
        return digest.hexdigest()

    def _check_unchanged(self) -> None:
        now = self.file.stat()
        state = self._state
        if (now.st_size, now.st_mtime_ns, now.st_ino) != (state.size, state.changed_ns, state.inode):
            self.forget()
            raise BackendError(
                f'{self.file} changed while it was uploaded',
                hint='wait until it is written, then run the same command again',
                path=str(self.file),
            )

    # -- the journal -------------------------------------------------------------------------------------------------

    def _load(self) -> _State:
        now = self.file.stat()
        fresh = _State(now.st_size, now.st_mtime_ns, now.st_ino)
        try:
            known = msgspec.json.decode(self.journal.read_bytes(), type=_State)
        except (OSError, msgspec.MsgspecError):
            return fresh
        # Another file: what arrived of the earlier one cannot be resumed.
        same = (known.size, known.changed_ns, known.inode) == (fresh.size, fresh.changed_ns, fresh.inode)
        return known if same else fresh

    def _save(self) -> None:
        write_atomic(self.journal, msgspec.json.encode(self._state), durable=True)
