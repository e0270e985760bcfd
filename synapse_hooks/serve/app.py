"""The development server as an ASGI application: routes, authentication, and errors as a backend sends them."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlencode

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from synapse_hooks.backends import Workspace
from synapse_hooks.errors import RecordNotFound, SynapseHooksError
from synapse_hooks.serve.items import CATEGORIES, entries, event
from synapse_hooks.serve.page import page
from synapse_hooks.serve.signing import Signer
from synapse_hooks.serve.uploads import Refusal, Uploads, chunk_range, described
from synapse_hooks.storage import is_inside, pack, scratch

MOST_PER_PAGE: Final = 1000
_JSON: Final = 'application/json'
_CODE: Final = 'synapse-hooks-dev'
_PLUGIN: Final = {'id': 1, 'code': _CODE, 'name': 'Development'}
_RELEASE: Final = {'id': 1, 'version': '0.1.0'}
_MODEL_KEYS: Final = frozenset(
    ('name', 'plugin', 'version', 'checkpoint', 'chunked_upload', 'configuration', 'description')
)
_JOB_KEYS: Final = frozenset(('status', 'progress_record', 'metrics_record', 'console_logs', 'result', 'meta'))
_STATUSES: Final = frozenset(('PENDING', 'RUNNING', 'STOPPED', 'SUCCEEDED', 'FAILED'))

Answer = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Server:
    """What the routes share.

    Args:
        workspace: Whose datasets, models and jobs are served.
        token: What a caller must show.
        signer: Makes the addresses of files.
    """

    workspace: Workspace
    token: str = field(repr=False)
    signer: Signer

    @property
    def uploads(self) -> Uploads:
        """The uploads on their way."""
        return Uploads(self.workspace.root / 'serve' / 'uploads')

    # -- datasets ----------------------------------------------------------------------------------------------------

    async def events(self, request: Request) -> Response:
        """A page of the items of a dataset version."""
        query = request.query_params
        record = await run_in_threadpool(self.workspace.get_dataset, query.get('ground_truth_dataset_versions', ''))
        listed = await run_in_threadpool(entries, Path(record['path']), record['digest'])
        if (category := query.get('category')) is not None:
            listed = tuple(entry for entry in listed if CATEGORIES.get(entry.split or '', entry.split) == category)
        root = Path(record['path'])

        def address(name: str) -> str:
            return self._signed(request, f'/files/datasets/{record["id"]}/{name}')

        return await run_in_threadpool(_paged, request, listed, lambda entry: event(root, entry, address))

    async def datasets(self, request: Request) -> Response:
        """Every dataset, as a version of itself."""
        records = await run_in_threadpool(self.workspace.list_datasets)
        return _paged(request, records, _version)

    async def dataset(self, request: Request) -> Response:
        """One dataset."""
        return _json(_version(await run_in_threadpool(self.workspace.get_dataset, request.path_params['id'])))

    # -- models ------------------------------------------------------------------------------------------------------

    async def models(self, request: Request) -> Response:
        """Every model, or those of a name; a POST creates one out of a finished upload."""
        if request.method == 'POST':
            return await self._create_model(request)
        records = await run_in_threadpool(self.workspace.list_models)
        if (name := request.query_params.get('name')) is not None:
            records = [record for record in records if record['name'] == name]
        return _paged(request, records, lambda record: self._model(request, record))

    async def model(self, request: Request) -> Response:
        """One model."""
        record = await run_in_threadpool(self.workspace.get_model, request.path_params['id'])
        return _json(self._model(request, record))

    async def _create_model(self, request: Request) -> Response:
        body = await _body(request)
        if unknown := sorted(set(body) - _MODEL_KEYS):
            raise Refusal(400, f'unknown: {", ".join(unknown)}')
        if empty := sorted(name for name, value in body.items() if value is None):
            raise Refusal(400, f'must not be null: {", ".join(empty)}')
        missing = sorted({'name', 'plugin', 'version', 'chunked_upload'} - set(body))
        if missing:
            raise Refusal(400, f'required: {", ".join(missing)}')
        name = str(body['name'])
        if any(record['name'] == name for record in await run_in_threadpool(self.workspace.list_models)):
            raise Refusal(400, 'name must be unique')
        state = self.uploads.get(str(body['chunked_upload']))
        if state.completed_at is None:
            raise Refusal(400, 'chunked_upload is not finished')
        kept = {key: value for key, value in body.items() if key not in ('name', 'chunked_upload')}

        def create() -> dict[str, Any]:
            made = self.workspace.create_model(self.uploads.file(state.id), name=name, file_name='model.zip', **kept)
            self.uploads.remove(state.id)
            return self.workspace.get_model(made['id'])

        return _json(self._model(request, await run_in_threadpool(create)), 201)

    def _model(self, request: Request, record: dict[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in record.items() if name not in ('path', 'digest')}
        return {**shown, 'file': self._signed(request, f'/files/models/{record["id"]}/model.zip')}

    # -- files -------------------------------------------------------------------------------------------------------

    async def file(self, request: Request) -> Response:
        """A file, for whoever has its signed address; no credential is asked for."""
        path = unquote(request.scope['raw_path'].decode('latin-1').partition('?')[0])
        query = request.query_params
        if not self.signer.is_valid(path, query.get('expires', ''), query.get('signature', '')):
            raise Refusal(403, 'the address has expired')
        kind, id, name = path.removeprefix('/files/').split('/', 2)
        if kind == 'models':
            found = await run_in_threadpool(self._archive, id)
        else:
            record = await run_in_threadpool(self.workspace.get_dataset, id)
            found = Path(record['path'], name)
            if not is_inside(found, record['path']):
                raise Refusal(404, 'there is no such file')
        if not found.is_file():
            raise Refusal(404, 'there is no such file')
        return FileResponse(found)

    def _archive(self, id: str) -> Path:
        """A model as one zip: what was uploaded as it is, and else packed once."""
        record = self.workspace.get_model(id)
        stored = Path(record['path'])
        if (stored / 'model.zip').is_file():
            return stored / 'model.zip'
        packed = self.workspace.root / 'serve' / 'packed' / f'{record["id"]}-{record["digest"][:16]}.zip'
        if not packed.exists():
            with scratch(packed) as folder:
                pack(stored, folder / packed.name).replace(packed)
        return packed

    # -- uploads -----------------------------------------------------------------------------------------------------

    async def upload(self, request: Request) -> Response:
        """A chunk: the first one opens an upload."""
        first, last, total = chunk_range(request.headers.get('content-range', ''))
        uploads, id = self.uploads, request.path_params.get('id')
        async with request.form(max_part_size=1 << 30) as form:
            file = form.get('file')
            if not isinstance(file, UploadFile):
                raise Refusal(400, 'expected a part `file`')
            if file.size != last + 1 - first and total:
                raise Refusal(400, f'Content-Range says {last + 1 - first} bytes, and {file.size} came')
            if id is None and first:
                raise Refusal(400, 'the first chunk must begin at 0')
            state = uploads.get(id) if id else uploads.begin(str(form.get('filename') or file.filename), total)
            if state.total != total:
                raise Refusal(400, f'the upload has {state.total} bytes in all, not {total}')

            async def parts() -> Any:
                while data := await file.read(1 << 20):
                    yield data

            await uploads.append(state, first, parts())
        return _json(self._upload(request, state))

    async def upload_state(self, request: Request) -> Response:
        """How far an upload is; a POST finishes it."""
        state = self.uploads.get(request.path_params['id'])
        if request.method == 'POST':
            body = await _body(request)
            now = datetime.now(UTC).isoformat()
            state = await run_in_threadpool(self.uploads.finish, state, str(body.get('md5')), now)
        return _json(self._upload(request, state))

    def _upload(self, request: Request, state: Any) -> dict[str, Any]:
        return described(state, self.uploads.offset(state), self._url(request, f'/chunked_upload/{state.id}/'))

    # -- jobs --------------------------------------------------------------------------------------------------------

    async def jobs(self, request: Request) -> Response:
        """Every job; a POST opens one, which a real backend leaves to its platform."""
        if request.method == 'POST':
            made = await run_in_threadpool(self.workspace.create_job, **await _body(request))
            return _json(_job(made), 201)
        return _paged(request, await run_in_threadpool(self.workspace.list_jobs), _job)

    async def job(self, request: Request) -> Response:
        """One job; a PATCH changes it."""
        id = request.path_params['id']
        if request.method == 'PATCH':
            body = await _body(request)
            if unknown := sorted(set(body) - _JOB_KEYS):
                raise Refusal(400, f'unknown: {", ".join(unknown)}')
            if body.get('status', 'RUNNING') not in _STATUSES:
                raise Refusal(400, f'status must be one of {", ".join(sorted(_STATUSES))}')
            await run_in_threadpool(self.workspace.update_job, id, **body)
        return _json(_job(await run_in_threadpool(self.workspace.get_job, id)))

    async def logs(self, request: Request) -> Response:
        """Entries for the logs of jobs: one, or several."""
        body = await _json_of(request)
        listed = body if isinstance(body, list) else [body]
        by_job: dict[str, list[dict[str, Any]]] = {}
        for entry in listed:
            if not isinstance(entry, dict) or not {'event', 'data', 'datetime', 'job'} <= set(entry):
                raise Refusal(400, 'expected {event, data, datetime, job}')
            by_job.setdefault(str(entry['job']), []).append(entry)
        for job, entries_ in by_job.items():
            await run_in_threadpool(self.workspace.add_logs, job, entries_)
        return _json(body, 201)

    async def job_logs(self, request: Request) -> Response:
        """The log of a job from an entry on, for the page."""
        after = int(request.query_params.get('after', '0') or 0)
        listed = await run_in_threadpool(self.workspace.read_logs, request.path_params['id'], after)
        return _json(listed)

    async def plugin_release(self, request: Request) -> Response:
        """The release that every job here runs."""
        return _json({**_RELEASE, 'plugin': _PLUGIN if request.query_params.get('expand') == 'plugin' else 1})

    async def best_trial(self, request: Request) -> Response:
        """What a search found best."""
        body = await _body(request)
        await run_in_threadpool(self.workspace.update_job, request.path_params['id'], best_trial=body)
        return _json(body)

    # -- people ------------------------------------------------------------------------------------------------------

    async def index(self, request: Request) -> Response:
        """The page."""
        return Response(page(), media_type='text/html; charset=utf-8')

    # -- what they share ---------------------------------------------------------------------------------------------

    def guarded(self, answer: Answer, *, public: bool = False) -> Answer:
        """A route that asks for the token, and tells errors as a backend does."""

        async def guarded(request: Request) -> Response:
            try:
                if not public and not self._knows(request):
                    raise Refusal(401, 'Invalid token.')
                return await answer(request)
            except Refusal as error:
                return _json({'detail': error.detail}, error.status)
            except RecordNotFound as error:
                return _json({'detail': error.problem}, 404)
            except SynapseHooksError as error:
                return _json({'detail': error.problem}, 400)

        return guarded

    def _knows(self, request: Request) -> bool:
        shown = [request.headers.get(name, '') for name in ('synapse-access-token', 'authorization')]
        return any(hmac.compare_digest(value.encode(), f'Token {self.token}'.encode()) for value in shown)

    def _signed(self, request: Request, path: str) -> str:
        return self._url(request, self.signer.signed(path))

    @staticmethod
    def _url(request: Request, path: str) -> str:
        return f'{request.url.scheme}://{request.url.netloc}{path}'


def application(workspace: Workspace, token: str, *, key: bytes, lifetime: float = 3600.0) -> Starlette:
    """The server of a workspace.

    Args:
        workspace: What is served.
        token: What callers must show.
        key: Signs the addresses of files.
        lifetime: Seconds for which such an address is valid.
    """
    server = Server(workspace, token, Signer(key, lifetime))
    routes = [
        ('/sdk/ground_truth_events/', server.events, ('GET',)),
        ('/ground_truth_dataset_versions/', server.datasets, ('GET',)),
        ('/ground_truth_dataset_versions/{id}/', server.dataset, ('GET',)),
        ('/models/', server.models, ('GET', 'POST')),
        ('/models/{id}/', server.model, ('GET',)),
        ('/chunked_upload/', server.upload, ('PUT',)),
        ('/chunked_upload/{id}/', server.upload, ('PUT',)),
        ('/chunked_upload/{id}/', server.upload_state, ('GET', 'POST')),
        ('/jobs/', server.jobs, ('GET', 'POST')),
        ('/jobs/{id}/', server.job, ('GET', 'PATCH')),
        ('/jobs/{id}/logs/', server.job_logs, ('GET',)),
        ('/logs/', server.logs, ('POST',)),
        ('/plugin_releases/{id}/', server.plugin_release, ('GET',)),
        ('/trains/{id}/override_best_trial/', server.best_trial, ('PUT',)),
    ]
    public = [('/files/{rest:path}', server.file, ('GET',)), ('/', server.index, ('GET',))]
    return Starlette(
        routes=[
            *(Route(path, server.guarded(answer), methods=list(methods)) for path, answer, methods in routes),
            *(
                Route(path, server.guarded(answer, public=True), methods=list(methods))
                for path, answer, methods in public
            ),
        ],
        # A page elsewhere could have its name resolved to this machine.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=['127.0.0.1', 'localhost', '[::1]'])],
    )


def _version(record: dict[str, Any]) -> dict[str, Any]:
    shown = {name: record.get(name) for name in ('id', 'name', 'count', 'splits', 'classes', 'created')}
    return {**shown, 'ground_truth_dataset': record['id'], 'is_archived': False}


def _job(record: dict[str, Any]) -> dict[str, Any]:
    return {'plugin_release': {**_RELEASE, 'plugin': _PLUGIN}, **record}


def _paged(request: Request, records: Any, shown: Callable[[Any], Any]) -> Response:
    query = dict(request.query_params.multi_items())
    size = _positive(query.get('page_size', '100'), 'page_size', MOST_PER_PAGE)
    number = _positive(query.get('page', '1'), 'page')
    start, stop = (number - 1) * size, number * size
    if start >= len(records) > 0 or (not records and number > 1):
        raise Refusal(404, 'Invalid page.')

    def address(page: int) -> str:
        kept = [(name, value) for name, value in request.query_params.multi_items() if name != 'page']
        url = request.url
        return f'{url.scheme}://{url.netloc}{url.path}?{urlencode([*kept, ("page", page)])}'

    return _json(
        {
            'count': len(records),
            'next': address(number + 1) if stop < len(records) else None,
            'previous': address(number - 1) if number > 1 else None,
            'results': [shown(record) for record in records[start:stop]],
        }
    )


def _positive(text: str, name: str, most: int = 1 << 31) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise Refusal(400, f'{name} must be a number from 1 to {most}')
    return int(text)


async def _body(request: Request) -> dict[str, Any]:
    body = await _json_of(request)
    if not isinstance(body, dict):
        raise Refusal(400, 'expected a JSON object')
    return body


async def _json_of(request: Request) -> Any:
    try:
        return msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal(400, f'JSON parse error: {error}') from error


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type=_JSON)
