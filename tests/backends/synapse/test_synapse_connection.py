"""Which backend, and with which credentials."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from synapse_hooks.backends.synapse.connection import ALLOW_HTTP, DEFAULT_HOST, Connection, resolve
from synapse_hooks.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration file for a host."""
    path = tmp_path / 'config.json'
    path.write_text(json.dumps({'host': 'https://one.example.com', 'access_token': 'stored', 'tenant': 'acme'}))
    return path


def test_nothing_asks_for_a_backend(file: Path) -> None:
    assert resolve(None, {}, file) is None
    assert resolve(None, {'SYNAPSE_ACCESS_TOKEN': 'x', 'SYNAPSE_HOST': ''}, file) is None


def test_flag_then_environment_then_file(file: Path) -> None:
    env = {'SYNAPSE_HOST': 'https://two.example.com/', 'SYNAPSE_ACCESS_TOKEN': 'set'}
    found = resolve(None, env, file)
    assert found is not None
    assert (found.host, found.access_token, found.tenant) == ('https://two.example.com', 'set', '')
    found = resolve('https://one.example.com', env, file)
    assert found is not None
    assert (found.access_token, found.tenant) == ('set', 'acme')
    found = resolve('https://one.example.com', {}, file)
    assert found is not None
    assert (found.access_token, found.sources['access_token']) == ('stored', str(file))


def test_a_stored_token_is_for_its_own_host_only(file: Path) -> None:
    with pytest.raises(ConfigError, match=r'no token for https://evil\.example\.com'):
        resolve('https://evil.example.com', {}, file)


def test_as_a_platform_starts_it(tmp_path: Path) -> None:
    env = {
        'SYNAPSE_PLUGIN_RUN_USER_TOKEN': 'user',
        'SYNAPSE_PLUGIN_RUN_TENANT': 'acme',
        'SYNAPSE_ACCESS_TOKEN': 'own',
        'SYNAPSE_PLUGIN_RUN_URL_HOST': 'internal',
    }
    found = resolve(None, env, tmp_path / 'none')
    assert found is not None
    assert found.host == DEFAULT_HOST
    assert found.headers() == {'Authorization': 'Token user', 'Synapse-Tenant': 'Token acme'}
    assert found.query() == {'url_host': 'internal'}


def test_a_job_asks_for_the_stored_host(file: Path) -> None:
    found = resolve(None, {}, file, job=True)
    assert found is not None
    assert found.host == 'https://one.example.com'


def test_what_it_looks_like_holds_no_secret() -> None:
    connection = Connection(
        'https://x', access_token='canary-1', user_token='canary-2', tenant='canary-3', agent='canary-4'
    )
    assert 'canary' not in repr(connection)


@pytest.mark.parametrize(
    ('host', 'env', 'message'),
    [
        ('api.example.com', {'SYNAPSE_ACCESS_TOKEN': 'x'}, '--host: expected an address'),
        ('ftp://api.example.com', {'SYNAPSE_ACCESS_TOKEN': 'x'}, '--host: expected an address'),
        ('http://api.example.com', {'SYNAPSE_ACCESS_TOKEN': 'x'}, 'unencrypted'),
        ('https://api.example.com', {}, 'no token'),
        ('https://api.example.com', {'SYNAPSE_ACCESS_TOKEN': 'a\nb'}, 'printable'),
        ('https://api.example.com:99999', {'SYNAPSE_ACCESS_TOKEN': 'x'}, 'Port out of range'),
        ('https://[bad', {'SYNAPSE_ACCESS_TOKEN': 'x'}, '--host'),
        ('https://me:canary-9@api.example.com', {'SYNAPSE_ACCESS_TOKEN': 'x'}, 'no user'),
        ('https://api.example.com?token=canary-9', {'SYNAPSE_ACCESS_TOKEN': 'x'}, 'no user, query'),
    ],
)
def test_what_cannot_be_used_is_a_sentence(tmp_path: Path, host: str, env: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        resolve(host, env, tmp_path / 'none')
    assert caught.value.hint
    assert 'canary' not in str(caught.value)


def test_a_token_goes_unencrypted_to_this_machine_and_where_it_is_said(tmp_path: Path) -> None:
    env = {'SYNAPSE_ACCESS_TOKEN': 'x'}
    for host in ('http://127.0.0.1:1', 'http://localhost:1', 'http://[::1]:1'):
        assert resolve(host, env, tmp_path / 'none')
    assert resolve('http://api.example.com', {**env, ALLOW_HTTP: '1'}, tmp_path / 'none')


@pytest.mark.parametrize(
    'content', ['{', '[]', '{"host": 5}', '\x00', '{"host": "foo"}', '{"host": "https://[bad"}', '[' * 100_000]
)
def test_a_file_that_cannot_be_used_is_named_and_not_quoted(tmp_path: Path, content: str) -> None:
    path = tmp_path / 'config.json'
    path.write_text(content)
    with pytest.raises(ConfigError, match=r'config\.json') as caught:
        resolve('https://api.example.com', {'SYNAPSE_ACCESS_TOKEN': 'x'}, path)
    assert content not in str(caught.value) or content == '['
