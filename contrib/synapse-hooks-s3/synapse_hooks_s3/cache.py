"""Objects on this machine: each is downloaded once, checked, and found again by its address and its ETag.

CACHE/objects/AB/ABCD...       a complete object; its time is that of the object
CACHE/partial/ABCD...          what has arrived of one that is on its way, which another attempt continues
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from filelock import FileLock

from synapse_hooks.errors import BackendError
from synapse_hooks.storage import disk_errors
from synapse_hooks_s3.bucket import Bucket, Object
from synapse_hooks_s3.etags import etag_of, part_sizes, parts_of

_CHUNK: Final = 8 << 20
"""Bytes of one request."""
_UNHASHED: Final = ('aws:kms', 'aws:kms:dsse')
"""Encryptions with which an ETag is not a hash of the content."""


class ObjectCache:
    """Downloads objects, unless they are here.

    Args:
        bucket: Where they are.
    """

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._root = bucket.settings.cache_folder
        self._scope = bucket.settings.endpoint_url or os.environ.get('AWS_ENDPOINT_URL') or 'aws'
        for name in ('objects', 'partial'):
            (self._root / name).mkdir(parents=True, exist_ok=True)

    def fetch(self, one: Object) -> tuple[Path, int]:
        """The file of an object, and how many bytes were downloaded for it.

        Raises:
            BackendUnavailable: S3 does not answer; what has arrived is kept.
            BackendError: Its content is not what its ETag says.
            DiskFull: No space.
        """
        key = hashlib.sha256('\0'.join((self._scope, one.path, one.etag, str(one.size))).encode()).hexdigest()
        final = self._root / 'objects' / key[:2] / key
        if _is_complete(final, one):
            return final, 0
        partial = self._root / 'partial' / key
        # Another run may want the same object.
        with disk_errors(final), FileLock(f'{partial}.lock'):
            if _is_complete(final, one):
                return final, 0
            received = self._receive(one, partial)
            if not self._is_intact(one, partial):
                # What was here of an earlier attempt may be damaged: once more, from the first byte.
                partial.unlink()
                received += self._receive(one, partial)
                if not self._is_intact(one, partial):
                    partial.unlink()
                    raise BackendError(
                        f's3://{one.path}: its content does not have the MD5 of its ETag {one.etag}',
                        hint='upload it again; for a server whose ETags are not hashes, set settings.s3.verify = false',
                        url=f's3://{one.path}',
                    )
            # A file that was written into, or a link to it, has another time, and is downloaded again.
            os.utime(partial, (one.changed, one.changed))
            final.parent.mkdir(exist_ok=True)
            partial.replace(final)
        Path(f'{partial}.lock').unlink(missing_ok=True)
        return final, received

    def _receive(self, one: Object, partial: Path) -> int:
        """Add to a file what it lacks; returns how many bytes that were."""
        with partial.open('ab') as file:
            if file.tell() > one.size:
                file.truncate(0)
            start = file.tell()
            while (at := file.tell()) < one.size:
                file.write(self._bucket.read(one.path, at, min(at + _CHUNK, one.size)))
        return one.size - start

    def _is_intact(self, one: Object, file: Path) -> bool:
        parts = parts_of(one.etag)
        if not self._bucket.settings.verify or parts is None:
            return True
        if not parts:
            intact = etag_of(file) == one.etag
        else:
            size = self._bucket.head(one, PartNumber=1).get('ContentLength')
            stated = (size,) if size and size < one.size else ()
            intact = any(
                etag_of(file, part) == one.etag for part in dict.fromkeys((*stated, *part_sizes(one.size, parts)))
            )
        if intact:
            return True
        head = self._bucket.head(one)
        same = str(head.get('ETag', '')).strip('"') == one.etag
        return same and (head.get('ServerSideEncryption') in _UNHASHED or 'SSECustomerAlgorithm' in head)


def _is_complete(file: Path, one: Object) -> bool:
    try:
        state = file.stat()
    except FileNotFoundError:
        return False
    return state.st_size == one.size and abs(state.st_mtime - one.changed) < 0.001
