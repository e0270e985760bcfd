"""Models into a real S3 server, which a proxy makes fail; and the settings."""

from __future__ import annotations

import hashlib
import json
import os
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from faulty import Fault, FaultyProxy
from synapse_hooks_s3 import S3Plugin, bucket, upload
from synapse_hooks_s3.settings import Settings

from synapse_hooks.context import Model
from synapse_hooks.errors import BackendError, BackendUnavailable, ConfigError
from synapse_hooks.testing import FakeRun, check_distribution

MIB = 1 << 20


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, '_FIRST_DELAY', 0.001)


@pytest.fixture
def model(run: FakeRun) -> Path:
    folder = run.folder / 'weights'
    (folder / 'sub').mkdir(parents=True)
    (folder / 'best.pt').write_bytes(os.urandom(50_000))
    (folder / 'sub' / 'labels.txt').write_text('cat\n')
    run.context.model_path = str(folder)
    return folder


def send(run: FakeRun) -> Model:
    made = S3Plugin().upload(run.context)
    assert made is not None
    return made


def keys(s3: Any) -> list[str]:
    return [one['Key'] for one in s3.list_objects_v2(Bucket='data').get('Contents', ())]


def manifest(s3: Any, made: Model) -> dict[str, Any]:
    key = str(made['id']).removeprefix('s3://data/') + '/manifest.json'
    loaded: dict[str, Any] = json.loads(s3.get_object(Bucket='data', Key=key)['Body'].read())
    return loaded


def test_a_model_is_its_files_and_a_manifest(s3: Any, run: FakeRun, model: Path) -> None:
    made = send(run)
    assert str(made['id']).startswith('s3://data/models/')
    written = manifest(s3, made)
    assert (written['run'], written['dataset']) == ('run', 's3://data/street')
    for entry in written['files']:
        content = (model / entry['name']).read_bytes()
        assert entry['sha256'] == hashlib.sha256(content).hexdigest()
        key = f'{made["id"]}/files/{entry["name"]}'.removeprefix('s3://data/')
        assert s3.get_object(Bucket='data', Key=key)['Body'].read() == content
    assert len(keys(s3)) == 3


def test_the_same_model_is_uploaded_once(s3: Any, run: FakeRun, model: Path, proxy: FaultyProxy) -> None:
    first = send(run)
    before = proxy.log.count('PUT')
    assert send(run) == first
    assert proxy.log.count('PUT') == before
    (model / 'sub' / 'labels.txt').write_text('dog\n')
    assert send(run)['id'] != first['id']


def test_a_file_is_a_model_too(s3: Any, run: FakeRun, model: Path) -> None:
    run.context.model_path = str(model / 'best.pt')
    assert [entry['name'] for entry in manifest(s3, send(run))['files']] == ['best.pt']


def test_an_upload_that_fails_is_absent_and_goes_on_where_it_ended(
    s3: Any, run: FakeRun, model: Path, proxy: FaultyProxy
) -> None:
    proxy.faults.append(Fault('/files/sub/labels.txt', 'PUT', status=503, times=999))
    with pytest.raises(BackendUnavailable):
        send(run)
    assert not [key for key in keys(s3) if key.endswith('manifest.json')]
    proxy.faults.clear()
    before = proxy.log.count('PUT', '/files/best.pt')
    made = send(run)
    assert proxy.log.count('PUT', '/files/best.pt') == before
    assert len(manifest(s3, made)['files']) == 2


def test_large_files_are_uploaded_in_parts_and_checked(
    s3: Any, run: FakeRun, model: Path, monkeypatch: pytest.MonkeyPatch, proxy: FaultyProxy
) -> None:
    monkeypatch.setattr(upload, 'PART', 5 * MIB)
    content = os.urandom(12 * MIB)
    (model / 'best.pt').write_bytes(content)
    proxy.faults.append(Fault('/files/best.pt', 'PUT', status=503, times=1))
    made = send(run)
    entry = next(entry for entry in manifest(s3, made)['files'] if entry['name'] == 'best.pt')
    assert entry['etag'].endswith('-3')
    key = f'{made["id"]}/files/best.pt'.removeprefix('s3://data/')
    assert s3.get_object(Bucket='data', Key=key)['Body'].read() == content


def test_what_arrives_otherwise_than_it_was_sent_is_refused(
    s3: Any, run: FakeRun, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = bucket.Bucket.put

    def damaged(self: bucket.Bucket, file: Path, path: str, part: int) -> None:
        other = run.folder / 'other'
        other.write_bytes(bytes(file.stat().st_size))
        put(self, other, path, part)

    monkeypatch.setattr(bucket.Bucket, 'put', damaged)
    with pytest.raises(BackendError, match='what is there is not what was sent'):
        send(run)
    assert not [key for key in keys(s3) if key.endswith('manifest.json')]


def test_without_the_setting_models_are_left_to_others(run: FakeRun, model: Path) -> None:
    run.context.settings = {}
    assert S3Plugin().upload(run.context) is None


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        ({'endpoint': 'http://host'}, "unknown setting 'endpoint'"),
        ({'endpoint_url': 'host:9000'}, 'must be http'),
        ({'endpoint_url': 'http://me:secret-word@host'}, 'must not contain a login'),
        ({'models': 'models/street'}, 'must be s3://BUCKET/PREFIX'),
        ({'models': 5}, 'models must be text'),
        ({'connections': True}, 'a number from 1 to 256'),
        ({'verify': 'no'}, 'verify must be true or false'),
        ({'secret_access_key': 'secret-word'}, 'unknown setting'),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Settings.of({'s3': settings})
    assert 'secret-word' not in str(caught.value)


def test_the_distribution_is_valid() -> None:
    if not any(entry.name == 's3' for entry in entry_points(group='synapse_hooks')):
        pytest.skip('synapse-hooks-s3 is not installed here')
    check_distribution('synapse-hooks-s3')
