"""Which backend is used."""

from pathlib import Path

import pytest

from synapse_hooks.backends import Workspace, connect, default_root, runs_folder
from synapse_hooks.errors import ConfigError

HOST = 'https://synapse.example'


def test_the_order(tmp_path: Path) -> None:
    given = connect(tmp_path, env={'SYNAPSE_WORKSPACE': 'other', 'SYNAPSE_HOST': HOST})
    assert isinstance(given, Workspace)
    assert given.root == tmp_path
    chosen = connect(env={'SYNAPSE_WORKSPACE': str(tmp_path / 'chosen'), 'SYNAPSE_HOST': ''})
    assert isinstance(chosen, Workspace)
    assert chosen.root == tmp_path / 'chosen'
    default = connect(env={})
    assert isinstance(default, Workspace)
    assert default.root.parts[-2:] == ('synapse-hooks', 'workspace')


TOKEN = {'SYNAPSE_ACCESS_TOKEN': 'canary-123'}


@pytest.mark.parametrize(
    ('host', 'env'),
    [
        (HOST, TOKEN),
        (None, {'SYNAPSE_HOST': HOST, **TOKEN}),
        (None, {'SYNAPSE_HOST': HOST, 'SYNAPSE_WORKSPACE': 'x', **TOKEN}),
        (HOST, {'SYNAPSE_HOST': 'https://other.example', **TOKEN}),
    ],
)
def test_a_host_goes_before_the_workspace(host: str | None, env: dict[str, str], tmp_path: Path) -> None:
    client = connect(host=host, env={'HOME': str(tmp_path), **env})
    assert client.address == {'host': HOST}


def test_a_job_belongs_to_a_backend(tmp_path: Path) -> None:
    assert connect(env={'HOME': str(tmp_path), **TOKEN}, job=7).address == {'host': 'https://api.synapse.sh'}
    assert connect(tmp_path, env=TOKEN, job=7).address == {'workspace': str(tmp_path)}


def test_without_a_token_it_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f'no token for {HOST}') as caught:
        connect(host=HOST, env={'HOME': str(tmp_path)})
    assert 'SYNAPSE_ACCESS_TOKEN' in caught.value.hint
    assert caught.value.exit_code == 2


def test_not_both(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='both'):
        connect(tmp_path, HOST, env={})


def test_a_home_is_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    assert default_root({'SYNAPSE_WORKSPACE': '~/w'}) == tmp_path / 'w'
    assert Workspace(Path('~/w')).root == tmp_path / 'w'


def test_runs_are_in_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('SYNAPSE_WORKSPACE', str(tmp_path / 'default'))
    assert runs_folder(Workspace(tmp_path)) == tmp_path / 'runs'
    assert runs_folder(None) == tmp_path / 'default' / 'runs'
