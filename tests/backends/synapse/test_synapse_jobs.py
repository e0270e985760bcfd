"""What the job of a run is told over HTTP, whatever happens to the run or to the backend."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.backends import Workspace
from synapse_hooks.backends.synapse import Connection, SynapseClient
from synapse_hooks.context import RuntimeContext
from synapse_hooks.errors import BackendError
from synapse_hooks.steps.delivery import end_dead_runs
from tests.backends.synapse.conftest import Clients, make_dm
from tests.support.dev_server import TOKEN, DevServer, dev_server
from tests.support.raw_server import Asked, Reply, raw_server
from tests.support.waiting import until

ACTION = """
import time
from pathlib import Path
from synapse_hooks import BaseTrainAction, BaseTrainParams

class Params(BaseTrainParams):
    epochs: int = 3
    how: str = ''

class Action(BaseTrainAction[Params]):
    action_name = 'train'

    def execute(self, data_path, checkpoint):
        for epoch in range(self.params.epochs):
            self.log_metrics({'loss': 1 / (epoch + 1)}, phase='train', step=epoch + 1)
            self.set_progress(epoch + 1, self.params.epochs)
        self.log_message('half way', level='warning')
        picture = self.context.run_dir / 'curve.png'
        picture.write_bytes(b'picture')
        self.log_artifact(picture, kind='image', role='curve')
        if self.params.how == 'fails':
            raise ValueError('no luck')
        if self.params.how == 'waits':
            Path('ready').touch()
            time.sleep(120)
        weights = self.context.output_dir / 'best.pt'
        weights.write_bytes(b'weights')
        return {'weights_path': str(weights)}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with an action."""
    folder = tmp_path / 'project'
    folder.mkdir()
    (folder / 'act.py').write_text(ACTION)
    (folder / 'pyproject.toml').write_text('')
    return folder


@pytest.fixture
def server(tmp_path: Path) -> Any:
    """A server with a dataset and the job 1."""
    workspace = Workspace(tmp_path / 'there')
    workspace.add_dataset(make_dm(tmp_path / 'in', {'train': 3, 'valid': 2}), name='street')
    workspace.create_job(action='train')
    with dev_server(workspace) as running:
        yield running


def environment(host: str, project: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith('SYNAPSE_')}
    return {
        **kept,
        'PYTHONPATH': os.pathsep.join(sys.path),
        'HOME': str(project),
        'SYNAPSE_HOST': host,
        'SYNAPSE_ACCESS_TOKEN': TOKEN,
        'SYNAPSE_WORKSPACE': str(project / 'shelf'),
        'SYNAPSE_HOOKS_CACHE': str(project / 'cache'),
    }


def command(host: str, project: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, '-m', 'synapse_hooks.cli', *words],
        cwd=project,
        env=environment(host, project),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(host: str, project: Path, *words: str, code: int = 0) -> str:
    process = command(host, project, *words)
    out, err = process.communicate(timeout=100)
    assert process.returncode == code, out + err
    assert TOKEN not in out + err
    return err


TRAIN = ('train', 'act.py:Action', '--job', '1', '--run-dir', 'run', '-p', 'dataset=1')


def log(server: DevServer, event: str) -> list[dict[str, Any]]:
    return [entry for entry in server.workspace.read_logs(1) if entry['event'] == event]


def test_a_run_that_succeeds_tells_everything(server: DevServer, project: Path) -> None:
    ended(server.host, project, *TRAIN)
    job = server.workspace.get_job(1)
    assert job['status'] == 'SUCCEEDED'
    assert job['result']['model']['id'] == 1
    assert job['progress_record']['current_progress']['overall'] == 100
    assert job['progress_record']['record']['steps']['export']['percent'] == 100
    assert job['metrics_record'] == {'record': {'steps': {'train': {'loss': pytest.approx(1 / 3)}}}}
    metrics = log(server, 'metric')
    assert [entry['data'] for entry in metrics] == [
        {'category': 'train', 'key': 'epoch', 'value': step, 'metrics': {'loss': pytest.approx(1 / step)}}
        for step in (1, 2, 3)
    ]
    assert all(entry['datetime'].endswith('+00:00') for entry in metrics)
    assert ('warning', 'half way') in [(entry['level'], entry['data']['content']) for entry in log(server, 'message')]
    (picture,) = log(server, 'visualization')
    assert picture['data'] == {'category': 'train', 'group': 'curve', 'index': 0}
    assert picture['file'] == 'data:image/png;base64,cGljdHVyZQ=='
    assert server.workspace.list_models()[0]['plugin'] == 'synapse-hooks-dev'


@pytest.mark.parametrize(
    ('words', 'code', 'error'),
    [
        (('-p', 'how=fails'), 1, 'no luck'),
        (('-p', 'dataset=9'), 1, 'there is no dataset 9'),
        (('-p', 'epochs=many'), 2, 'epochs'),
        (('-p', 'checkpoint=9'), 1, 'there is no model 9'),
    ],
)
def test_a_run_that_fails_says_why(
    server: DevServer, project: Path, words: tuple[str, ...], code: int, error: str
) -> None:
    ended(server.host, project, *TRAIN, *words, code=code)
    job = server.workspace.get_job(1)
    assert job['status'] == 'FAILED'
    assert error in job['result']['error']


def waiting(server: DevServer, project: Path) -> subprocess.Popen[str]:
    process = command(server.host, project, *TRAIN, '-p', 'how=waits')
    until((project / 'ready').exists, process)
    return process


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_run_that_is_ended_is_stopped(server: DevServer, project: Path, number: signal.Signals) -> None:
    process = waiting(server, project)
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode in (130, 143)
    assert server.workspace.get_job(1)['status'] == 'STOPPED'


def test_a_run_that_was_killed_is_found_by_the_next_one(server: DevServer, project: Path) -> None:
    process = waiting(server, project)
    process.kill()
    process.communicate(timeout=120)
    assert server.workspace.get_job(1)['status'] == 'RUNNING'
    second = server.workspace.create_job(action='train')['id']
    words = ('train', 'act.py:Action', '--job', str(second), '--run-dir', 'second', '-p', 'dataset=1')
    ended(server.host, project, *words)
    assert server.workspace.get_job(second)['status'] == 'SUCCEEDED'
    first = server.workspace.get_job(1)
    assert first['status'] == 'FAILED'
    assert 'killed' in first['result']['error']
    assert json.loads((project / 'run' / 'run.json').read_text())['status'] == 'failed'
    assert not list((project / 'shelf' / 'active').iterdir())
    # It goes on all the same.
    ended(server.host, project, 'resume', 'run', '--from-stage', 'execute', '-p', 'how=ends')
    assert server.workspace.get_job(1)['status'] == 'SUCCEEDED'


def outage(server: DevServer, is_down: Callable[[], bool], status: int) -> Callable[[Asked], Reply]:
    """A script that passes everything on to a server, and answers `status` in its place for jobs while it is down."""
    import httpx

    def script(asked: Asked) -> Reply:
        if is_down() and asked.path.startswith(('/jobs', '/logs')) and asked.method != 'GET':
            return Reply(status)
        headers = {name: value for name, value in asked.headers.items() if name not in ('host', 'connection')}
        passed = httpx.request(asked.method, server.host + asked.target, headers=headers, content=asked.body)
        # Its own addresses lead back here.
        body = passed.content.replace(server.host.encode(), f'http://{asked.headers["host"]}'.encode())
        return Reply(passed.status_code, body, {'Content-Type': passed.headers.get('content-type')})

    return script


def test_without_a_job_it_is_said_before_the_training(server: DevServer, project: Path) -> None:
    words = ('train', 'act.py:Action', '--run-dir', 'run', '-p', 'dataset=1')
    err = ended(server.host, project, *words, code=1)
    assert err.index('this run has no job') < err.index('export') < err.index('and there is no job to take it from')


def test_a_run_that_was_killed_is_left_to_its_own_backend(tmp_path: Path) -> None:
    """Another backend has another job of the same number."""
    code = 'from synapse_hooks.storage import owner; print(owner())'
    dead = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout.strip()
    there, here = (
        SynapseClient(Connection(host, access_token=TOKEN), tmp_path, cache=tmp_path / 'cache')
        for host in ('https://there.example.com', 'https://here.example.com')
    )
    marker = tmp_path / 'active' / 'run-1.json'
    marker.parent.mkdir()
    note = {'run_dir': str(tmp_path / 'run'), 'job': 1, 'owner': dead, 'backend': there.address}
    marker.write_text(json.dumps(note))
    end_dead_runs(RuntimeContext(client=here))
    assert marker.exists()
    end_dead_runs(RuntimeContext(client=there))
    assert not marker.exists()


def test_one_entry_that_is_refused_costs_no_other_one(client_of: Clients) -> None:
    taken: list[int] = []

    def script(asked: Asked) -> Reply:
        entries = [entry['data']['n'] for entry in json.loads(asked.body)]
        if 5 in entries:
            return Reply.json({'data': ['is not valid']}, 400)
        taken.extend(entries)
        return Reply.json([], 201)

    with raw_server(script) as server, pytest.raises(BackendError, match='is not valid'):
        client_of(server.host).add_logs(1, [{'event': 'message', 'data': {'n': n}} for n in range(12)])
    assert taken == [n for n in range(12) if n != 5]


@pytest.mark.timeout(180)
@pytest.mark.parametrize('status', [503, pytest.param(401, id='401, as after a token has expired')])
def test_what_could_not_be_delivered_comes_later_once(server: DevServer, project: Path, status: int) -> None:
    down = [True]
    with raw_server(outage(server, lambda: down[0], status)) as between:
        err = ended(between.host, project, *TRAIN)
        assert re.search(rf'the job has not received \d+ events: .* answered {status}.*; `synapse-hooks sync ', err)
        if status == 401:  # the other is tried again for longer
            out, _ = command(between.host, project, 'sync', 'run', '--deadline', '5').communicate(timeout=60)
            pattern = r'the job has not received \d+ events: .*answered 401.*\n  → try again later: `synapse'
            assert re.match(pattern, out)
        assert server.workspace.get_job(1)['status'] == 'PENDING'
        assert log(server, 'metric') == []
        down[0] = False
        assert json.loads((project / 'run' / 'run.json').read_text())['undelivered']
        ended(between.host, project, 'sync', 'run')
        ended(between.host, project, 'sync', 'run')
    assert server.workspace.get_job(1)['status'] == 'SUCCEEDED'
    assert [entry['data']['value'] for entry in log(server, 'metric')] == [1, 2, 3]
    assert json.loads((project / 'run' / 'run.json').read_text())['undelivered'] == {}
