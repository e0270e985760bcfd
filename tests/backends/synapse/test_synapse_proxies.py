"""Proxies that the environment names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.backends.synapse.cache import Cache
from synapse_hooks.backends.synapse.curl_transfer import CurlTransfer
from synapse_hooks.backends.synapse.download import FileRequest
from synapse_hooks.backends.synapse.fetching import Fetcher
from synapse_hooks.backends.synapse.retry import RetryPolicy, Timeouts
from synapse_hooks.backends.synapse.thread_transfer import ThreadTransfer
from synapse_hooks.backends.synapse.transfer import AddressPolicy
from synapse_hooks.errors import BackendError, ConfigError
from tests.backends.synapse.conftest import Clients
from tests.faults.backend import Backend
from tests.support.raw_server import Asked, Reply, raw_server

VARIABLES = ('HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY', 'all_proxy', 'NO_PROXY', 'no_proxy')
BOTH = pytest.mark.parametrize('transfer', [CurlTransfer, ThreadTransfer])


def proxied(monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    """Let the environment name a proxy."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('http_proxy', proxy)
    monkeypatch.setenv('all_proxy', proxy)


@BOTH
def test_what_goes_to_this_machine_goes_through_no_proxy(
    client_of: Clients, out: Path, monkeypatch: pytest.MonkeyPatch, transfer: Any
) -> None:
    """Otherwise a token would leave the machine, unencrypted."""
    with raw_server(Backend()) as api, raw_server(lambda asked: Reply(502)) as proxy:
        proxied(monkeypatch, proxy.host)
        assert client_of(api.host, transfer=transfer).export_dataset(7, out)['splits'] == {'train': 4}
        assert proxy.asked == []


@BOTH
def test_a_proxy_may_be_anywhere_and_leads_to_no_private_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transfer: Any
) -> None:
    def script(asked: Asked) -> Reply:
        return Reply(200, b'hello')

    def fetched(url: str) -> list[int]:
        moves = transfer(Timeouts(connect=2.0, answer=2.0, min_rate_for=2.0), AddressPolicy())
        fetcher = Fetcher(Cache(tmp_path), moves, retry=RetryPolicy(attempts=1))
        waiting = [FileRequest(url, url)]
        try:
            found = fetcher.fetch(lambda: [waiting.pop()] if waiting else None, lambda request: None)
            return [one.blob.size for one in found if one is not None]
        finally:
            moves.close()

    with raw_server(script) as proxy:
        proxied(monkeypatch, proxy.host)
        assert fetched('http://files.invalid/a.txt') == [5]
        assert [asked.target for asked in proxy.asked] == ['http://files.invalid/a.txt']
        for url in ('http://169.254.169.254/latest', 'http://10.0.0.1/x', 'http://127.0.0.1:1/x'):
            with pytest.raises(BackendError, match=r'private network|no file server'):
                fetched(url)
        assert len(proxy.asked) == 1


@pytest.mark.parametrize('proxy', ['socks5://me:canary-8@127.0.0.1:1', 'ftp://me:canary-8@127.0.0.1:1'])
def test_a_proxy_that_cannot_be_used_is_a_sentence(
    client_of: Clients, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    proxied(monkeypatch, proxy)
    with pytest.raises(ConfigError, match='the proxy that HTTPS_PROXY') as caught:
        client_of('https://127.0.0.1:1').get_dataset(7)
    assert 'canary' not in str(caught.value)
