"""Replies of a backend in which any field is anything: a clear error or a success, and nothing else."""

from __future__ import annotations

import copy
import io
import itertools
import json
import random
import traceback
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.backends.synapse import SynapseClient
from synapse_hooks.backends.synapse.fetching import DownloadLimits
from synapse_hooks.backends.synapse.retry import RetryPolicy, Timeouts
from synapse_hooks.backends.synapse.thread_transfer import ThreadTransfer
from synapse_hooks.errors import BackendError, SynapseHooksError
from tests.backends.synapse.conftest import TOKEN, Clients
from tests.formats.format_kit import png
from tests.support.raw_server import Asked, Reply, raw_server

QUICK = {
    'retry': RetryPolicy(attempts=2, first_delay=0.001),
    'timeouts': Timeouts(connect=2.0, answer=2.0, min_rate_for=2.0, assembly=0.01),
    'limits': DownloadLimits(deadline=5.0),
}
SIGNATURE = 'canary-signature-5550123'
HERE = 'http://here'
"""Stands for the address of the server."""
IMAGE = png(16, 12)


def _archive() -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, 'w') as opened:
        opened.writestr('best.pt', b'weights')
    return archive.getvalue()


ARCHIVE = _archive()


def _item(number: int) -> dict[str, Any]:
    file = {'url': f'{HERE}/f/{number}.png?signature={SIGNATURE}', 'is_primary': True, 'meta': {'size': len(IMAGE)}}
    return {'id': number, 'category': 'train', 'files': {'image_1': file}, 'data': {'images': []}}


_UPLOAD = {'id': 'abc', 'url': f'{HERE}/chunked_upload/abc/', 'offset': 0}
REPLIES: dict[str, Any] = {
    'version': {'id': 7, 'name': 'x', 'is_archived': False},
    'events': {'count': 2, 'next': None, 'results': [_item(1), _item(2)]},
    'model': {'id': 3, 'name': 'm', 'category': 'c', 'file': f'{HERE}/m/3.zip?signature={SIGNATURE}'},
    'chunk': _UPLOAD,
    'state': {**_UPLOAD, 'completed_at': '2026-01-01T00:00:00Z'},
    'listed': {'count': 1, 'next': None, 'results': [{'id': 1, 'name': 'other'}]},
    'created': {'id': 9, 'name': 'run-1'},
    'job': {'id': 5, 'status': 'RUNNING', 'plugin_release': 4},
    'release': {'version': '1.0', 'plugin': {'code': 'p'}},
    'log': [],
}
MISSING = object()
DEEP: list[Any] = []
for _ in range(900):
    DEEP = [DEEP]
ODD: list[Any] = [
    *(MISSING, None, [1, 2], [], {'a': 1}, {}, True, False, 1.5, -1, 0, 10**30, float('nan'), float('inf'), DEEP),
    *('', 'abc', '3', 'x' * 1_000_000, 'y' * 70_000, '\x1b[31mred\x07\r\n', 'é日本\u202e', '\ud800', 'a\x00b'),
    *('../../etc/passwd', '/etc/passwd', 'file:///etc/passwd', 'data:image/png;base64,!!!', 'data:,', '://', '?'),
    *('http://[bad/x.png', 'http://h:99999999/x.png', f'http://u:{SIGNATURE}@127.0.0.1:1/x', 'http:///x', '/f/1.png'),
    *('http://a b/x.png', f'http://{"é" * 300}/x.png', 'http://127.0.0.1:1/é日本.png', f'http://{"a" * 80}.com/x'),
    *('http://..../x', 'http://%zz/%zz', 'http://127.0.0.1:1/a\r\nX: y', 'http:\\\\x\\y', 'http://169.254.169.254/'),
]


def places(value: Any, start: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a JSON value, by keys."""
    yield start
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*start, key))


def spoiled(reply: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A reply with another value at a place."""
    if not place:
        return None if value is MISSING else value
    reply = at = copy.deepcopy(reply)
    for key in place[:-1]:
        at = at[key]
    if value is MISSING:
        del at[place[-1]]
    else:
        at[place[-1]] = value
    return reply


class Odd:
    """A backend one of whose replies is spoiled."""

    def __init__(self) -> None:
        self.replies = dict(REPLIES)

    def __call__(self, asked: Asked) -> Reply:
        kind = asked.path.split('/')[1]
        if kind in 'fm':
            return Reply(200, IMAGE if kind == 'f' else ARCHIVE, {'Content-Type': 'application/octet-stream'})
        name = {
            'sdk': 'events',
            'ground_truth_dataset_versions': 'version',
            'chunked_upload': 'chunk' if asked.method == 'PUT' else 'state',
            'models': {'/models/': 'created' if asked.method == 'POST' else 'listed'}.get(asked.path, 'model'),
            'jobs': 'job',
            'plugin_releases': 'release',
            'logs': 'log',
        }.get(kind, 'version')
        if asked.path.endswith('/404/'):
            return Reply.json({'detail': 'Not found.'}, 404)
        reply = self.replies[name]
        if reply is REPLIES[name] and kind == 'chunked_upload':
            reply = {**reply, 'offset': int(asked.headers.get('content-range', '-1/').split('-')[1].split('/')[0]) + 1}
        body = json.dumps(reply).replace(HERE, f'http://{asked.headers["host"]}')
        return Reply(200, body.encode('utf-8', 'surrogatepass'), {'Content-Type': 'application/json'})


def check(error: SynapseHooksError, what: str) -> None:
    """An error must be short and show nothing that is secret."""
    text = ''.join(traceback.format_exception(error)) + str(error)
    assert len(str(error)) < 3000, what
    assert TOKEN not in text, what
    assert SIGNATURE not in text, what


def _export(client: SynapseClient, folder: Path) -> None:
    client.export_dataset(7, folder)


def _model(client: SynapseClient, folder: Path) -> None:
    assert type(client.fetch_model(3, folder)['id']) in (int, str)


def _upload(client: SynapseClient, folder: Path) -> None:
    (folder / 'weights.bin').write_bytes(b'weights' * 100)
    assert type(client.create_model(folder / 'weights.bin', key='run:1')['id']) in (int, str)


def _unknown(client: SynapseClient, folder: Path) -> None:
    with pytest.raises(BackendError):
        client.get_model(404)


def _report(client: SynapseClient, folder: Path) -> None:
    client.update_job(5, status='RUNNING')
    client.add_logs(5, [{'event': 'message'}])
    assert type(client.get_job(5)['id']) in (int, str)


USES: dict[str, tuple[Callable[[SynapseClient, Path], None], ...]] = {
    'version': (_export,),
    'events': (_export,),
    'model': (_model,),
    'listed': (_upload, _unknown),
    'log': (_report,),
    'job': (_upload, _report),
}


@pytest.mark.parametrize('name', REPLIES)
def test_any_field_of_a_reply_may_be_anything(client_of: Clients, tmp_path: Path, name: str) -> None:
    backend, number, chosen = Odd(), itertools.count(), random.Random(name)
    with raw_server(backend) as server:
        for place in places(REPLIES[name]):
            tried = chosen.sample(ODD, 12 if place in ((), ('id',), ('url',), ('next',), ('results',)) else 2)
            for value in tried:
                if value is MISSING and place and isinstance(place[-1], int):
                    continue
                backend.replies = {**REPLIES, name: spoiled(REPLIES[name], place, value)}
                for use in USES.get(name, (_upload,)):
                    folder = tmp_path / f'{next(number)}'
                    folder.mkdir()
                    client = client_of(server.host, job=5, cache=folder / 'cache', **QUICK)
                    try:
                        use(client, folder)
                    except SynapseHooksError as error:
                        check(error, f'{place} = {value!r:.80}')
                    finally:
                        client.close()


@pytest.mark.parametrize('transfer', [None, ThreadTransfer])
@pytest.mark.parametrize('url', [value for value in ODD if isinstance(value, str)])
def test_a_file_may_be_said_to_be_anywhere(client_of: Clients, out: Path, url: str, transfer: Any) -> None:
    backend = Odd()
    backend.replies['events'] = spoiled(REPLIES['events'], ('results', 1, 'files', 'image_1', 'url'), url)
    with raw_server(backend) as server:
        client = client_of(server.host, **({} if transfer is None else {'transfer': transfer}))
        try:
            client.export_dataset(7, out)
        except BackendError as error:
            check(error, url[:80])
        assert (out / 'items.jsonl').exists() == (url == 'data:,')


def test_an_address_that_is_not_ascii_is_asked_for_percent_encoded(client_of: Clients, out: Path) -> None:
    backend = Odd()
    url = f'{HERE}/f/길 거리.png?v=é'
    backend.replies['events'] = spoiled(REPLIES['events'], ('results', 1, 'files', 'image_1', 'url'), url)
    with raw_server(backend) as server:
        client_of(server.host).export_dataset(7, out)
        assert server.count('/f/%EA%B8%B8%20%EA%B1%B0%EB%A6%AC.png') == 1


def test_what_a_server_repeats_of_a_request_hides_what_is_secret(client_of: Clients) -> None:
    def echo(asked: Asked) -> Reply:
        return Reply.json({'headers': asked.headers, 'see': f'https://u:{SIGNATURE}@h/x?sig={SIGNATURE}'}, 400)

    with raw_server(echo) as server, pytest.raises(BackendError, match='hidden') as caught:
        client_of(server.host).get_job(5)
    text = ''.join(traceback.format_exception(caught.value))
    assert TOKEN not in text
    assert SIGNATURE not in text


def test_pages_without_items_have_an_end(client_of: Clients, out: Path) -> None:
    def script(asked: Asked) -> Reply:
        if asked.path == '/sdk/ground_truth_events/':
            following = int(asked.query.get('page', '1')) + 1
            url = f'http://{asked.headers["host"]}{asked.path}?page={following}'
            return Reply.json({'count': 5, 'next': url, 'results': []})
        return Reply.json({'id': 7})

    with raw_server(script) as server, pytest.raises(BackendError, match='have no items'):
        client_of(server.host).export_dataset(7, out)


def test_a_model_is_found_on_a_later_page(client_of: Clients, tmp_path: Path) -> None:
    """A backend need not know the filter by name: it may list all models."""
    (tmp_path / 'w.bin').write_bytes(b'w')
    made: list[dict[str, Any]] = [{'id': number, 'name': f'other {number}'} for number in range(3)]

    def script(asked: Asked) -> Reply:
        if asked.path == '/models/' and asked.method == 'POST':
            made.append({'id': 9, 'name': json.loads(asked.body)['name']})
            return Reply(502)
        if asked.path == '/models/':
            at = int(asked.query.get('page', '0'))
            url = f'http://{asked.headers["host"]}/models/?page={at + 1}' if at + 1 < len(made) else None
            return Reply.json({'count': len(made), 'next': url, 'results': made[at : at + 1]})
        return Odd()(asked)

    with raw_server(script) as server:
        assert client_of(server.host, job=5).create_model(tmp_path / 'w.bin', key='run:1')['id'] == 9
        assert len(made) == 4


@pytest.mark.parametrize('transfer', [None, ThreadTransfer])
@pytest.mark.parametrize('second', [1, '1'])
def test_an_item_that_comes_twice_on_a_page_is_not_lost_in_silence(
    client_of: Clients, out: Path, second: Any, transfer: Any
) -> None:
    backend = Odd()
    backend.replies['events'] = spoiled(REPLIES['events'], ('results', 1), {**_item(1), 'id': second})
    with raw_server(backend) as server, pytest.raises(BackendError, match='item 1 is there twice'):
        client_of(server.host, **({} if transfer is None else {'transfer': transfer})).export_dataset(7, out)
    assert not (out / 'items.jsonl').exists()


def test_items_whose_names_run_together_are_two(client_of: Clients, out: Path) -> None:
    backend = Odd()
    url = f'{HERE}/f/1.png'
    items = [
        {'id': 'a/b', 'category': 'train', 'files': {'c': {'url': url}}},
        {'id': 'a', 'category': 'train', 'files': {'b/c': {'url': url}}},
    ]
    backend.replies['events'] = {**REPLIES['events'], 'results': items}
    with raw_server(backend) as server:
        assert client_of(server.host).export_dataset(7, out)['splits'] == {'train': 2}


def test_a_split_may_not_be_called_like_the_manifest(client_of: Clients, out: Path) -> None:
    backend = Odd()
    backend.replies['events'] = spoiled(REPLIES['events'], ('results', 0, 'category'), 'items.jsonl')
    with raw_server(backend) as server, pytest.raises(BackendError, match='no split may be called'):
        client_of(server.host).export_dataset(7, out)
