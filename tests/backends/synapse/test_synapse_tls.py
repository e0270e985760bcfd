"""Certificates are verified, by the API client and by both ways to fetch files, and no variable turns that off."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from synapse_hooks.backends.synapse.select_transfer import best_transfer
from synapse_hooks.backends.synapse.thread_transfer import ThreadTransfer
from synapse_hooks.errors import BackendError
from tests.backends.synapse.conftest import Clients
from tests.support.raw_server import Asked, RawServer, Reply, raw_server

OFF = {'PYTHONHTTPSVERIFY': '0', 'CURL_CA_BUNDLE': '', 'REQUESTS_CA_BUNDLE': '', 'SSL_NO_VERIFY': '1'}
WAYS = [best_transfer, ThreadTransfer]


def certificate(folder: Path, name: str) -> Path:
    """A certificate that nobody has signed, with its key, for a name such as `IP:127.0.0.1`."""
    openssl = shutil.which('openssl')
    if openssl is None:
        pytest.skip('openssl is not installed')
    file = folder / f'{name.replace(":", "-")}.pem'
    words = [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
        '-subj',
        '/CN=test',
    ]
    options = [openssl, *words, '-addext', f'subjectAltName={name}', '-keyout', f'{file}.key', '-out', str(file)]
    subprocess.run(options, check=True, capture_output=True)
    return file


def serving(file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, f'{file}.key')
    return context


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A certificate for this machine."""
    return certificate(tmp_path, 'IP:127.0.0.1')


def api(files: RawServer | None = None) -> object:
    """A script: a dataset of one item."""

    def script(asked: Asked) -> Reply:
        if asked.path.startswith('/ground_truth_dataset_versions/'):
            return Reply.json({'id': 7, 'name': 'x'})
        if asked.path == '/sdk/ground_truth_events/':
            names = {'image_1': f'{files.host}/f/1.jpg'} if files else None
            results = [{'id': 1, 'category': None, 'data': {'images': []}, 'files': names}]
            return Reply.json({'count': 1, 'next': None, 'results': results})
        return Reply(body=b'image')

    return script


def turn_off(monkeypatch: pytest.MonkeyPatch, certificates: Path) -> None:
    for name, value in OFF.items():
        monkeypatch.setenv(name, value or str(certificates))


def test_the_api_must_show_a_certificate_that_is_trusted(
    own: Path, client_of: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_off(monkeypatch, own)
    with raw_server(api(), serving(own)) as server, pytest.raises(BackendError, match='not trusted') as caught:
        client_of(server.host).get_dataset(7)
    assert 'SSL_CERT_FILE' in caught.value.hint
    assert server.asked == []


@pytest.mark.parametrize('way', WAYS)
def test_a_file_server_must_show_a_certificate_that_is_trusted(
    way: type, own: Path, client_of: Clients, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_off(monkeypatch, own)
    with (
        raw_server(lambda asked: Reply(body=b'image'), serving(own)) as files,
        raw_server(api(files)) as server,
        pytest.raises(BackendError),
    ):
        client_of(server.host, transfer=way).export_dataset(7, out)
    assert files.asked == []


@pytest.mark.parametrize('way', WAYS)
def test_a_private_authority_is_trusted_where_it_is_named(
    way: type, own: Path, client_of: Clients, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('SSL_CERT_FILE', str(own))
    with (
        raw_server(lambda asked: Reply(body=b'image'), serving(own)) as files,
        raw_server(api(files), serving(own)) as server,
    ):
        client_of(server.host, transfer=way).export_dataset(7, out)
    assert files.count('/f/1.jpg') == 1


@pytest.mark.parametrize('way', WAYS)
def test_a_certificate_of_another_host_is_refused(
    way: type, tmp_path: Path, client_of: Clients, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = certificate(tmp_path, 'DNS:other.example.com')
    monkeypatch.setenv('SSL_CERT_FILE', str(other))
    with (
        raw_server(lambda asked: Reply(body=b'image'), serving(other)) as files,
        raw_server(api(files)) as server,
        raw_server(api(), serving(other)) as secure,
    ):
        with pytest.raises(BackendError, match='not trusted'):
            client_of(secure.host).get_dataset(7)
        with pytest.raises(BackendError):
            client_of(server.host, transfer=way).export_dataset(7, out)
    assert files.asked == secure.asked == []
