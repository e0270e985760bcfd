"""Runs whose datasets and models are in S3: a real server, a proxy that fails, kills in the middle, and no secrets."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from synapse_hooks.testing import small_dataset
from tests.support import canary
from tests.support.environments import Environment

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

TESTS = Path(__file__).parents[2] / 'contrib' / 'synapse-hooks-s3' / 'tests'
ACTION = """
import json
from synapse_hooks import BaseTrainAction, BaseTrainParams

class TrainAction(BaseTrainAction[BaseTrainParams]):
    target_format = 'coco'

    def execute(self, data_path, checkpoint):
        weights = self.context.output_dir / 'weights.json'
        weights.write_text(json.dumps({'boxes': len(json.loads(data_path.read_text())['annotations'])}))
        with open('trainings.txt', 'a') as file:
            file.write('trained\\n')
        return {'weights_path': str(weights)}
"""
# Uploads a folder, and prints the keys of a bucket with their content.
CLIENT = """
import json, sys, boto3
from pathlib import Path
url, bucket, folder = sys.argv[1:]
s3 = boto3.client('s3', endpoint_url=url, region_name='us-east-1')
s3.create_bucket(Bucket=bucket)
for file in sorted(Path(folder).rglob('*') if folder else []):
    if file.is_file():
        s3.put_object(Bucket=bucket, Key=f'street/{file.relative_to(folder).as_posix()}', Body=file.read_bytes())
found = s3.list_objects_v2(Bucket=bucket).get('Contents', ())
contents = {one['Key']: s3.get_object(Bucket=bucket, Key=one['Key'])['Body'].read() for one in found}
print(json.dumps({key: content.decode('latin-1') for key, content in contents.items()}))
"""


def load_proxy() -> ModuleType:
    """The proxy of the distribution's own tests."""
    name = 'synapse_hooks_s3_faulty_proxy'
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, TESTS / 'faulty.py')
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope='module')
def moto(s3_environment: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of moto's server."""
    with socket.create_server(('127.0.0.1', 0)) as free:
        port: int = free.getsockname()[1]
    folder = tmp_path_factory.mktemp('moto')
    command = [str(s3_environment.python), '-m', 'moto.server', '-H', '127.0.0.1', '-p', str(port)]
    with (folder / 'log').open('wb') as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while True:
            assert process.poll() is None, (folder / 'log').read_text()
            assert time.monotonic() < deadline, 'moto takes too long'
            try:
                socket.create_connection(('127.0.0.1', port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


class Project:
    """A project whose dataset is in a bucket, behind a proxy."""

    def __init__(self, environment: Environment, folder: Path, proxy: Any, port: int) -> None:
        self.proxy = proxy
        self.bucket = f'bucket-{port}-{os.getpid()}-{folder.name}'.lower().replace('_', '-')[:60].rstrip('-')
        self.folder = folder / 'project'
        self.folder.mkdir()
        self.environment = environment.at(
            self.folder,
            AWS_ACCESS_KEY_ID='AKIAIOSFODNN7EXAMPLE',
            AWS_SECRET_ACCESS_KEY=canary.SECRET,
            AWS_DEFAULT_REGION='us-east-1',
            AWS_EC2_METADATA_DISABLED='true',
            AWS_CONFIG_FILE=str(folder / 'none'),
            AWS_SHARED_CREDENTIALS_FILE=str(folder / 'none'),
            SYNAPSE_HOOKS_CACHE=str(folder / 'cache'),
            SYNAPSE_WORKSPACE=str(folder / 'workspace'),
        )
        (self.folder / 'train.py').write_text(ACTION)
        (self.folder / 'pyproject.toml').write_text(
            f"[tool.synapse_hooks.settings.s3]\nendpoint_url = '{proxy.url}'\n"
            f"models = 's3://{self.bucket}/models'\nconnections = 2\n"
        )
        self.direct = f'http://127.0.0.1:{port}'
        self.objects(Path(small_dataset(folder / 'dm')['path']))

    def objects(self, upload: Path | str = '') -> dict[str, str]:
        """The content of each object; a folder is uploaded before."""
        ended = self.environment.run(self.environment.python, '-c', CLIENT, self.direct, self.bucket, upload)
        assert ended.code == 0, ended
        found: dict[str, str] = json.loads(ended.out)
        return found

    def words(self, name: str) -> tuple[str, ...]:
        """A run with a directory of that name."""
        return 'train', 'train.py:TrainAction', '-p', f'dataset=s3://{self.bucket}/street', '--run-dir', name

    @property
    def trainings(self) -> int:
        """How often it was trained."""
        file = self.folder / 'trainings.txt'
        return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def project(s3_environment: Environment, moto: int, tmp_path: Path) -> Iterator[Project]:
    proxy = load_proxy().FaultyProxy('127.0.0.1', moto)
    try:
        yield Project(s3_environment, tmp_path, proxy, moto)
    finally:
        proxy.close()
    leaks = [file for file in tmp_path.rglob('*') if file.is_file() and canary.SECRET.encode() in file.read_bytes()]
    assert leaks == []
    assert canary.SECRET not in repr(proxy.log)


def manifests(objects: dict[str, str]) -> list[dict[str, Any]]:
    return [json.loads(text) for key, text in objects.items() if key.endswith('/manifest.json')]


def test_its_own_tests_pass_where_it_is_installed(s3_environment: Environment, tmp_path: Path) -> None:
    command = (s3_environment.python, '-m', 'pytest', '-q', '-rs', '-p', 'no:cacheprovider', TESTS)
    ended = s3_environment.at(tmp_path).run(*command)
    assert ended.code == 0, ended
    assert ' passed' in ended.out
    assert 'not installed' not in ended.out, 'the kit skips what does not apply, and nothing else is skipped'


def test_a_run_trains_on_s3_and_uploads_there_and_a_second_one_transfers_nothing(project: Project) -> None:
    first = project.environment.hooks(*project.words('first'), '--json').json
    assert first['result']['weights_path']
    assert first['model']['id'].startswith(f's3://{project.bucket}/models/')
    (manifest,) = manifests(project.objects())
    assert [file['name'] for file in manifest['files']] == ['weights.json']
    log = project.proxy.log
    before = log.count('GET', '/street/'), log.count('PUT')
    assert before[0] > 0
    second = project.environment.hooks(*project.words('second'), '--json').json
    assert second['model']['id'] == first['model']['id']
    assert (log.count('GET', '/street/'), log.count('PUT')) == before
    assert project.trainings == 2


def test_an_export_that_is_killed_goes_on_where_it_ended(project: Project) -> None:
    large = project.folder.parent / 'large'
    large.mkdir()
    (large / 'large.bin').write_bytes(os.urandom(20 << 20))
    project.objects(large)
    project.proxy.bytes_per_second = 8 << 20
    partial = project.folder.parent / 'cache' / 's3' / 'partial'
    with project.environment.started(*project.words('killed')) as running:
        # The first of the parts of the large object is here.
        running.until(lambda: any(file.stat().st_size >= 8 << 20 for file in partial.glob('*')))
        running.end(signal.SIGKILL)
    project.proxy.bytes_per_second = 0
    before = project.proxy.log.bytes
    resumed = project.environment.hooks('resume', 'killed', '--json').json
    assert resumed['model']['id']
    assert project.proxy.log.bytes - before < 16 << 20, 'the first part was downloaded again'


def test_an_upload_that_fails_is_retried_without_another_training(project: Project) -> None:
    project.proxy.faults.append(load_proxy().Fault('/models/', 'PUT', status=503, times=999))
    failed = project.environment.hooks(*project.words('run'), code=1)
    assert 'resume' in failed.err
    assert manifests(project.objects()) == []
    project.proxy.faults.clear()
    assert project.environment.hooks('resume', 'run', '--json').json['model']['id']
    assert len(manifests(project.objects())) == 1
    assert project.trainings == 1


def test_wrong_credentials_are_an_error_that_says_so(project: Project) -> None:
    project.proxy.faults.append(load_proxy().Fault(project.bucket, 'GET', status=403, code='AccessDenied', times=99))
    refused = project.environment.hooks(*project.words('run'), code=1)
    assert f's3://{project.bucket}/street' in refused.err
    assert 'check the credentials' in refused.err
    assert 'Traceback' not in refused.err
