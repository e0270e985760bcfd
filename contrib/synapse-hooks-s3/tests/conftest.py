"""A server of S3 (moto) for the session, and a proxy with faults before it for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty import FaultyProxy

from synapse_hooks.testing import FakeRun

SECRET = 'canary-2f7c0b4be1d94a6c8a5e3d1f'


@pytest.fixture(scope='session')
def moto() -> Iterator[tuple[str, int]]:
    """Host and port of the server."""
    server = pytest.importorskip('moto.server').ThreadedMotoServer(ip_address='127.0.0.1', port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture
def proxy(moto: tuple[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyProxy]:
    """The proxy; credentials are those that AWS's tools look for."""
    for name in ('AWS_PROFILE', 'AWS_SESSION_TOKEN', 'AWS_ENDPOINT_URL', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY'):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        'AWS_ACCESS_KEY_ID': 'AKIAIOSFODNN7EXAMPLE',
        'AWS_SECRET_ACCESS_KEY': SECRET,
        'AWS_DEFAULT_REGION': 'us-east-1',
        'AWS_EC2_METADATA_DISABLED': 'true',
        'AWS_CONFIG_FILE': str(tmp_path / 'no-config'),
        'AWS_SHARED_CREDENTIALS_FILE': str(tmp_path / 'no-credentials'),
        'SYNAPSE_HOOKS_CACHE': str(tmp_path / 'cache'),
    }.items():
        monkeypatch.setenv(name, value)
    made = FaultyProxy(*moto)
    yield made
    made.close()


@pytest.fixture
def s3(moto: tuple[str, int], proxy: FaultyProxy) -> Iterator[Any]:
    """A client of the server itself, whose buckets are removed after the test."""
    import boto3

    client = boto3.client('s3', endpoint_url=f'http://{moto[0]}:{moto[1]}', region_name='us-east-1')
    client.create_bucket(Bucket='data')
    yield client
    for bucket in client.list_buckets()['Buckets']:
        for one in client.list_objects_v2(Bucket=bucket['Name']).get('Contents', ()):
            client.delete_object(Bucket=bucket['Name'], Key=one['Key'])
        client.delete_bucket(Bucket=bucket['Name'])


@pytest.fixture
def run(proxy: FaultyProxy, tmp_path: Path) -> FakeRun:
    """A run on `s3://data/street`, whose models go to `s3://data/models`."""
    settings = {'s3': {'endpoint_url': proxy.url, 'models': 's3://data/models'}}
    return FakeRun(tmp_path / 'run', params={'dataset': 's3://data/street'}, settings=settings)
