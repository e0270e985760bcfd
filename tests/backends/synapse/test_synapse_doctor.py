"""What `doctor` finds out about a backend."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from synapse_hooks.backends.synapse import Connection, SynapseClient
from synapse_hooks.errors import BackendError
from tests.backends.synapse.conftest import Clients
from tests.support.dev_server import DevServer
from tests.support.raw_server import Reply, raw_server


def faults(client: SynapseClient) -> dict[str, str]:
    return {finding.name: f'{finding.detail}\n{finding.fix}' for finding in client.diagnose() if not finding.ok}


def test_all_is_well(server: DevServer, client_of: Clients) -> None:
    client = client_of(server.host)
    assert faults(client) == {}
    assert {'backend', 'backend: credentials', 'clock', 'transfer of files', 'cache'} <= {
        finding.name for finding in client.diagnose()
    }


def test_a_wrong_token(server: DevServer, client_of: Clients) -> None:
    client = client_of(server.host)
    client.connection = Connection(server.host, access_token='wrong-123')
    found = faults(client)
    assert 'the token is wrong' in found['backend: credentials']
    assert 'wrong-123' not in str(found)


def test_the_setting_of_a_wrong_token_is_named(server: DevServer, client_of: Clients) -> None:
    client = client_of(server.host)
    for field, source in (('user_token', 'SYNAPSE_PLUGIN_RUN_USER_TOKEN'), ('access_token', '/home/me/config.json')):
        client.connection = Connection(server.host, **{field: 'wrong-123'}, sources={field: source})
        assert source in faults(client)['backend: credentials']


def test_the_job(server: DevServer, client_of: Clients) -> None:
    client = client_of(server.host)
    client.job = server.workspace.create_job(action='train')['id']
    assert 'backend: job' in {finding.name for finding in client.diagnose() if finding.ok}
    client.job = 99
    assert 'there is no job 99 at' in faults(client)['backend: job']


def test_a_port_without_tls(server: DevServer, client_of: Clients) -> None:
    client = client_of(server.host.replace('http:', 'https:'))
    assert 'does not speak TLS' in faults(client)['backend: answer']


def test_another_service_at_the_address(client_of: Clients) -> None:
    with raw_server(lambda asked: Reply.json('<html>')) as server:
        with pytest.raises(BackendError, match='something else than the record of dataset 1') as caught:
            client_of(server.host).get_dataset(1)
        assert 'is it a Synapse backend?' in caught.value.hint


def test_nobody_answers(client_of: Clients) -> None:
    assert 'cannot be reached' in faults(client_of('http://127.0.0.1:1'))['backend: answer']


def test_a_clock_that_is_wrong(client_of: Clients) -> None:
    reply = Reply.json({'count': 0, 'next': None, 'results': []})
    reply.headers['Date'] = formatdate(1_000_000_000, usegmt=True)
    with raw_server(lambda asked: reply) as server:
        assert 'ahead of the backend' in faults(client_of(server.host))['clock']
