"""The images of tasks, from wherever a task says they are, as files of a folder.

    FOLDER/<task id>.<ending>          complete
    FOLDER/<task id>.<ending>.part     on its way; never taken for complete

What is complete stays for another attempt of the run. Some servers, such as Label Studio's own, do not say how long an
answer is: then a PNG or JPEG must be whole, and anything else must arrive twice with the same content.
A damaged PNG or JPEG is taken when it has arrived so five times.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

from synapse_hooks.data import SUFFIXES, examine
from synapse_hooks.errors import BackendError, BackendUnavailable
from synapse_hooks_labelstudio.server import TRIES, Server, repeated

Progress = Callable[[int, int, int], None]
Certainty = Literal['complete', 'unknown', 'incomplete']
"""What is known of an answer that does not say how long it is."""

_CLOUDS: Final = ('s3', 'gs', 'azure-blob')
_CHECKED: Final = ('.png', '.jpg', '.jpeg')
_CHUNK: Final = 1 << 16
_LARGEST: Final = 1 << 30
"""Bytes of an image."""
_EVERY: Final = 0.25


class Wanted(NamedTuple):
    """An image of a task."""

    task: int
    address: str
    """As the task has it."""

    @property
    def name(self) -> str:
        """What its file is called: nothing of it is taken from the server but a usual ending."""
        parts = urlsplit(self.address)
        paths = (*parse_qs(parts.query).get('d', ()), unquote(parts.path))
        endings = (os.path.splitext(path)[1].lower() for path in paths)  # noqa: PTH122 (a path of another machine)
        return f'{self.task}{next((ending for ending in endings if ending in SUFFIXES), ".jpg")}'

    @property
    def location(self) -> str:
        """The address that the server has, or that it resolves: it signs what is in a cloud.

        Raises:
            BackendError: It cannot be downloaded.
        """
        scheme = urlsplit(self.address).scheme
        if scheme in _CLOUDS:
            encoded = base64.b64encode(self.address.encode()).decode()
            return f'/tasks/{self.task}/resolve/?fileuri={quote(encoded)}'
        if scheme not in ('', 'http', 'https') or self.address.startswith('//'):
            raise BackendError(f'task {self.task}: {scheme}: is not downloaded', hint='add a storage to the project')
        return self.address


def download_images(server: Server, wanted: Sequence[Wanted], folder: Path, progress: Progress) -> list[Path]:
    """Download the images that are not in a folder yet.

    Args:
        server: Where the tasks are from.
        wanted: Which.
        folder: Where complete ones stay for another attempt.
        progress: Called with how many are here, how many there are, and the bytes that were downloaded.

    Returns:
        Their files, in the same order.

    Raises:
        AccessDenied, BackendError, BackendUnavailable: One cannot be downloaded; the message names the task.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / one.name for one in wanted]
    done = received = 0
    with ThreadPoolExecutor(server.settings.connections, 'labelstudio') as threads:
        waiting: set[Future[int]] = {
            threads.submit(_fetch, server, one, file) for one, file in zip(wanted, files, strict=True)
        }
        try:
            while waiting:
                finished, waiting = wait(waiting, _EVERY, FIRST_COMPLETED)
                received += sum(future.result() for future in finished)
                done += len(finished)
                progress(done, len(wanted), received)
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return files


def _fetch(server: Server, one: Wanted, file: Path) -> int:
    """Download an image, unless it is here; returns how many bytes came."""
    if file.exists():
        return 0
    part = file.with_name(f'{file.name}.part')
    received = 0
    contents: set[bytes] = set()
    try:
        location = one.location
        # A damaged image must not block the export: what always arrives with the same content is what the server has.
        for attempt in range(1, TRIES + 1):
            size, digest, certainty = repeated(lambda: _receive(server, location, part))
            received += size
            contents.add(digest)
            if certainty == 'complete' or (certainty == 'unknown' and attempt > len(contents)):
                break
        else:
            if len(contents) > 1:
                raise BackendUnavailable('the image arrives with another content each time', hint='try again later')
    except BackendError as error:
        error.add_note(f'for the image of task {one.task}')
        raise
    part.replace(file)
    return received


def _receive(server: Server, location: str, part: Path) -> tuple[int, bytes, Certainty]:
    """Write what the server answers into a file: its size, its SHA-256, and whether this is all."""
    digest, size = hashlib.sha256(), 0
    with server.stream(location) as answer, part.open('wb') as opened:
        for chunk in answer.iter_bytes(_CHUNK):
            size += len(chunk)
            if size > _LARGEST:
                raise BackendError(f'the image has more than {_LARGEST:,} bytes', hint='remove the task')
            digest.update(chunk)
            opened.write(chunk)
        headers = answer.headers
    if not size:
        raise BackendUnavailable('the answer is empty', hint='try again later')
    if 'content-length' in headers or headers.get('transfer-encoding') == 'chunked':
        return size, digest.digest(), 'complete'
    if not part.name.removesuffix('.part').endswith(_CHECKED):
        return size, digest.digest(), 'unknown'
    (check,) = examine([str(part)])
    return size, digest.digest(), 'incomplete' if check is None or check.fault else 'complete'
