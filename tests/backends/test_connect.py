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


@pytest.mark.parametrize(
    ('host', 'env', 'setting'),
    [
        (HOST, {}, '--host'),
        (None, {'SYNAPSE_HOST': HOST}, 'SYNAPSE_HOST'),
        (None, {'SYNAPSE_HOST': HOST, 'SYNAPSE_WORKSPACE': 'x'}, 'SYNAPSE_HOST'),
    ],
)
def test_a_host_cannot_be_had_yet(host: str | None, env: dict[str, str], setting: str) -> None:
    with pytest.raises(ConfigError, match=f'{setting} asks for .*{HOST}.*embedded workspace only') as caught:
        connect(host=host, env=env)
    assert '--workspace' in caught.value.hint
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
