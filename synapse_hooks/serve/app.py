"""The development server as an ASGI application: routes, authentication, and errors in the form of a backend."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from synapse_hooks.backends import Workspace
from synapse_hooks.errors import RecordNotFound, SynapseHooksError
from synapse_hooks.runs import Runs
from synapse_hooks.serve.items import CATEGORIES, entries, event
from synapse_hooks.serve.page import page
from synapse_hooks.serve.responses import RequestError, json_object, json_response, json_value, number_of, page_of
from synapse_hooks.serve.runs import run_report, run_row
from synapse_hooks.serve.signing import Signer
from synapse_hooks.serve.uploads import Uploads, chunk_range, upload_record
from synapse_hooks.storage import is_inside, pack, scratch

_CODE: Final = 'synapse-hooks-dev'
_PLUGIN: Final = {'id': 1, 'code': _CODE, 'name': 'Development'}
_RELEASE: Final = {'id': 1, 'version': '0.1.0'}
_MODEL_KEYS: Final = frozenset(
    ('name', 'plugin', 'version', 'checkpoint', 'chunked_upload', 'configuration', 'description')
)
_JOB_KEYS: Final = frozenset(('status', 'progress_record', 'metrics_record', 'console_logs', 'result', 'meta'))
_STATUSES: Final = frozenset(('PENDING', 'RUNNING', 'STOPPED', 'SUCCEEDED', 'FAILED'))
_FILE_HEADERS: Final = {'Content-Security-Policy': "default-src 'none'", 'X-Content-Type-Options': 'nosniff'}
"""A dataset may hold a web page, or an SVG with scripts: opened as a page of this server, it must not run them."""
_PAGE_HEADERS: Final = {
    'Content-Security-Policy': "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    'Referrer-Policy': 'no-referrer',
}

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True)
class Server:
    """The state that the routes share, and their handlers.

    Args:
        workspace: The workspace whose datasets, models and jobs are served.
        token: The token that clients must send.
        signer: Signs the URLs of files.
    """

    workspace: Workspace
    token: str = field(repr=False)
    signer: Signer

    @property
    def uploads(self) -> Uploads:
        """The uploads in progress."""
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

        def url(name: str) -> str:
            return self._signed(request, f'/files/datasets/{record["id"]}/{name}')

        return await run_in_threadpool(page_of, request, listed, lambda entry: event(root, entry, url))

    async def datasets(self, request: Request) -> Response:
        """Every dataset, as a dataset version with the same id."""
        records = await run_in_threadpool(self.workspace.list_datasets)
        return page_of(request, records, _version)

    async def dataset(self, request: Request) -> Response:
        """One dataset."""
        return json_response(_version(await run_in_threadpool(self.workspace.get_dataset, request.path_params['id'])))

    # -- models ------------------------------------------------------------------------------------------------------

    async def models(self, request: Request) -> Response:
        """Every model, or those of a name; a POST creates one out of a finished upload."""
        if request.method == 'POST':
            return await self._create_model(request)
        records = await run_in_threadpool(self.workspace.list_models)
        if (name := request.query_params.get('name')) is not None:
            records = [record for record in records if record['name'] == name]
        return page_of(request, records, lambda record: self._model(request, record))

    async def model(self, request: Request) -> Response:
        """One model."""
        record = await run_in_threadpool(self.workspace.get_model, request.path_params['id'])
        return json_response(self._model(request, record))

    async def _create_model(self, request: Request) -> Response:
        body = await json_object(request)
        if unknown := sorted(set(body) - _MODEL_KEYS):
            raise RequestError(400, f'unknown: {", ".join(unknown)}')
        if empty := sorted(name for name, value in body.items() if value is None):
            raise RequestError(400, f'must not be null: {", ".join(empty)}')
        missing = sorted({'name', 'plugin', 'version', 'chunked_upload'} - set(body))
        if missing:
            raise RequestError(400, f'required: {", ".join(missing)}')
        name = str(body['name'])
        if any(record['name'] == name for record in await run_in_threadpool(self.workspace.list_models)):
            raise RequestError(400, 'name must be unique')
        state = self.uploads.get(str(body['chunked_upload']))
        if state.completed_at is None:
            raise RequestError(400, 'chunked_upload is not finished')
        kept = {key: value for key, value in body.items() if key not in ('name', 'chunked_upload')}

        def create() -> dict[str, Any]:
            made = self.workspace.create_model(self.uploads.file(state.id), name=name, file_name='model.zip', **kept)
            self.uploads.remove(state.id)
            return self.workspace.get_model(made['id'])

        return json_response(self._model(request, await run_in_threadpool(create)), 201)

    def _model(self, request: Request, record: dict[str, Any]) -> dict[str, Any]:
        shown = {name: value for name, value in record.items() if name not in ('path', 'digest')}
        return {**shown, 'file': self._signed(request, f'/files/models/{record["id"]}/model.zip')}

    # -- files -------------------------------------------------------------------------------------------------------

    async def file(self, request: Request) -> Response:
        """A file, by its signed URL; no other credential is needed."""
        path = unquote(request.scope['raw_path'].decode('latin-1').partition('?')[0])
        query = request.query_params
        if not self.signer.is_valid(path, query.get('expires', ''), query.get('signature', '')):
            raise RequestError(403, 'the URL has expired')
        kind, id, name = path.removeprefix('/files/').split('/', 2)
        if kind == 'models':
            file = await run_in_threadpool(self._archive, id)
        else:
            record = await run_in_threadpool(self.workspace.get_dataset, id)
            file = Path(record['path'], name)
            if not is_inside(file, record['path']):
                raise RequestError(404, 'there is no such file')
        if not file.is_file():
            raise RequestError(404, 'there is no such file')
        return FileResponse(file, headers=_FILE_HEADERS)

    def _archive(self, id: str) -> Path:
        """A model as one zip: the uploaded zip, else one that is packed once."""
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
                raise RequestError(400, 'expected a part `file`')
            if file.size != last + 1 - first and total:
                raise RequestError(400, f'Content-Range says {last + 1 - first} bytes, got {file.size}')
            if id is None and first:
                raise RequestError(400, 'the first chunk must begin at 0')
            state = uploads.get(id) if id else uploads.begin(str(form.get('filename') or file.filename), total)
            if state.total != total:
                raise RequestError(400, f'the upload has {state.total} bytes in all, not {total}')

            async def parts() -> Any:
                while data := await file.read(1 << 20):
                    yield data

            await uploads.append(state, first, parts())
        return json_response(self._upload(request, state))

    async def upload_state(self, request: Request) -> Response:
        """The state of an upload; a POST finishes it."""
        state = self.uploads.get(request.path_params['id'])
        if request.method == 'POST':
            body = await json_object(request)
            now = datetime.now(UTC).isoformat()
            state = await run_in_threadpool(self.uploads.finish, state, str(body.get('md5')), now)
        return json_response(self._upload(request, state))

    def _upload(self, request: Request, state: Any) -> dict[str, Any]:
        return upload_record(state, self.uploads.offset(state), self._url(request, f'/chunked_upload/{state.id}/'))

    # -- jobs --------------------------------------------------------------------------------------------------------

    async def jobs(self, request: Request) -> Response:
        """Every job; a POST creates one. (A real backend does not have this route: its platform creates jobs.)"""
        if request.method == 'POST':
            made = await run_in_threadpool(self.workspace.create_job, **await json_object(request))
            return json_response(_job(made), 201)
        return page_of(request, await run_in_threadpool(self.workspace.list_jobs), _job)

    async def job(self, request: Request) -> Response:
        """One job; a PATCH changes it."""
        id = request.path_params['id']
        if request.method == 'PATCH':
            body = await json_object(request)
            if unknown := sorted(set(body) - _JOB_KEYS):
                raise RequestError(400, f'unknown: {", ".join(unknown)}')
            status = body.get('status', 'RUNNING')
            if not isinstance(status, str) or status not in _STATUSES:
                raise RequestError(400, f'status must be one of {", ".join(sorted(_STATUSES))}')
            await run_in_threadpool(self.workspace.update_job, id, **body)
        return json_response(_job(await run_in_threadpool(self.workspace.get_job, id)))

    async def logs(self, request: Request) -> Response:
        """Entries for the logs of jobs: one, or several."""
        body = await json_value(request)
        listed = body if isinstance(body, list) else [body]
        by_job: dict[str, list[dict[str, Any]]] = {}
        for entry in listed:
            if not isinstance(entry, dict) or not {'event', 'data', 'datetime', 'job'} <= set(entry):
                raise RequestError(400, 'expected {event, data, datetime, job}')
            if not isinstance(entry['data'], dict) or not isinstance(entry['datetime'], str):
                raise RequestError(400, '`data` must be an object, and `datetime` a text')
            by_job.setdefault(str(entry['job']), []).append(entry)
        for job, entries_ in by_job.items():
            await run_in_threadpool(self.workspace.add_logs, job, entries_)
        return json_response(body, 201)

    async def job_logs(self, request: Request) -> Response:
        """The log of a job from an entry on, for the page."""
        after = number_of(request.query_params.get('after') or '0', 'after', least=0)
        listed = await run_in_threadpool(self.workspace.read_logs, request.path_params['id'], after)
        return json_response(listed)

    # -- runs --------------------------------------------------------------------------------------------------------

    async def runs(self, request: Request) -> Response:
        """Every run of the workspace, the newest first, for the page."""
        listed = await run_in_threadpool(lambda: list(Runs(self.workspace)))
        return await run_in_threadpool(page_of, request, listed, run_row)

    async def report(self, request: Request) -> Response:
        """The report of a run, for the page."""
        return json_response(await run_in_threadpool(run_report, self.workspace, request.path_params['name']))

    async def plugin_release(self, request: Request) -> Response:
        """The release that every job here runs."""
        return json_response({**_RELEASE, 'plugin': _PLUGIN if request.query_params.get('expand') == 'plugin' else 1})

    async def best_trial(self, request: Request) -> Response:
        """Set the best trial of a search."""
        body = await json_object(request)
        await run_in_threadpool(self.workspace.update_job, request.path_params['id'], best_trial=body)
        return json_response(body)

    # -- page ------------------------------------------------------------------------------------------------------

    async def index(self, request: Request) -> Response:
        """The page."""
        return Response(page(), media_type='text/html; charset=utf-8', headers=_PAGE_HEADERS)

    # -- common ---------------------------------------------------------------------------------------------

    def protected(self, handler: Handler, *, public: bool = False) -> Handler:
        """A route that requires the token, and replies to errors as a backend does."""

        async def respond(request: Request) -> Response:
            try:
                if not public and not self._has_token(request):
                    raise RequestError(401, 'Invalid token.')
                return await handler(request)
            except RequestError as error:
                return json_response({'detail': error.detail}, error.status)
            except ClientDisconnect:
                # The client is gone and will not read this response.
                return json_response({'detail': 'the client has disconnected'}, 400)
            except RecordNotFound as error:
                return json_response({'detail': error.problem}, 404)
            except SynapseHooksError as error:
                return json_response({'detail': error.problem}, 400)

        return respond

    def _has_token(self, request: Request) -> bool:
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
        workspace: The workspace to serve.
        token: The token that clients must send.
        key: Signs the URLs of files.
        lifetime: Seconds for which such a URL is valid.
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
        ('/runs/', server.runs, ('GET',)),
        ('/runs/{name}/report/', server.report, ('GET',)),
        ('/plugin_releases/{id}/', server.plugin_release, ('GET',)),
        ('/trains/{id}/override_best_trial/', server.best_trial, ('PUT',)),
    ]
    public = [('/files/{rest:path}', server.file, ('GET',)), ('/', server.index, ('GET',))]
    return Starlette(
        routes=[
            *(Route(path, server.protected(answer), methods=list(methods)) for path, answer, methods in routes),
            *(
                Route(path, server.protected(answer, public=True), methods=list(methods))
                for path, answer, methods in public
            ),
        ],
        # Against DNS rebinding: a page on another host could have its name resolved to this machine.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=['127.0.0.1', 'localhost', '[::1]'])],
    )


def _version(record: dict[str, Any]) -> dict[str, Any]:
    shown = {name: record.get(name) for name in ('id', 'name', 'count', 'splits', 'classes', 'created')}
    return {**shown, 'ground_truth_dataset': record['id'], 'is_archived': False}


def _job(record: dict[str, Any]) -> dict[str, Any]:
    return {'plugin_release': {**_RELEASE, 'plugin': _PLUGIN}, **record}
