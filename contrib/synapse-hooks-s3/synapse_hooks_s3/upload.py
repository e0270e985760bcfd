"""A model in S3: its files, and a manifest that is written when they are complete.

    MODELS/<digest>/files/...        the files
    MODELS/<digest>/manifest.json    names, sizes, SHA-256 and ETag of each; the model is absent without it

The digest is that of the content, so that the same model is uploaded once, by whichever run.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from synapse_hooks.context import Model
from synapse_hooks.errors import BackendError
from synapse_hooks.storage import file_digest, tree_digest, walk_files
from synapse_hooks_s3.bucket import Bucket
from synapse_hooks_s3.etags import MIB, etag_of, parts_of
from synapse_hooks_s3.settings import Address

MANIFEST: Final = 'manifest.json'
PART: Final = 16 * MIB
"""Bytes of a part, where a file is uploaded in parts."""
_MOST_PARTS: Final = 10_000
_SHORT: Final = 16
_VERSION: Final = 1


def upload_model(bucket: Bucket, models: Address, model: Path, name: str, facts: dict[str, Any]) -> tuple[Model, bool]:
    """Upload a model, unless it is there.

    Args:
        bucket: The connection.
        models: Where models are.
        model: A file or a folder.
        name: What it is called.
        facts: What the manifest says besides.

    Returns:
        The model, whose id is its address, and whether something was uploaded.

    Raises:
        BackendError: S3 has refused something, or has other content than was sent.
        BackendUnavailable: S3 does not answer; files that are complete are not sent again.
    """
    digest = tree_digest(model) if model.is_dir() else file_digest(model)
    place = models / digest[:_SHORT]
    made: Model = {'id': str(place), 'name': name}
    if bucket.find((place / MANIFEST).path) is not None:
        return made, False
    files = (
        [(model.name, model)] if model.is_file() else [(entry.name, Path(entry.path)) for entry in walk_files(model)]
    )
    with ThreadPoolExecutor(min(4, bucket.settings.connections), 's3') as threads:
        entries = list(threads.map(lambda one: _put(bucket, place / f'files/{one[0]}', one[0], one[1]), files))
    manifest = {'version': _VERSION, 'name': name, 'digest': digest, **facts, 'files': entries}
    bucket.put_text(json.dumps(manifest, indent=2, sort_keys=True) + '\n', (place / MANIFEST).path)
    return made, True


def _put(bucket: Bucket, place: Address, name: str, file: Path) -> dict[str, Any]:
    """Upload a file, unless it is there with this content; returns its entry in the manifest."""
    size = file.stat().st_size
    part = max(PART, -(-size // _MOST_PARTS))
    etag = etag_of(file, None if size < 2 * part else part)
    there = bucket.find(place.path)
    if there is None or (there.size, there.etag) != (size, etag):
        bucket.put(file, place.path, part)
        there = bucket.find(place.path)
    # With keys of KMS an ETag is not a hash of the content.
    differs = there is not None and bucket.settings.verify and parts_of(there.etag) is not None and there.etag != etag
    if there is None or there.size != size or (differs and not _is_encrypted(bucket, place)):
        problem = f'{place}: what is there is not what was sent ({size:,} bytes of {name!r})'
        raise BackendError(
            problem, hint='run `synapse-hooks resume` on the run: it uploads the model again', url=str(place)
        )
    return {'name': name, 'size': size, 'sha256': file_digest(file), 'etag': there.etag}


def _is_encrypted(bucket: Bucket, place: Address) -> bool:
    there = bucket.find(place.path)
    head = bucket.head(there) if there is not None else {}
    return str(head.get('ServerSideEncryption', '')).startswith('aws:kms') or 'SSECustomerAlgorithm' in head
