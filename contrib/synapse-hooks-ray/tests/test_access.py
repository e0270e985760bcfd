"""The token that a process has. What a cluster does with it is tested by tests/ray of the repository."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest
from synapse_hooks_ray.access import own_token, require_access, token_of

from synapse_hooks.errors import LaunchError


def test_the_token_is_that_of_the_variable_then_of_the_files(tmp_path: Path) -> None:
    (tmp_path / '.ray').mkdir()
    (tmp_path / '.ray' / 'auth_token').write_text('of the home folder\n')
    (tmp_path / 'file').write_text('of the file\n')
    env = {'HOME': str(tmp_path)}
    assert token_of(env) is None, 'Ray sends none where the mode is not set'
    env['RAY_AUTH_MODE'] = 'token'
    assert token_of(env) == 'of the home folder'
    env['RAY_AUTH_TOKEN_PATH'] = str(tmp_path / 'file')
    assert token_of(env) == 'of the file'
    env['RAY_AUTH_TOKEN'] = 'of the variable'
    assert token_of(env) == 'of the variable'
    assert token_of({'HOME': str(tmp_path / 'none'), 'RAY_AUTH_MODE': 'token'}) is None


@pytest.mark.parametrize('chosen', ['', 'RAY_AUTH_TOKEN', 'RAY_AUTH_TOKEN_PATH'])
def test_a_cluster_of_this_machine_gets_a_token_of_its_own(monkeypatch: pytest.MonkeyPatch, chosen: str) -> None:
    for name in ('RAY_AUTH_MODE', 'RAY_AUTH_TOKEN', 'RAY_AUTH_TOKEN_PATH'):
        monkeypatch.delenv(name, raising=False)
    if chosen:
        monkeypatch.setenv(chosen, 'mine')
    before = dict(os.environ)
    with own_token():
        assert (len(os.environ.get('RAY_AUTH_TOKEN', '')) == 64) == (not chosen)
        # As Ray does.
        os.environ['RAY_AUTH_MODE'] = 'token'
    assert dict(os.environ) == before


@pytest.mark.parametrize('answer', [b'', b'\0\0', b'HTTP/1.1 400 Bad Request\r\n\r\n'])
def test_a_server_that_closes_at_once_is_not_a_head_node(answer: bytes) -> None:
    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(answer)

    with socket.create_server(('127.0.0.1', 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(LaunchError, match='not the head node'):
            require_access(f'127.0.0.1:{server.getsockname()[1]}', {})
        thread.join()
