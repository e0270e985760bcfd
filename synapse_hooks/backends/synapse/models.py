"""Publishing a model: packed, uploaded and created exactly once, whichever request fails.

The name of a model is derived from its content, and a backend has a name only once: a model of that name that is
there after a lost answer is this one.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synapse_hooks.backends.fields import stored_name
from synapse_hooks.backends.synapse.api import ApiClient, checked_id
from synapse_hooks.backends.synapse.upload import Upload
from synapse_hooks.context import Model
from synapse_hooks.errors import BackendError
from synapse_hooks.storage import file_digest, link_or_copy, pack, safe_name, scratch, sweep
from synapse_hooks.storage.disk import need_folder


@dataclass(frozen=True, slots=True)
class Release:
    """A release of a plugin, by which a model is made."""

    plugin: str
    """Its code."""
    version: str

    @classmethod
    def of_job(cls, api: ApiClient, job: Mapping[str, Any]) -> Release:
        """The release that a job runs.

        Raises:
            BackendError: The job does not have it.
        """
        release = job.get('plugin_release')
        if isinstance(release, int | str):
            number = checked_id(release, f'the plugin release of job {job.get("id")}')
            release = api.get(f'plugin_releases/{number}/', {'expand': 'plugin'})
        plugin = release.get('plugin') if isinstance(release, Mapping) else None
        code = plugin.get('code') if isinstance(plugin, Mapping) else None
        version = release.get('version') if isinstance(release, Mapping) else None
        if not isinstance(code, str) or not isinstance(version, str):
            raise BackendError(f'job {job.get("id")} has no release of a plugin')
        return cls(code, version)


def publish_model(
    api: ApiClient,
    uploads: Path,
    path: Path,
    name: str | None,
    key: str | None,
    release: Release,
    fields: Mapping[str, Any],
) -> Model:
    """Upload what is at `path`, and create its model, unless that was done already.

    Args:
        api: The API.
        uploads: The folder of journals and packed models.
        path: A file or folder.
        name: The model's; None makes one of `key` and the content.
        key: What identifies the upload, beside the content.
        release: By which it is made.
        fields: `checkpoint`, `params`, `description`.

    Raises:
        BackendError: There is nothing at `path`, it changed meanwhile, or another model has the name.
    """
    if not path.exists():
        raise BackendError(f'there is no model at {path}', hint='give a file or a folder', path=str(path))
    need_folder(uploads)
    sweep(uploads)
    archive, digest = _packed(path, uploads)
    base = (key or 'model').partition(':')[0]
    called = name or f'{base}-{digest[:12]}'
    upload = Upload(api, archive, f'{api.connection.origin}/{api.connection.tenant}/{key}/{digest}', uploads)
    record = _find(api, called) if name is None else None
    if record is None:
        record = _create(api, upload, called, name is None, release, fields)
    upload.forget()
    archive.unlink(missing_ok=True)
    return _model(record, called)


def _create(
    api: ApiClient, upload: Upload, called: str, is_ours: bool, release: Release, fields: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Upload, and create the model; `is_ours` is whether no other model can have that name."""
    number = upload.send()
    body = {
        'name': called,
        'plugin': release.plugin,
        'version': release.version,
        'checkpoint': fields.get('checkpoint'),
        'chunked_upload': number,
        'configuration': {'hyperparameter': fields['params']} if fields.get('params') else None,
        'description': fields.get('description'),
    }
    try:
        made = api.call('POST', 'models/', body={k: v for k, v in body.items() if v is not None}, idempotent=False)
    except BackendError as error:
        # It may have been created all the same: the answer was lost, or another process was quicker.
        existing = _find(api, called)
        if existing is None or (not is_ours and error.facts.get('status') in (400, 409, 422)):
            raise
        made = existing
    if not isinstance(made, Mapping):
        raise BackendError(f'the backend created model {called!r} and answered without a record of it')
    return made


def _packed(path: Path, uploads: Path) -> tuple[Path, str]:
    """What is uploaded, kept until the model is there, and its digest."""
    with scratch(uploads / 'pack') as folder:
        packed, source = folder / 'model.zip', path
        if path.is_file():
            source = folder / 'files'
            source.mkdir()
            link_or_copy(path, source / stored_name(path.name))
        pack(source, packed)
        digest = file_digest(packed)
        kept = uploads / f'{safe_name(path.name)}-{digest[:16]}.zip'
        if not kept.exists():
            shutil.move(packed, kept)
    return kept, digest


def _find(api: ApiClient, name: str) -> Mapping[str, Any] | None:
    # A backend without this filter lists them all.
    listed = api.listed('models/', {'name': name, 'page_size': 100})
    return next((one for one in listed if one.get('name') == name), None)


def _model(record: Mapping[str, Any], name: str) -> Model:
    return {'id': checked_id(record.get('id'), f'model {name}'), 'name': name, 'path': None}
