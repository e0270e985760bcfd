"""Uploading and fetching models over HTTP."""

from __future__ import annotations

import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.backends.synapse.upload import Upload
from synapse_hooks.errors import BackendError, BackendUnavailable
from tests.backends.synapse.conftest import Clients
from tests.support.dev_server import DevServer
from tests.support.model_backend import ModelBackend
from tests.support.raw_server import DROP, Asked, Reply, raw_server


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / 'weights'
    folder.mkdir()
    (folder / 'best.pt').write_bytes(bytes(range(256)) * 4000)
    (folder / 'labels.txt').write_text('cat')
    return folder


def test_a_model_is_uploaded_and_fetched_again(server: DevServer, client_of: Clients, weights: Path, out: Path) -> None:
    job = server.workspace.create_job()['id']
    client = client_of(server.host, job=job)
    model = client.create_model(weights, key='run-1:upload', params={'epochs': 3}, checkpoint=None, run='run-1')
    assert re.fullmatch('run-1-[0-9a-f]{12}', model['name'])
    record = client.get_model(model['id'])
    assert record['plugin'] == 'synapse-hooks-dev'
    assert record['configuration'] == {'hyperparameter': {'epochs': 3}}
    made = client.fetch_model(model['id'], out)
    assert made['path'] == out
    assert (out / 'best.pt').read_bytes() == (weights / 'best.pt').read_bytes()
    assert sorted(file.name for file in out.iterdir()) == ['best.pt', 'labels.txt']
    assert not list((client.root / 'uploads').iterdir())


def test_uploading_again_is_the_same_model(server: DevServer, client_of: Clients, weights: Path) -> None:
    client = client_of(server.host, job=server.workspace.create_job()['id'])
    first = client.create_model(weights, key='run-1:upload')
    assert client.create_model(weights, key='run-1:upload') == first
    assert len(server.workspace.list_models()) == 1
    (weights / 'labels.txt').write_text('dog')
    assert client.create_model(weights, key='run-1:upload')['id'] != first['id']


def test_a_file_of_weights_is_stored_as_best(server: DevServer, client_of: Clients, weights: Path, out: Path) -> None:
    client = client_of(server.host, job=server.workspace.create_job()['id'])
    model = client.create_model(weights / 'best.pt', name='mine')
    client.fetch_model(model['id'], out)
    assert [file.name for file in out.iterdir()] == ['best.pt']


def test_a_name_that_is_taken_is_an_error(server: DevServer, client_of: Clients, weights: Path) -> None:
    client = client_of(server.host, job=server.workspace.create_job()['id'])
    client.create_model(weights, name='mine')
    (weights / 'labels.txt').write_text('dog')
    with pytest.raises(BackendError, match='unique'):
        client.create_model(weights, name='mine')
    assert len(server.workspace.list_models()) == 1


def test_without_a_job_it_says_what_is_missing(server: DevServer, client_of: Clients, weights: Path) -> None:
    with pytest.raises(BackendError, match='no job') as caught:
        client_of(server.host).create_model(weights)
    assert '--job' in caught.value.hint


# -- a backend that misbehaves ---------------------------------------------------------------------------------------


def test_a_lost_answer_to_the_creation_makes_no_second_model(client_of: Clients, weights: Path) -> None:
    backend = ModelBackend()

    def fault(asked: Asked) -> Reply | None:
        return DROP if asked.path == '/models/' and asked.method == 'POST' else None

    backend.fault = fault  # type: ignore[method-assign]
    with raw_server(backend) as server:
        model = client_of(server.host, job=1).create_model(weights, key='run:upload')
    assert model['id'] == 1
    assert len(backend.models) == 1


@pytest.mark.parametrize('reply', [DROP, Reply(504), Reply(503)])
def test_a_lost_answer_to_a_chunk_or_the_end_is_asked_again(client_of: Clients, weights: Path, reply: Reply) -> None:
    backend, lost = ModelBackend(), []

    def fault(asked: Asked) -> Reply | None:
        key = (asked.method, asked.path)
        if asked.path.startswith('/chunked_upload/') and key not in lost:
            lost.append(key)
            return reply
        return None

    backend.fault = fault  # type: ignore[method-assign]
    with raw_server(backend) as server:
        client_of(server.host, job=1).create_model(weights, key='run:upload')
    assert backend.finished
    assert len(backend.content) == backend.total
    assert len(backend.models) == 1


def upload_of(client: Any, file: Path, tmp_path: Path) -> Upload:
    return Upload(client.api, file, 'key', tmp_path / 'journals', chunk=1 << 16)


def test_an_upload_that_broke_off_goes_on_where_it_was(client_of: Clients, tmp_path: Path) -> None:
    file, backend = tmp_path / 'a.zip', ModelBackend()
    file.write_bytes(bytes(range(256)) * 1024)

    def fault(asked: Asked) -> Reply | None:
        return Reply(500) if len(backend.content) > 100_000 and not healed else None

    healed: list[bool] = []
    backend.fault = fault  # type: ignore[method-assign]
    with raw_server(backend) as server:
        client = client_of(server.host)
        with pytest.raises(BackendUnavailable):
            upload_of(client, file, tmp_path).send()
        healed.append(True)
        before = len(server.asked)
        assert upload_of(client, file, tmp_path).send() == 5
        sent = [asked.headers['content-range'] for asked in server.asked[before:] if asked.method == 'PUT']
    assert backend.content == file.read_bytes()
    assert backend.uploads == 1
    # What the server has is not sent again, although its answer was lost.
    assert sent == [f'bytes {start}-{start + 65535}/262144' for start in (131072, 196608)]


def test_where_server_and_journal_differ_the_server_is_right(client_of: Clients, tmp_path: Path) -> None:
    file, backend = tmp_path / 'a.zip', ModelBackend()
    file.write_bytes(bytes(range(256)) * 1024)
    with raw_server(backend) as server:
        client = client_of(server.host)
        broken = upload_of(client, file, tmp_path)
        backend.fault = lambda asked: Reply(400) if len(backend.content) > 150_000 else None  # type: ignore[method-assign]
        with pytest.raises(BackendError):
            broken.send()
        backend.fault = lambda asked: None  # type: ignore[method-assign]
        backend.content = backend.content[:70_000]
        upload_of(client, file, tmp_path).send()
    assert backend.content == file.read_bytes()


@pytest.mark.parametrize('reply', [DROP, Reply(503)])
def test_a_lost_answer_to_any_chunk_goes_on_with_the_next_one(client_of: Clients, tmp_path: Path, reply: Reply) -> None:
    """The backend refuses a chunk that it has, so to send it again is not enough."""
    file, backend, lost = tmp_path / 'a.zip', ModelBackend(), set[str]()
    file.write_bytes(bytes(range(256)) * 1024)

    def fault(asked: Asked) -> Reply | None:
        chunk = asked.headers.get('content-range', '')
        if not chunk or chunk in lost:
            return None
        lost.add(chunk)
        return reply

    backend.fault = fault  # type: ignore[method-assign]
    with raw_server(backend) as server:
        upload_of(client_of(server.host), file, tmp_path).send()
    assert backend.content == file.read_bytes()
    assert len(lost) == 4
    assert backend.uploads == 2


def test_what_arrived_otherwise_than_it_was_sent_is_sent_anew_once(client_of: Clients, tmp_path: Path) -> None:
    file, backend = tmp_path / 'a.zip', ModelBackend()
    file.write_bytes(bytes(range(256)) * 1024)
    refusals: list[str] = []

    def fault(asked: Asked) -> Reply | None:
        if asked.method == 'POST' and len(refusals) < most:
            refusals.append(asked.path)
            return Reply.json({'md5': ['is another one']}, 400)
        return None

    backend.fault = fault  # type: ignore[method-assign]
    with raw_server(backend) as server:
        most = 1
        upload_of(client_of(server.host), file, tmp_path).send()
        assert backend.uploads == 2
        most = 9
        with pytest.raises(BackendError, match='is another one'):
            Upload(client_of(server.host).api, file, 'other', tmp_path / 'journals').send()
    assert len(refusals) == 3


def test_a_finished_upload_that_the_backend_has_removed_is_sent_anew(client_of: Clients, tmp_path: Path) -> None:
    file, backend = tmp_path / 'a.zip', ModelBackend()
    file.write_bytes(bytes(1000))
    with raw_server(backend) as server:
        upload_of(client_of(server.host), file, tmp_path).send()
        upload_of(client_of(server.host), file, tmp_path).send()
        assert backend.uploads == 1
        gone = [True]
        backend.fault = lambda asked: Reply(404) if asked.method == 'GET' and gone and gone.pop() else None  # type: ignore[method-assign]
        upload_of(client_of(server.host), file, tmp_path).send()
    assert backend.uploads == 2


def test_a_file_that_changes_half_way_is_refused(client_of: Clients, tmp_path: Path) -> None:
    file, backend = tmp_path / 'a.zip', ModelBackend()
    file.write_bytes(bytes(262144))

    def fault(asked: Asked) -> Reply | None:
        if len(backend.content) == 1 << 16:
            file.write_bytes(b'1' * 262144)
        return None

    backend.fault = fault  # type: ignore[method-assign]
    with raw_server(backend) as server:
        with pytest.raises(BackendError, match='changed while it was uploaded'):
            upload_of(client_of(server.host), file, tmp_path).send()
        backend.fault = lambda asked: None  # type: ignore[method-assign]
        upload_of(client_of(server.host), file, tmp_path).send()
    assert backend.content == b'1' * 262144
    assert backend.uploads == 2


def test_memory_is_flat(client_of: Clients, server: DevServer, tmp_path: Path) -> None:
    file = tmp_path / 'large'
    with file.open('wb') as opened:
        opened.truncate(200 << 20)
    client = client_of(server.host)
    Upload(client.api, tmp_path / 'large', 'warm', tmp_path / 'journals')
    tracemalloc.start()
    # Of this process, which also is the server: it keeps a chunk on disk.
    Upload(client.api, file, 'key', tmp_path / 'journals', chunk=50 << 20).send()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20
