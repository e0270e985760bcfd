"""What the development server answers, as the protocol has it."""

from __future__ import annotations

import hashlib
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from synapse_hooks.backends import Workspace
from synapse_hooks.backends.synapse import Connection, SynapseClient
from tests.support.dev_server import TOKEN, DevServer

EVENTS = '/sdk/ground_truth_events/?ground_truth_dataset_versions=1'


def test_without_the_token_nothing_is_answered(server: DevServer) -> None:
    for headers in ({}, {'Synapse-Access-Token': 'Token wrong'}, {'Authorization': TOKEN}):
        for path in (EVENTS, '/models/', '/jobs/1/', '/jobs/1/logs/', '/ground_truth_dataset_versions/'):
            assert httpx.get(server.host + path, headers=headers).status_code == 401
    assert httpx.get(server.host + EVENTS, headers={'Authorization': f'Token {TOKEN}'}).status_code == 200


def test_another_name_for_this_machine_is_refused(server: DevServer) -> None:
    assert httpx.get(f'{server.host}/', headers={'Host': 'evil.example.com'}).status_code == 400


def test_the_page_holds_nothing_of_the_workspace(server: DevServer) -> None:
    answer = httpx.get(f'{server.host}/')
    assert answer.status_code == 200
    assert 'street' not in answer.text
    assert TOKEN not in answer.text
    assert 'http' not in answer.text.replace('http://www.w3.org/2000/svg', '')


def test_items_come_in_pages(ask: httpx.Client) -> None:
    first = ask.get(f'{EVENTS}&page_size=2').json()
    assert (first['count'], first['previous'], len(first['results'])) == (5, None, 2)
    last = ask.get(ask.get(first['next']).json()['next']).json()
    assert (last['next'], len(last['results'])) == (None, 1)
    assert [event['category'] for event in first['results'] + last['results']] == ['train', 'train', 'validation']
    assert ask.get(f'{EVENTS}&category=validation').json()['count'] == 2
    assert ask.get(f'{EVENTS}&page=9').status_code == 404
    assert ask.get(f'{EVENTS}&page_size=0').status_code == 400
    assert ask.get('/sdk/ground_truth_events/?ground_truth_dataset_versions=9').status_code == 404


def file_of(ask: httpx.Client) -> str:
    url = ask.get(EVENTS).json()['results'][0]['files']['image_1']['url']
    assert isinstance(url, str)
    return url


def test_files_need_no_token_and_can_be_had_in_parts(ask: httpx.Client) -> None:
    url = file_of(ask)
    whole = httpx.get(url)
    assert whole.status_code == 200
    assert whole.headers['accept-ranges'] == 'bytes'
    etag = whole.headers['etag']
    rest = httpx.get(url, headers={'Range': 'bytes=10-', 'If-Range': etag})
    assert (rest.status_code, rest.content) == (206, whole.content[10:])
    assert rest.headers['content-range'] == f'bytes 10-{len(whole.content) - 1}/{len(whole.content)}'
    assert httpx.get(url, headers={'Range': 'bytes=10-', 'If-Range': '"other"'}).status_code == 200


def test_an_address_is_for_one_file_and_for_a_while(ask: httpx.Client) -> None:
    url = file_of(ask)
    for spoiled in (
        url.replace('0000.png', '0001.png'),
        url.replace('expires=', 'expires=9'),
        url[:-1] + ('0' if url[-1] != '0' else '1'),
        url.partition('?')[0],
        url.replace('original_files/', 'original_files/%2e%2e/'),
    ):
        assert httpx.get(spoiled).status_code == 403


def chunk(ask: httpx.Client, url: str, data: bytes, start: int, total: int) -> httpx.Response:
    headers = {'Content-Range': f'bytes {start}-{start + len(data) - 1}/{total}'}
    return ask.put(url, files={'file': ('a.zip', data)}, data={'filename': 'a.zip'}, headers=headers)


@pytest.fixture
def uploaded(ask: httpx.Client) -> dict[str, Any]:
    """A finished upload of ten bytes."""
    state = chunk(ask, '/chunked_upload/', b'01234', 0, 10).json()
    assert state['offset'] == 5
    assert chunk(ask, state['url'], b'56789', 5, 10).json()['offset'] == 10
    done = ask.post(state['url'], json={'md5': hashlib.md5(b'0123456789').hexdigest()})
    assert done.json()['completed_at']
    found = ask.get(f'/chunked_upload/{state["id"]}/').json()
    assert isinstance(found, dict)
    return found


def test_an_upload_takes_each_byte_once(ask: httpx.Client) -> None:
    state = chunk(ask, '/chunked_upload/', b'01234', 0, 10).json()
    assert chunk(ask, state['url'], b'01234', 0, 10).status_code == 409
    assert chunk(ask, state['url'], b'78', 7, 10).status_code == 409
    assert chunk(ask, state['url'], b'56789', 5, 11).status_code == 400
    assert ask.post(state['url'], json={'md5': 'x'}).status_code == 400
    assert ask.get(f'/chunked_upload/{state["id"]}/').json()['offset'] == 5
    assert chunk(ask, state['url'], b'56789', 5, 10).status_code == 200
    assert ask.post(state['url'], json={'md5': 'x'}).status_code == 400
    assert ask.put('/chunked_upload/', files={'file': b'x'}).status_code == 400
    assert ask.get('/chunked_upload/../../x/').status_code == 404


def test_a_model_is_made_of_a_finished_upload(ask: httpx.Client, uploaded: dict[str, Any]) -> None:
    body = {'name': 'mine', 'plugin': 'p', 'version': '1', 'chunked_upload': uploaded['id']}
    assert 'note' in ask.post('/models/', json={**body, 'note': 'x'}).json()['detail']
    assert 'null' in ask.post('/models/', json={**body, 'description': None}).json()['detail']
    made = ask.post('/models/', json=body)
    assert made.status_code == 201
    assert httpx.get(made.json()['file']).content == b'0123456789'
    assert ask.post('/models/', json=body).status_code == 400
    assert [model['name'] for model in ask.get('/models/?name=mine').json()['results']] == ['mine']
    assert ask.get('/models/?name=other').json()['count'] == 0


def test_jobs_and_their_logs(ask: httpx.Client) -> None:
    assert ask.get('/jobs/1/').json()['plugin_release']['plugin']['code'] == 'synapse-hooks-dev'
    assert ask.patch('/jobs/1/', json={'status': 'RUNNING'}).json()['status'] == 'RUNNING'
    assert ask.patch('/jobs/1/', json={'status': 'DONE'}).status_code == 400
    assert ask.patch('/jobs/1/', json={'name': 'x'}).status_code == 400
    assert ask.patch('/jobs/9/', json={'status': 'RUNNING'}).status_code == 404
    entry = {'event': 'message', 'data': {'content': 'hello'}, 'datetime': '2026-01-01T00:00:00+00:00', 'job': 1}
    assert ask.post('/logs/', json=entry).status_code == 201
    assert ask.post('/logs/', json=[entry, entry]).status_code == 201
    assert ask.post('/logs/', json={'event': 'message'}).status_code == 400
    # The page draws what is there: one such entry would leave it empty.
    assert ask.post('/logs/', json={**entry, 'data': None}).status_code == 400
    assert ask.post('/logs/', json={**entry, 'datetime': 3}).status_code == 400
    assert len(ask.get('/jobs/1/logs/').json()) == 3
    assert len(ask.get('/jobs/1/logs/?after=2').json()) == 1
    assert ask.post('/logs/', content=b'{').status_code == 400
    assert ask.put('/trains/1/override_best_trial/', json={'trial_id': 'a', 'lr': 0.1}).json()['lr'] == 0.1


def test_the_client_reports_the_best_trial_of_a_search(server: DevServer, tmp_path: Path) -> None:
    client = SynapseClient(Connection(server.host, access_token=TOKEN), tmp_path / 'here')
    client.override_best_trial(1, '0002', {'lr': 0.3})
    client.close()
    assert Workspace(tmp_path / 'there').get_job(1)['best_trial'] == {'trial_id': '0002', 'lr': 0.3}


HUGE = '9' * 5000


@pytest.mark.parametrize(
    ('method', 'path', 'body', 'header'),
    [
        ('GET', '/jobs/1/logs/?after=x', '', ''),
        ('GET', '/jobs/1/logs/?after=-1', '', ''),
        ('GET', f'/jobs/1/logs/?after={HUGE}', '', ''),
        ('GET', f'/models/?page={HUGE}', '', ''),
        ('PATCH', '/jobs/1/', '{"status": ["RUNNING"]}', ''),
        ('PATCH', '/jobs/1/', '[' * 100_000, ''),
        ('PUT', '/chunked_upload/', '', f'bytes 0-2/{HUGE}'),
    ],
)
def test_what_makes_no_sense_is_refused(ask: httpx.Client, method: str, path: str, body: str, header: str) -> None:
    ask.post('/jobs/', json={'action': 'train'})
    answer = ask.request(method, path, content=body, headers={'Content-Range': header} if header else {})
    assert answer.status_code == 400
    assert len(answer.json()['detail']) < 1000


def test_a_field_of_a_job_may_have_any_name(ask: httpx.Client) -> None:
    assert ask.post('/jobs/', json={'self': 1, 'action': 'train'}).json()['self'] == 1


def test_what_a_dataset_holds_runs_no_script(ask: httpx.Client) -> None:
    file = ask.get(EVENTS).json()['results'][0]['files']['image_1']['url']
    headers = httpx.get(file).headers
    assert headers['content-security-policy'] == "default-src 'none'"
    assert headers['x-content-type-options'] == 'nosniff'
    assert "frame-ancestors 'none'" in httpx.get(str(ask.base_url)).headers['content-security-policy']


def test_a_request_that_breaks_off_is_no_crash(server: DevServer, caplog: pytest.LogCaptureFixture) -> None:
    host, _, port = server.host.rpartition('/')[2].partition(':')
    head = f'PATCH /jobs/1/ HTTP/1.1\r\nHost: {host}\r\nAuthorization: Token {TOKEN}\r\nContent-Length: 99\r\n\r\nxx'
    with socket.create_connection((host, int(port))) as opened:
        opened.sendall(head.encode())
        until = time.monotonic() + 10
        while not server.count('PATCH') and time.monotonic() < until:
            time.sleep(0.01)
    assert httpx.get(server.host).status_code == 200
    assert 'ClientDisconnect' not in caplog.text
