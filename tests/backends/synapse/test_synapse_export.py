"""Exporting a dataset over HTTP."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest

from synapse_hooks.backends import Workspace
from synapse_hooks.backends.synapse import Connection, SynapseClient
from synapse_hooks.backends.synapse.select_transfer import best_transfer
from synapse_hooks.backends.synapse.thread_transfer import ThreadTransfer
from synapse_hooks.errors import AccessDenied, BackendError, BackendUnavailable, RecordNotFound, StorageError
from tests.backends.synapse.conftest import Clients, make_dm
from tests.support.dev_server import DevServer, dev_server
from tests.support.raw_server import DROP, Asked, RawServer, Reply, raw_server


def contents(folder: Path, suffix: str) -> list[str]:
    return sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob(f'*{suffix}'))


@pytest.mark.parametrize('transfer', [best_transfer, ThreadTransfer])
def test_an_export_has_everything_that_the_backend_has(
    server: DevServer, client_of: Clients, out: Path, tmp_path: Path, transfer: type
) -> None:
    told = []
    made = client_of(server.host, transfer=transfer).export_dataset(
        1, out, progress=lambda *how_far: told.append(how_far)
    )
    assert made['splits'] == {'train': 12, 'valid': 4}
    size = sum(file.stat().st_size for file in out.rglob('*.png'))
    assert told[-1] == (16, 16, size)
    local = tmp_path / 'local'
    local.mkdir()
    server.workspace.export_dataset(1, local)
    for suffix in ('.png', '.json'):
        assert contents(out, suffix) == contents(local, suffix)
    rows = [json.loads(line) for line in (out / 'items.jsonl').read_text().splitlines()]
    assert len(rows) == 16
    assert all((out / row['split'] / 'original_files' / row['files'][0]['name']).is_file() for row in rows)


def test_progress_is_of_all_splits_and_is_not_told_for_each_item(tmp_path: Path, client_of: Clients, out: Path) -> None:
    workspace = Workspace(tmp_path / 'there')
    workspace.add_dataset(make_dm(tmp_path / 'in', {'train': 300, 'valid': 30}), name='street')
    told: list[tuple[int, int, int]] = []
    begun = time.monotonic()
    with dev_server(workspace) as server:
        client_of(server.host).export_dataset(
            1, out, splits={'train': None, 'valid': None}, progress=lambda *how_far: told.append(how_far)
        )
    assert {total for _, total, _ in told} == {330}
    assert told == sorted(told)
    assert told[-1][0] == 330
    assert len(told) <= 2 + 4 * (time.monotonic() - begun)


def test_a_second_export_fetches_no_file_again(server: DevServer, client_of: Clients, tmp_path: Path) -> None:
    client = client_of(server.host)
    digests = []
    for number in range(2):
        out = tmp_path / f'out{number}'
        out.mkdir()
        digests.append(client.export_dataset(1, out)['digest'])
    assert digests[0] == digests[1]
    assert server.count('GET /files/') == 16


def test_a_folder_is_made_and_one_that_is_not_empty_is_refused(
    server: DevServer, client_of: Clients, tmp_path: Path
) -> None:
    for number, client in enumerate((client_of(server.host), server.workspace)):
        out = tmp_path / 'new' / str(number)
        client.export_dataset(1, out)
        with pytest.raises(StorageError, match=rf'{out} must be empty: it has .* already') as caught:
            client.export_dataset(1, out)
        assert 'use a new folder' in str(caught.value.hint)


def test_filters_and_splits_make_another_dataset(server: DevServer, client_of: Clients, tmp_path: Path) -> None:
    client, made = client_of(server.host), []
    for number, splits in enumerate((None, {'validation': None}, {'train': 0.8, 'valid': 0.2})):
        out = tmp_path / f'out{number}'
        out.mkdir()
        made.append(client.export_dataset(1, out, splits=splits))
    assert made[1]['splits'] == {'valid': 4}
    assert made[1]['digest'] != made[0]['digest'] == made[2]['digest']


def test_a_file_of_the_cache_that_was_edited_is_fetched_again(
    server: DevServer, client_of: Clients, tmp_path: Path
) -> None:
    client = client_of(server.host)
    for number in range(2):
        out = tmp_path / f'out{number}'
        out.mkdir()
        client.export_dataset(1, out)
        if not number:
            for victim in (*out.glob('train/original_files/1.png'), *out.rglob('*.json')):
                with victim.open('ab') as file:
                    file.write(b'!')
    assert contents(tmp_path / 'out1', '.json') == contents(server.workspace.root / 'datasets', '.json')
    assert contents(tmp_path / 'out1', '.png') == contents(server.workspace.root / 'datasets', '.png')
    assert server.count('GET /files/') == 17


def test_pages_and_many_items(tmp_path: Path, client_of: Clients, out: Path) -> None:
    workspace = Workspace(tmp_path / 'there')
    workspace.add_dataset(make_dm(tmp_path / 'in', {'': 230}), name='many')
    with dev_server(workspace) as server:
        made = client_of(server.host).export_dataset(1, out)
        assert server.count('GET /sdk/ground_truth_events/') == 3
    assert made['splits'] == {}
    assert len(list((out / 'json').iterdir())) == 230


def test_addresses_that_expire_meanwhile_are_asked_for_again(tmp_path: Path, client_of: Clients, out: Path) -> None:
    workspace = Workspace(tmp_path / 'there')
    workspace.add_dataset(make_dm(tmp_path / 'in', {'train': 3}), name='street')
    with dev_server(workspace, lifetime=-5) as server, pytest.raises(BackendError, match='also at a fresh address'):
        client_of(server.host).export_dataset(1, out)


def test_unknown_ids_say_what_there_is(server: DevServer, client_of: Clients, out: Path) -> None:
    with pytest.raises(RecordNotFound, match='no dataset 9') as caught:
        client_of(server.host).export_dataset(9, out)
    assert 'choose one of: 1 (street)' in caught.value.hint
    with pytest.raises(RecordNotFound, match='named by its id'):
        client_of(server.host).get_model('../secret')


def test_a_wrong_token_is_a_sentence(server: DevServer, tmp_path: Path) -> None:
    sources = {'access_token': 'SYNAPSE_ACCESS_TOKEN'}
    connection = Connection(server.host, access_token='wrong-token-987', sources=sources)
    client = SynapseClient(connection, tmp_path, cache=tmp_path / 'cache')
    with pytest.raises(AccessDenied, match='401') as caught:
        client.get_dataset(1)
    assert 'SYNAPSE_ACCESS_TOKEN' in caught.value.hint
    assert 'wrong-token-987' not in str(caught.value)


def test_a_backend_that_is_not_there_is_a_sentence(client_of: Clients) -> None:
    with pytest.raises(BackendUnavailable, match='cannot be reached'):
        client_of('http://127.0.0.1:1').get_dataset(1)


# -- a backend that misbehaves ---------------------------------------------------------------------------------------


def backend(files: RawServer | None = None, **spoiled: object) -> object:
    """A script: a dataset of three items whose files are at `files`, or at the backend itself."""

    def script(asked: Asked) -> Reply:
        if asked.path in spoiled:
            return spoiled[asked.path](asked)  # type: ignore[operator]
        if asked.path.startswith('/ground_truth_dataset_versions/'):
            return Reply.json({'id': 7, 'name': 'x'})
        if asked.path == '/sdk/ground_truth_events/':
            host = files.host if files else f'http://{asked.headers["host"]}'
            results = [
                {'id': n, 'category': None, 'data': {'images': []}, 'files': {'image_1': f'{host}/f/{n}.jpg?sig={n}'}}
                for n in range(3)
            ]
            return Reply.json({'count': 3, 'next': None, 'results': results})
        return Reply(body=asked.path.encode())

    return script


def test_bytes_of_a_file_count_before_it_is_whole(client_of: Clients, out: Path) -> None:
    large = Reply(body=bytes(1 << 20), slow=1.0 * (1 << 20))
    told: list[tuple[int, int, int]] = []
    with raw_server(backend(**{'/f/1.jpg': lambda asked: large})) as api:
        client_of(api.host).export_dataset(7, out, progress=lambda *how_far: told.append(how_far))
    assert any(done == 2 and 1000 < received < 1 << 20 for done, _, received in told)
    assert told[-1] == (3, 3, (1 << 20) + 2 * len('/f/0.jpg'))


def test_file_servers_get_no_credential(client_of: Clients, out: Path) -> None:
    with raw_server(lambda asked: Reply(body=asked.path.encode())) as files, raw_server(backend(files)) as api:
        made = client_of(api.host).export_dataset(7, out)
    assert made['splits'] == {}
    assert files.count('/f/2.jpg') == 1
    for asked in files.asked:
        assert 'canary' not in repr(asked)
    assert any('canary' in asked.headers.get('synapse-access-token', '') for asked in api.asked)


@pytest.mark.parametrize('field', ['next', 'redirect'])
def test_credentials_stay_at_the_origin(client_of: Clients, out: Path, field: str) -> None:
    with raw_server(lambda asked: Reply.json({})) as evil:

        def events(asked: Asked) -> Reply:
            if field == 'redirect':
                return Reply(302, headers={'Location': f'{evil.host}/x'})
            return Reply.json({'count': 3, 'next': f'{evil.host}/x', 'results': []})

        with (
            raw_server(backend(**{'/sdk/ground_truth_events/': events})) as api,
            pytest.raises(BackendError, match='another origin'),
        ):
            client_of(api.host).export_dataset(7, out)
        assert not evil.asked


def test_fewer_items_than_announced_are_an_error(client_of: Clients, out: Path) -> None:
    def events(asked: Asked) -> Reply:
        return Reply.json({'count': 100, 'next': None, 'results': [{'id': 1, 'data': {'images': []}, 'files': None}]})

    with (
        raw_server(backend(**{'/sdk/ground_truth_events/': events})) as api,
        pytest.raises(BackendError, match='announced 100 items and sent 1'),
    ):
        client_of(api.host).export_dataset(7, out)


def test_pages_that_go_in_a_circle_are_an_error(client_of: Clients, out: Path) -> None:
    def events(asked: Asked) -> Reply:
        results = [{'id': len(api.asked), 'data': None, 'files': None}]
        return Reply.json({'count': 9, 'next': f'{api.host}/sdk/ground_truth_events/?page=2', 'results': results})

    with (
        raw_server(backend(**{'/sdk/ground_truth_events/': events})) as api,
        pytest.raises(BackendError, match='the backend repeat'),
    ):
        client_of(api.host).export_dataset(7, out)


@pytest.mark.parametrize(
    ('first', 'then'),
    [
        (DROP, Reply(body=b'whole')),
        (Reply(503), Reply(body=b'whole')),
        (Reply(429, headers={'Retry-After': '0'}), Reply(body=b'whole')),
        (Reply(body=b'whole', cut=2), Reply(body=b'whole')),
        (Reply(body=b'whole', chunked=True, cut=2), Reply(body=b'whole')),
        (Reply(body=b'whole', cut=2, reset=True), Reply(body=b'whole', chunked=True)),
        (Reply(403), Reply(body=b'whole')),
    ],
)
@pytest.mark.parametrize('transfer', [best_transfer, ThreadTransfer])
def test_what_goes_wrong_once_is_tried_again(
    client_of: Clients, out: Path, first: Reply, then: Reply, transfer: type
) -> None:
    def file(asked: Asked) -> Reply:
        return first if api.count('/f/1.jpg') == 1 else then

    with raw_server(backend(**{'/f/1.jpg': file})) as api:
        client_of(api.host, transfer=transfer).export_dataset(7, out)
    assert (out / 'original_files' / '1.jpg').read_bytes() == b'whole'
    assert api.count('/f/1.jpg') == 2


@pytest.mark.parametrize(
    ('reply', 'reason'),
    [
        (Reply(body=b'part', sized=False), 'sends no length'),
        (Reply(body=b'<html>log in</html>', headers={'Content-Type': 'text/html'}), 'a web page came'),
        (Reply(429, headers={'Retry-After': '99999'}), 'requires a wait of 99,999 s'),
        (Reply(302, headers={'Location': 'http://169.254.169.254/latest'}), 'that no file server has'),
        (Reply(302, headers={'Location': '/f/1.jpg'}), 'more than 3 redirects'),
        (Reply(403), 'also at a fresh address'),
        (Reply(500), r'answered 500 \(3 times\)'),
        (Reply(body=b'x', headers={'Content-Encoding': 'gzip'}), 'encoded as gzip'),
    ],
)
@pytest.mark.parametrize('transfer', [best_transfer, ThreadTransfer])
def test_what_stays_wrong_names_the_item_and_why(
    client_of: Clients, out: Path, reply: Reply, reason: str, transfer: type
) -> None:
    with raw_server(backend(**{'/f/1.jpg': lambda asked: reply})) as api:
        with pytest.raises(BackendError, match=reason) as caught:
            client_of(api.host, transfer=transfer).export_dataset(7, out)
        assert 'item 1/image_1' in str(caught.value)
        assert 'sig=' not in str(caught.value)
        assert len(api.asked) < 20
