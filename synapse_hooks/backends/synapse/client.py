"""A Synapse backend over HTTP: datasets, models and jobs, as `synapse_hooks.context.BackendClient` has them."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from synapse_hooks.backends.fields import stored_name
from synapse_hooks.backends.health import folder_findings
from synapse_hooks.backends.synapse.api import ApiClient, checked_id
from synapse_hooks.backends.synapse.arrived import Arrived
from synapse_hooks.backends.synapse.cache import Cache
from synapse_hooks.backends.synapse.connection import Connection
from synapse_hooks.backends.synapse.download import FileRequest
from synapse_hooks.backends.synapse.export import Export, Progress
from synapse_hooks.backends.synapse.fetching import LIMITS, DownloadLimits, Fetcher
from synapse_hooks.backends.synapse.listing import Listing
from synapse_hooks.backends.synapse.models import Release, publish_model
from synapse_hooks.backends.synapse.retry import RETRY, TIMEOUTS, RetryPolicy, Timeouts
from synapse_hooks.backends.synapse.select_transfer import best_transfer, has_curl
from synapse_hooks.backends.synapse.transfer import AddressPolicy, Transfer
from synapse_hooks.backends.synapse.url import requestable
from synapse_hooks.context import Checkpoint, Dataset, Finding, Model
from synapse_hooks.data import split_name
from synapse_hooks.errors import AccessDenied, BackendError, RecordNotFound
from synapse_hooks.safe_text import text_of
from synapse_hooks.storage import archive_kind, link_or_copy, safe_name, unpack
from synapse_hooks.storage.user_paths import default_cache

_CLOCK: Final = 300.0
"""Seconds by which the clocks of this machine and of the backend may differ."""
_LISTED: Final = 20
"""Records that an error about an unknown id names, at most."""
_REFUSED: Final = frozenset((400, 413, 422))
_NAMED: Final = 100
"""Characters of a name there, at most."""


class SynapseClient:
    """The backend at the other end of a connection. It implements `synapse_hooks.context.BackendClient`.

    Args:
        connection: Where, and with which credentials.
        root: Where runs and the journals of uploads are kept on this machine.
        cache: Where fetched files are kept; None is the user's cache.
        job: The job that the platform opened for this run.
        retry: How often a call of the API or a file is tried again.
        timeouts: When a connection counts as broken.
        limits: The limits of each file.
        transfer: Makes what moves files; None takes the fastest one.

    Every method raises `AccessDenied`, `RecordNotFound`, `BackendUnavailable` or another `BackendError`.
    """

    def __init__(
        self,
        connection: Connection,
        root: Path,
        *,
        cache: Path | None = None,
        job: int | str | None = None,
        retry: RetryPolicy = RETRY,
        timeouts: Timeouts = TIMEOUTS,
        limits: DownloadLimits = LIMITS,
        transfer: Callable[[Timeouts, AddressPolicy], Transfer] = best_transfer,
    ) -> None:
        self.connection = connection
        self.root = Path(root)
        self.cache = Cache(cache or default_cache())
        self.job = job
        self.api = ApiClient(connection, retry=retry, timeouts=timeouts, cancelled=threading.Event())
        self._retry = retry
        self._limits = limits
        self._timeouts = timeouts
        self._transfer = transfer
        self._release: Release | None = None

    def __repr__(self) -> str:
        return f'SynapseClient({self.connection.host!r})'

    @property
    def address(self) -> dict[str, str]:
        """What `connect` finds it by again."""
        return {'host': self.connection.host}

    # -- datasets ----------------------------------------------------------------------------------------------------

    def get_dataset(self, dataset: int | str) -> dict[str, Any]:
        """The record of a dataset version, by id."""
        record = self._record('ground_truth_dataset_versions/', 'dataset', dataset)
        if record.get('is_archived'):
            raise BackendError(
                f'dataset {dataset} is archived', hint='choose another version, or restore it', kind='dataset'
            )
        return record

    def export_dataset(
        self,
        dataset: int | str,
        out: Path,
        *,
        splits: Mapping[str, Any] | None = None,
        progress: Progress | None = None,
        arrived: Arrived | None = None,
    ) -> Dataset:
        """Fetch a dataset version in DM layout into the folder `out`, empty or new.

        Args:
            dataset: Its id.
            out: The folder. Files in it are linked to the cache: replace one, do not write into it.
            splits: None is everything, with the splits of the items, and so are fractions (numbers), which a conversion
                applies. Otherwise only the splits that are named, each with its filters, such as `{'reviewed': True}`.
            progress: Called a few times a second, and at the end, with the items that are there, all of them, and the
                bytes that came over the network.
            arrived: Called with items whose files are complete, some hundred at a time; at the end, all were.
        """
        version = self.get_dataset(dataset).get('id', dataset)
        chosen = {
            split_name(name): value
            for name, value in (splits or {}).items()
            if isinstance(value, bool) or not isinstance(value, int | float)
        }
        if chosen:
            listings = [Listing(self.api, version, name, _filters(name, value)) for name, value in chosen.items()]
        else:
            listings = [Listing(self.api, version)]
        self.cache.sweep()
        with closing(self._new_transfer()) as transfer:
            fetcher = Fetcher(self.cache, transfer, retry=self._retry, limits=self._limits)
            return Export(fetcher, f'{self._scope()}/dataset {version}', Path(out), progress, arrived).run(listings)

    # -- models ------------------------------------------------------------------------------------------------------

    def get_model(self, model: int | str) -> dict[str, Any]:
        """The record of a model, by id."""
        return self._record('models/', 'model', model)

    def fetch_model(self, model: int | str, out: Path) -> Checkpoint:
        """Put a model's files into the existing, empty folder `out`; an archive is unpacked.

        Raises:
            ArchiveRefused: The archive holds what must not be unpacked.
        """
        record = self.get_model(model)
        address = record.get('file')
        if not isinstance(address, str) or not address:
            raise BackendError(f'model {model} has no file', hint='upload it again, or choose another model')
        try:
            path = urlsplit(requestable(address)).path
        except ValueError as error:
            raise BackendError(f'the address of model {model} cannot be used: {error}') from error
        self.cache.sweep()
        key = f'{self._scope()}/model {record["id"]} ({path})'
        blob = self._fetch_one(FileRequest(key, address), lambda: self.get_model(model).get('file'))
        file = Path(self.cache.blobs.path(blob))
        if archive_kind(file) is not None:
            unpack(file, Path(out))
        else:
            name = safe_name(path.rpartition('/')[2])
            link_or_copy(file, Path(out) / stored_name(name), mode='copy')
        made: Checkpoint = {'path': Path(out), 'id': record['id'], 'name': str(record.get('name') or record['id'])}
        if isinstance(record.get('category'), str):
            made['category'] = record['category']
        return made

    def create_model(self, path: Path, *, name: str | None = None, key: str | None = None, **fields: Any) -> Model:
        """Upload a file or folder as a new model.

        Args:
            path: A folder or a file; it is packed into a zip.
            name: Unique among the tenant's models. None makes one of `key` and the content.
            key: What identifies the upload: with the same key and content it is one model, however often it is tried.
            **fields: `checkpoint` (an id), `params`, `description`, `plugin`, `version`; others are left out.
        """
        release = self.release(fields)
        return publish_model(self.api, self.root / 'uploads', Path(path), name, key, release, fields)

    def release(self, fields: Mapping[str, Any] = {}) -> Release:
        """The plugin and version that models are made by: of the job, else those in `fields`.

        Raises:
            BackendError: There is no job, and `fields` do not have them.
        """
        if self._release is None:
            if fields.get('plugin') and fields.get('version'):
                return Release(str(fields['plugin']), str(fields['version']))
            if self.job is None:
                raise BackendError(
                    'a model of this backend belongs to the release of a plugin, and there is no job to take it from',
                    hint='name the job: `--job ID`, also of `resume`; or use `--workspace DIR`, which takes any model',
                )
            self._release = Release.of_job(self.api, self.get_job(self.job))
        return self._release

    # -- jobs --------------------------------------------------------------------------------------------------------

    def create_job(self, **fields: Any) -> dict[str, Any] | None:
        """None: the jobs of this backend are opened by its platform."""
        return None

    def get_job(self, job: int | str) -> dict[str, Any]:
        """The record of a job, by id."""
        return self._record('jobs/', 'job', job, listed=False)

    def update_job(self, job: int | str, **fields: Any) -> None:
        """Change a job: any of `status, progress_record, metrics_record, console_logs, result, meta`."""
        self.api.call('PATCH', f'jobs/{_id("job", job)}/', body=fields)

    def override_best_trial(self, job: int | str, trial: str, params: Mapping[str, Any]) -> None:
        """Record the best trial of a job that is a search, with its parameters."""
        self.api.call('PUT', f'trains/{_id("job", job)}/override_best_trial/', body={'trial_id': trial, **params})

    def add_logs(self, job: int | str, entries: Sequence[Mapping[str, Any]]) -> None:
        """Add to the log of a job: each of `{event, data, datetime, step?, level?, file?}`."""
        if not entries:
            return
        try:
            self.api.call('POST', 'logs/', body=[{**entry, 'job': job} for entry in entries])
        except BackendError as error:
            if len(entries) == 1 or error.facts.get('status') not in _REFUSED:
                raise
            # One entry that the backend does not take is not to cost the others.
            half, refused = len(entries) // 2, []
            for some in (entries[:half], entries[half:]):
                try:
                    self.add_logs(job, some)
                except BackendError as inner:
                    refused.append(inner)
            if refused:
                raise refused[0] from error

    def diagnose(self) -> Iterator[Finding]:
        """Whether the host answers, takes the credentials, and has the same time, and what is used on this machine."""
        connection = self.connection
        # A person waits for the answer.
        api = ApiClient(connection, retry=RetryPolicy(attempts=2), timeouts=Timeouts(answer=10.0))
        yield Finding('backend', True, f'{connection.host} (from {connection.sources.get("host", "a program")})')
        try:
            api.get('models/', {'page_size': 1})
        except AccessDenied as error:
            yield Finding('backend: credentials', False, error.problem, error.hint)
        except BackendError as error:
            yield Finding('backend: answer', False, error.problem, error.hint)
        else:
            yield Finding('backend: credentials', True, f'accepted (from {connection.token_source})')
            if self.job is not None:
                yield self._job_finding(self.job)
        if (offset := api.clock_offset) is not None:
            side = 'behind' if offset > 0 else 'ahead of'
            # The backend has a resolution of seconds.
            detail = f'{abs(offset):,.0f} s {side} the backend' if abs(offset) > 2 else 'agrees with the backend'
            fix = 'set the clock: addresses of files may seem to have expired'
            yield Finding('clock', abs(offset) < _CLOCK, detail, fix)
        faster = '' if has_curl() else ' (pip install pycurl: several times as fast)'
        with closing(self._new_transfer()) as transfer:
            yield Finding('transfer of files', True, transfer.name + faster)
        yield from folder_findings('cache', self.cache.root, 'SYNAPSE_HOOKS_CACHE')
        yield from folder_findings('runs', self.root, 'SYNAPSE_WORKSPACE')

    def _job_finding(self, job: int | str) -> Finding:
        try:
            self.get_job(job)
        except BackendError as error:
            return Finding('backend: job', False, error.problem, error.hint)
        return Finding('backend: job', True, f'{job} is there')

    def close(self) -> None:
        """Close connections."""
        self.api.close()

    # -- what they share ---------------------------------------------------------------------------------------------

    def _record(self, path: str, kind: str, id: int | str, *, listed: bool = True) -> dict[str, Any]:
        number = _id(kind, id)
        try:
            record = self.api.get(f'{path}{number}/')
        except RecordNotFound as error:
            known = self._known(path) if listed else []
            hint = f'choose one of: {", ".join(known)}' if known else error.hint
            raise RecordNotFound(
                f'there is no {kind} {id} at {self.connection.host}', hint=hint, kind=kind, id=id, known=known
            ) from error
        if not isinstance(record, dict):
            raise BackendError(
                f'{self.connection.host} answered with something else than the record of {kind} {id}',
                hint='check the address of the host: is it a Synapse backend?',
                kind=kind,
            )
        return {**record, 'id': checked_id(record.get('id', number), f'{kind} {id}')}

    def _known(self, path: str) -> list[str]:
        try:
            records = list(islice(self.api.listed(path, {'page_size': _LISTED}), _LISTED))
        except BackendError:
            return []
        shown = [(text_of(one.get('id'), _NAMED), text_of(one.get('name') or '', _NAMED)) for one in records]
        return [f'{id} ({name})' if name else id for id, name in shown]

    def _fetch_one(self, request: FileRequest, refresh: Callable[[], Any]) -> str:
        waiting = [request]

        def fresh_address(_: FileRequest) -> str | None:
            url = refresh()
            return url if isinstance(url, str) else None

        with closing(self._new_transfer()) as transfer:
            fetcher = Fetcher(self.cache, transfer, retry=self._retry, limits=self._limits)
            for fetched in fetcher.fetch(lambda: [waiting.pop()] if waiting else None, fresh_address):
                if fetched is not None:
                    return fetched.blob.sha256
        raise AssertionError('a fetch ends with a file or an error')

    def _new_transfer(self) -> Transfer:
        internal = self.connection.url_host == 'internal'
        allowed = frozenset(os.environ.get('SYNAPSE_HOOKS_FILE_HOSTS', '').replace(',', ' ').lower().split())
        policy = AddressPolicy.for_api(self.connection.origin.host, internal=internal, allowed=allowed)
        return self._transfer(self._timeouts, policy)

    def _scope(self) -> str:
        # What is known of one tenant is nothing to another one. Its name is a secret, too.
        tenant = hashlib.sha256(self.connection.tenant.encode()).hexdigest()[:12] if self.connection.tenant else '-'
        return f'{self.connection.origin}/tenant {tenant}'


def _id(kind: str, id: int | str) -> int | str:
    text = str(id)
    if not text or not all(letter.isalnum() or letter in '-_' for letter in text) or not text.isascii():
        raise RecordNotFound(
            f'there is no {kind} {id!r}: a {kind} of this backend is named by its id',
            hint='give the id',
            kind=kind,
            id=id,
        )
    return int(text) if text.isdecimal() and len(text) < 19 else text


def _filters(split: str, value: Any) -> Mapping[str, Any]:
    if value is None or value is True:
        return {}
    if not isinstance(value, Mapping):
        raise BackendError(
            f'splits: {split} = {value!r}: expected filters, or None for all of it',
            hint=f'for example {{{split!r}: {{"reviewed": True}}}}',
            split=split,
        )
    return value
