"""The job of a backend, as `train` and `resume` take it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from synapse_hooks.backends import Workspace
from tests.support.dev_server import TOKEN, DevServer, dev_server
from tests.support.environments import Environment


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DevServer]:
    """A server of an empty workspace."""
    with dev_server(Workspace(tmp_path / 'there')) as running:
        yield running


def test_a_wrong_job_is_refused_before_the_training(bare: Environment, data: Path, server: DevServer) -> None:
    words = ('train', 'actions:Count', '-p', f'data_path={data}', '--run-dir', 'run', '--job', '77')
    ended = bare.hooks(*words, code=1, SYNAPSE_HOST=server.host, SYNAPSE_ACCESS_TOKEN=TOKEN)
    assert f'there is no job 77 at {server.host}' in ended.err
    assert not (bare.cwd / 'run').exists()


def test_a_run_without_a_job_gets_one_when_it_is_resumed(bare: Environment, data: Path, server: DevServer) -> None:
    backend = {'SYNAPSE_HOST': server.host, 'SYNAPSE_ACCESS_TOKEN': TOKEN}
    ended = bare.hooks('train', 'actions:Count', '-p', f'data_path={data}', '--run-dir', 'run', code=1, **backend)
    assert 'name the job: `--job ID`, also of `resume`' in ended.err
    job = server.workspace.create_job(action='train')['id']
    resumed = bare.hooks('resume', 'run', '--job', str(job), '--json', **backend).json
    assert resumed['outcome'] == 'succeeded'
    assert server.workspace.get_job(job)['status'] == 'SUCCEEDED'
    # From now on the run belongs to it.
    again = bare.hooks('resume', 'run', '--from-stage', 'upload', '--json', **backend).json
    assert again['model'] == resumed['model']
