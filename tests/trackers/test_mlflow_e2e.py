"""MLflow itself: a server on a database, which is killed and comes back, and runs that are killed and resumed."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from synapse_hooks.backends import Workspace
from tests.formats.format_kit import add_item, box
from tests.support import canary
from tests.support.environments import Environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

# Prints what the server has, by the client of MLflow.
READ = """
import json, sys
from mlflow import MlflowClient
client = MlflowClient(sys.argv[1])
runs = client.search_runs([e.experiment_id for e in client.search_experiments()])

def files(run, path=None):
    for file in client.list_artifacts(run, path):
        yield from files(run, file.path) if file.is_dir else [file.path]

print(json.dumps([{
    'id': run.info.run_id,
    'name': run.info.run_name,
    'status': run.info.status,
    'params': run.data.params,
    'tags': run.data.tags,
    'datasets': [[entry.dataset.name, entry.dataset.digest] for entry in run.inputs.dataset_inputs],
    'files': sorted(files(run.info.run_id)),
    'metrics': {key: [[m.step, m.value] for m in client.get_metric_history(run.info.run_id, key)]
                for key in run.data.metrics},
    'models': [[m.name, m.version, m.status] for m in client.search_model_versions(f"run_id = '{run.info.run_id}'")],
} for run in runs]))
"""


class Server:
    """`mlflow server` on a SQLite database."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self.environment, self.folder = environment, folder
        with socket.create_server(('127.0.0.1', 0)) as free:
            self.port = free.getsockname()[1]
        self.uri = f'http://127.0.0.1:{self.port}'
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until it answers."""
        command = [str(self.environment.python), '-m', 'mlflow', 'server', '--host', '127.0.0.1', '--workers', '1']
        store = ['--backend-store-uri', 'sqlite:///mlflow.db', '--artifacts-destination', './artifacts']
        with (self.folder / 'server.log').open('ab') as log:
            self.process = subprocess.Popen(
                [*command, '--port', str(self.port), *store],
                cwd=self.folder,
                env={**os.environ, 'MLFLOW_DISABLE_TELEMETRY': 'true', 'MLFLOW_SERVER_ENABLE_JOB_EXECUTION': 'false'},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 240
        while not self.answers():
            is_starting = self.process.poll() is None and time.monotonic() < deadline
            assert is_starting, (self.folder / 'server.log').read_text()
            time.sleep(0.2)

    def answers(self) -> bool:
        """Whether it answers."""
        try:
            return bool(urlopen(f'{self.uri}/health', timeout=5).read() == b'OK')
        except (URLError, OSError):
            return False

    def kill(self) -> None:
        """As a machine that loses power does it."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def last_step(self, key: str, name: str) -> int:
        """The step of the last value of a metric of the run of that name, 0 if there is none."""
        search = {'experiment_ids': ['0', '1'], 'filter': f"attributes.run_name = '{name}'"}
        request = Request(f'{self.uri}/api/2.0/mlflow/runs/search', json.dumps(search).encode())
        request.add_header('Content-Type', 'application/json')
        runs = json.loads(urlopen(request, timeout=60).read()).get('runs', [])
        metrics = [metric for run in runs for metric in run['data'].get('metrics', ()) if metric['key'] == key]
        return max((int(metric['step']) for metric in metrics), default=0)

    def runs(self) -> dict[str, list[dict[str, Any]]]:
        """All runs by name, as the client of MLflow reads them."""
        ended = self.environment.run(self.environment.python, '-c', READ, self.uri, MLFLOW_DISABLE_TELEMETRY='true')
        assert ended.code == 0, ended
        found: dict[str, list[dict[str, Any]]] = {}
        for run in json.loads(ended.out):
            found.setdefault(run['name'], []).append(run)
        return found


@pytest.fixture(scope='module')
def environment(with_tracker: Callable[..., Environment]) -> Environment:
    """With MLflow."""
    return with_tracker('mlflow', 'mlflow>=3.10,<4')


@pytest.fixture(scope='module')
def server(environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server, which a test may restart."""
    server = Server(environment, tmp_path_factory.mktemp('server'))
    server.start()
    try:
        yield server
    finally:
        server.kill()


def test_an_outage_a_kill_and_a_resume_lose_nothing_and_repeat_nothing(
    environment: Environment, server: Server, project: Path, tmp_path: Path
) -> None:
    add_item(tmp_path / 'dm' / 'train', 'a', {'bounding_box': [box(1, 2, 30, 40, 'car')]})
    digest = Workspace(tmp_path / 'workspace').add_dataset(tmp_path / 'dm', name='cars')['digest']
    at = environment.at(project, MLFLOW_TRACKING_URI=server.uri, MLFLOW_EXPERIMENT_NAME='cars', NO_COLOR='1')
    train = ('train', 'train.py:Train', '-p', 'dataset=cars', '-p', 'epochs=200', '-p', 'stops=[60,120,180]')
    words = (*train, '--run-dir', 'first', '--workspace', tmp_path / 'workspace')
    with at.started(*words, MLFLOW_DISABLE_TELEMETRY='true') as run:
        run.until(lambda: (project / 'at60').exists() and server.last_step('train/loss', 'first') == 60)
        server.kill()
        (project / 'go60').touch()
        run.until((project / 'at120').exists)
        server.start()
        run.until(lambda: server.last_step('train/loss', 'first') == 120)
        (project / 'go120').touch()
        run.until((project / 'at180').exists)
        # What was logged a moment ago is delivered, or not.
        run.end(signal.SIGKILL)
    (during,) = server.runs()['first']
    assert during['status'] == 'RUNNING'
    (project / 'go180').touch()
    resumed = at.hooks('resume', 'first', MLFLOW_DISABLE_TELEMETRY='true')
    assert 'has not received' not in resumed.err, resumed

    (after,) = server.runs()['first']
    assert after['id'] == during['id']
    assert after['status'] == 'FINISHED'
    metrics = after['metrics']
    assert metrics['train/loss'] == [[epoch, 1 / epoch] for epoch in range(1, 201)]
    assert metrics['train/mAP50_B'] == [[epoch, epoch / 1000] for epoch in range(1, 201)]
    assert [step for step, value in metrics['val/nan'] if math.isnan(value)] == list(range(1, 201))
    assert metrics['fold2/batch/val/loss'] == [[1, 0.25]]
    assert metrics['accuracy'] == [[0, 0.75]]
    assert len({step for step, _ in metrics['system/process_memory']}) > 2
    params = after['params']
    assert params['lr'] == '0.5'
    assert params['optimizer.betas'] == '[0.9, 0.99]'
    assert len(params['note']) == 6000
    assert params['process'] != params['process.attempt2']
    assert 'note.attempt2' not in params
    assert after['tags']['synapse_hooks.run'] == 'first'
    assert after['tags']['synapse_hooks.attempt'] == '2'
    assert after['datasets'] == [['cars', digest.removeprefix('sha256:')[:36]]]
    images = [file for file in after['files'] if file.startswith('images/') and file.endswith('.png')]
    assert [int(file.split('+step+')[1].split('+')[0]) for file in images] == [120, 180, 60]
    assert 'execute/best.pt' in after['files']


def test_a_model_becomes_one_version_however_often_it_is_uploaded(
    environment: Environment, server: Server, project: Path
) -> None:
    (project / 'pyproject.toml').write_text('[tool.synapse_hooks.settings.mlflow]\nregistered_model = "detector"\n')
    with socket.create_server(('127.0.0.1', 0)) as free:
        closed = f'http://127.0.0.1:{free.getsockname()[1]}'
    at = environment.at(project, MLFLOW_DISABLE_TELEMETRY='true', MLFLOW_TRACKING_URI=server.uri)
    train = ('train', 'train.py:Train', '-p', 'data_path=.', '--run-dir', 'model', '--json')
    failed = at.hooks(*train, code=1, MLFLOW_TRACKING_URI=closed)
    assert failed.json['error']['type'] == 'StepFailed'
    assert 'cannot be reached' in failed.err
    assert at.hooks('resume', 'model', '--json').json['model']['id'] == 'models:/detector/1'
    again = at.hooks('resume', 'model', '--from-stage', 'upload', '--json')
    assert again.json['model']['id'] == 'models:/detector/1'
    (run,) = server.runs()['model']
    assert run['models'] == [['detector', '1', 'READY']]
    assert run['status'] == 'FINISHED'
    assert sum(file.endswith('best.pt') and file.startswith('model-') for file in run['files']) == 1


class Refusing(BaseHTTPRequestHandler):
    """Answers everything with the status of its server."""

    def do_GET(self) -> None:
        """Refuse."""
        content = json.dumps({'error_code': self.server.code, 'message': 'no'}).encode()  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ('status', 'code', 'is_kept'),
    [
        (503, 'TEMPORARILY_UNAVAILABLE', True),
        (401, 'UNAUTHENTICATED', True),
        (429, 'REQUEST_LIMIT_EXCEEDED', True),
        (400, 'INVALID_PARAMETER_VALUE', False),
    ],
)
def test_what_a_server_refuses_is_kept_or_skipped_and_no_password_is_shown(
    environment: Environment, project: Path, status: int, code: str, is_kept: bool
) -> None:
    with HTTPServer(('127.0.0.1', 0), Refusing) as server:
        server.status, server.code = status, code  # type: ignore[attr-defined]
        Thread(target=server.serve_forever, daemon=True).start()
        at = environment.at(
            project,
            MLFLOW_TRACKING_URI=f'http://me:{canary.SECRET}@127.0.0.1:{server.server_port}',
            MLFLOW_TRACKING_PASSWORD=canary.SECRET,
            MLFLOW_HTTP_REQUEST_MAX_RETRIES='0',
            MLFLOW_DISABLE_TELEMETRY='true',
        )
        ended = at.hooks('train', 'train.py:Train', '-p', 'data_path=.', '--run-dir', 'run')
        server.shutdown()
    assert canary.SECRET not in ended.out + ended.err
    assert ('has not received' in ended.err) == is_kept, ended
    assert ('MLflow refused a request' in ended.err) != is_kept, ended


def test_without_a_server_nothing_is_sent_and_the_run_says_so(environment: Environment, project: Path) -> None:
    ended = environment.at(project).hooks('train', 'train.py:Train', '-p', 'data_path=.', '--run-dir', 'run')
    assert 'nothing is logged to MLflow: set MLFLOW_TRACKING_URI' in ended.out + ended.err
    assert not list((project / 'run' / 'sinks').glob('synapse-hooks-mlflow*.json'))


def test_its_own_tests_pass_with_mlflow(environment: Environment, own_tests_pass: Callable[..., None]) -> None:
    own_tests_pass(environment, 'mlflow')
