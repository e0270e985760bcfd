"""The runs of the workspace at the development server."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from synapse_hooks.journal import Journal, RunDirectory
from tests.support.dev_server import DevServer


@pytest.fixture
def run(server: DevServer) -> RunDirectory:
    """A run that goes on."""
    directory = RunDirectory.create(server.workspace.root / 'runs' / 'night', action='train', params={'lr': 0.5})
    directory.update(status='running')
    return directory


def test_runs_are_listed(ask: httpx.Client, run: RunDirectory) -> None:
    with run.locked():
        (listed,) = ask.get('/runs/').json()['results']
    assert (listed['name'], listed['status'], listed['style']) == ('night', 'running', 'note')
    assert listed['cells']['action'] == 'train'
    assert ask.get('/runs/').json()['results'][0]['cells']['status'] == 'failed (killed)'


def test_secrets_of_the_environment_are_not_served(
    ask: httpx.Client, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.update(note='hunter2hunter2', params={'dataset': 'hunter2hunter2'})
    monkeypatch.setenv('SYNAPSE_ACCESS_TOKEN', 'hunter2hunter2')
    assert 'hunter2' not in ask.get('/runs/').text + ask.get('/runs/night/report/').text


def test_a_report_follows_its_run(ask: httpx.Client, run: RunDirectory) -> None:
    with run.locked():
        before = ask.get('/runs/night/report/').json()
        journal = Journal(run.path, run='night')
        journal.record('metrics', {'phase': 'train', 'axis': 'epoch', 'step': 1, 'values': {'accuracy<': 0.75}})
        journal.close()
        after = ask.get('/runs/night/report/').json()
    assert before['active']
    assert after['active']
    assert '0.75' not in before['html']
    assert '0.75' in after['html']
    assert 'accuracy&lt;' in after['html']
    assert not ask.get('/runs/night/report/').json()['active']


@pytest.mark.parametrize('name', ['other', '..', '%2e%2e', '..%2fruns%2fnight', '%2Fetc', 'last', 'nigh'])
def test_only_names_of_the_workspace_are_found(ask: httpx.Client, run: RunDirectory, name: str, tmp_path: Path) -> None:
    assert ask.get(f'/runs/{name}/report/').status_code == 404


def test_the_token_is_needed(server: DevServer, run: RunDirectory) -> None:
    assert httpx.get(f'{server.host}/runs/night/report/').status_code == 401
