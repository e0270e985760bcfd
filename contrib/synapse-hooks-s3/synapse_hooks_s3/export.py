"""A dataset in S3, as a folder: its objects are listed, downloaded at once, and linked from the cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final

from synapse_hooks.errors import BackendError
from synapse_hooks.storage import link_or_copy
from synapse_hooks_s3.bucket import Bucket, Object
from synapse_hooks_s3.cache import ObjectCache
from synapse_hooks_s3.settings import Address

Progress = Callable[[int, int, int], None]
"""Called with the objects that are here, all of them, and the bytes that were downloaded."""

_LONGEST_NAME: Final = 255
_EVERY: Final = 0.25


def download(bucket: Bucket, place: Address, out: Path, progress: Progress) -> tuple[str, int]:
    """Put every object below a place into a folder, under the rest of its key.

    Args:
        bucket: Where they are.
        place: What their keys begin with.
        out: An empty folder.
        progress: A few times a second, and at the end.

    Returns:
        What identifies the content, and how many bytes were downloaded.

    Raises:
        BackendError: There are none, or a key cannot be the name of a file.
        BackendUnavailable: S3 does not answer. What has arrived stays in the cache.
    """
    objects = bucket.list(place)
    if not objects:
        raise BackendError(f'{place}: there is nothing', hint='check the address', url=str(place))
    targets = _targets(objects, place, out)
    for folder in sorted({target.parent for target in targets}):
        folder.mkdir(parents=True, exist_ok=True)
    cache = ObjectCache(bucket)
    done = received = 0

    def fetch(one: Object, target: Path) -> int:
        file, count = cache.fetch(one)
        link_or_copy(file, target)
        return count

    with ThreadPoolExecutor(bucket.settings.connections, 's3') as threads:
        waiting: set[Future[int]] = {
            threads.submit(fetch, one, target) for one, target in zip(objects, targets, strict=True)
        }
        try:
            while waiting:
                finished, waiting = wait(waiting, _EVERY, FIRST_COMPLETED)
                received += sum(future.result() for future in finished)
                done += len(finished)
                progress(done, len(objects), received)
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return _digest(objects, place), received


def _targets(objects: Sequence[Object], place: Address, out: Path) -> list[Path]:
    """Where each object goes.

    Raises:
        BackendError: A key cannot be a path, or two keys cannot be in one folder.
    """
    root = f'{place.path}/'
    names = [
        one.path.removeprefix(root) if one.path.startswith(root) else one.path.rpartition('/')[2] for one in objects
    ]
    known = {*names}
    for name in names:
        parts = name.split('/')
        faulty = any(part in ('', '.', '..') or len(part.encode()) > _LONGEST_NAME for part in parts)
        if faulty or '\0' in name or '\\' in name:
            raise BackendError(f'{place}: the key {name!r} cannot be the name of a file', hint='rename or remove it')
        if any('/'.join(parts[:count]) in known for count in range(1, len(parts))):
            raise BackendError(
                f'{place}: the key {name!r} is below one that is an object itself', hint='rename or remove one of them'
            )
    return [out / name for name in names]


def _digest(objects: Sequence[Object], place: Address) -> str:
    digest = hashlib.sha256(str(place).encode())
    for one in objects:
        digest.update(f'\0{one.path}\0{one.etag}\0{one.size}'.encode())
    return digest.hexdigest()
