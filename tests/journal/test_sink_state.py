"""What a sink remembers of a run is there for the next process, complete and without secrets."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from synapse_hooks.errors import SinkUnavailable
from synapse_hooks.journal import SinkState


def test_what_is_assigned_is_there_for_the_next_process(tmp_path: Path) -> None:
    state = SinkState(tmp_path, 'tracker')
    assert dict(state) == {}
    state['run_id'] = 'abc'
    state['uploaded'] = ['a', 'b']
    code = f'from synapse_hooks.journal import SinkState; print(dict(SinkState({str(tmp_path)!r}, "tracker")))'
    printed = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout
    assert printed == "{'run_id': 'abc', 'uploaded': ['a', 'b']}\n"
    del state['uploaded']
    assert dict(SinkState(tmp_path, 'tracker')) == {'run_id': 'abc'}
    with pytest.raises(KeyError):
        state['uploaded']


def test_sinks_do_not_share_a_state_whatever_their_names(tmp_path: Path) -> None:
    names = ['a', 'A', 'a/b', '../../a', 'a.cursor']
    for name in names:
        SinkState(tmp_path, name)['name'] = name
    assert [SinkState(tmp_path, name)['name'] for name in names] == names
    assert {path.parent for path in tmp_path.rglob('*') if path.is_file()} == {tmp_path / 'sinks'}


@pytest.mark.parametrize('damage', [b'', b'{"run_id":', b'[]', b'\xff'])
def test_a_damaged_state_is_an_absent_one(tmp_path: Path, damage: bytes) -> None:
    state = SinkState(tmp_path, 'tracker')
    state['run_id'] = 'abc'
    state.path.write_bytes(damage)
    assert state.get('run_id') is None
    state['run_id'] = 'def'
    assert SinkState(tmp_path, 'tracker')['run_id'] == 'def'


def test_secrets_are_not_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MLFLOW_TRACKING_TOKEN', 'canary-4711')
    state = SinkState(tmp_path, 'tracker')
    state['url'] = 'https://me:canary-4711@tracker/run'
    assert b'canary' not in state.path.read_bytes()
    assert state['url'] == 'https://me:<redacted>@tracker/run'


def test_a_state_that_cannot_be_written_is_for_later(tmp_path: Path) -> None:
    (tmp_path / 'sinks').write_text('in the way')
    with pytest.raises(SinkUnavailable, match='cannot be saved'):
        SinkState(tmp_path, 'tracker')['run_id'] = 'abc'
