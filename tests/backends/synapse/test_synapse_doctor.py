"""What `doctor` finds out about a backend."""

from __future__ import annotations

from email.utils import formatdate

from synapse_hooks.backends.synapse import Connection, SynapseClient
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
    assert 'SYNAPSE_ACCESS_TOKEN' in found['backend: credentials']
    assert 'wrong-123' not in str(found)


def test_nobody_answers(client_of: Clients) -> None:
    assert 'cannot be reached' in faults(client_of('http://127.0.0.1:1'))['backend: answer']


def test_a_clock_that_is_wrong(client_of: Clients) -> None:
    reply = Reply.json({'count': 0, 'next': None, 'results': []})
    reply.headers['Date'] = formatdate(1_000_000_000, usegmt=True)
    with raw_server(lambda asked: reply) as server:
        assert 'ahead of the backend' in faults(client_of(server.host))['clock']
