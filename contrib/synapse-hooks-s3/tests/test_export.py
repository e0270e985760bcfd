"""Datasets from a real S3 server, which a proxy makes fail."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import pytest
from conftest import SECRET
from faulty import Fault, FaultyProxy
from synapse_hooks_s3 import S3Plugin, bucket, cache

from synapse_hooks.errors import AccessDenied, BackendError, BackendUnavailable, ConfigError, DatasetInvalid
from synapse_hooks.testing import FakeRun, HookConformance, convert_dataset, open_dataset, small_dataset

MIB = 1 << 20


class TestPlugin(HookConformance):
    plugin: ClassVar[object] = S3Plugin


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, '_FIRST_DELAY', 0.001)


def put(s3: Any, folder: Path, prefix: str = 'street', name: str = 'data') -> dict[str, bytes]:
    """Upload a folder; the content of its files, by name."""
    files = {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob('*') if file.is_file()}
    for key, content in files.items():
        s3.put_object(Bucket=name, Key=f'{prefix}/{key}', Body=content)
    return files


def tree(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob('*') if file.is_file()}


def export(run: FakeRun, out: Path | None = None, **settings: Any) -> dict[str, Any]:
    """What the plugin answers, into a folder of its own."""
    run.context.settings = {'s3': {**run.context.settings['s3'], **settings}}
    run.context.output_dir = out or run.folder / f'out-{len([*run.folder.glob("out-*")])}'
    run.context.output_dir.mkdir()
    answer = S3Plugin().export(run.context)
    assert answer is not None
    return dict(answer)


def test_a_dataset_of_any_format_is_downloaded_and_recognised(s3: Any, run: FakeRun, tmp_path: Path) -> None:
    coco = convert_dataset(small_dataset(tmp_path / 'dm'), 'coco', tmp_path / 'coco').path
    files = put(s3, coco)
    # What a console makes of a folder.
    s3.put_object(Bucket='data', Key='street/train/', Body=b'')
    answer = export(run)
    assert answer['format'] == 'coco'
    assert tree(answer['path']) == files
    assert len([*open_dataset({'path': answer['path'], 'format': 'coco'})]) == 8
    assert run.of('progress')[-1]['curr'] == len(files)


def test_a_second_run_downloads_nothing(s3: Any, run: FakeRun, proxy: FaultyProxy, tmp_path: Path) -> None:
    files = put(s3, Path(small_dataset(tmp_path / 'dm')['path']))
    first = export(run)
    assert proxy.log.count('GET', '/street/') == len(files)
    second = export(run)
    assert proxy.log.count('GET', '/street/') == len(files)
    assert second['digest'] == first['digest']
    assert tree(second['path']) == files
    assert run.of('progress')[-1]['bytes'] == 0


def test_what_has_changed_there_or_here_is_downloaded_again(
    s3: Any, run: FakeRun, proxy: FaultyProxy, tmp_path: Path
) -> None:
    files = put(s3, Path(small_dataset(tmp_path / 'dm')['path']))
    first = export(run)
    changed, touched = sorted(files)[:2]
    s3.put_object(Bucket='data', Key=f'street/{changed}', Body=files[changed] + b' ')
    # A training that writes into its dataset writes into the cache as well: they are links.
    file = Path(first['path'], touched)
    with file.open('r+b') as opened:
        opened.write(b'XX')
    os.utime(file, (1, 1))
    before = proxy.log.count('GET', '/street/')
    second = export(run)
    assert tree(second['path']) == {**files, changed: files[changed] + b' '}
    assert proxy.log.count('GET', '/street/') == before + 2
    assert second['digest'] != first['digest']


def test_an_object_of_several_parts_is_checked_by_their_md5(
    s3: Any, run: FakeRun, proxy: FaultyProxy, tmp_path: Path
) -> None:
    content = os.urandom(13 * MIB)
    upload = s3.create_multipart_upload(Bucket='data', Key='street/big.bin')['UploadId']
    common = {'Bucket': 'data', 'Key': 'street/big.bin', 'UploadId': upload}
    parts = [
        {
            'PartNumber': number,
            'ETag': s3.upload_part(**common, PartNumber=number, Body=content[start : start + 6 * MIB])['ETag'],
        }
        for number, start in enumerate(range(0, len(content), 6 * MIB), 1)
    ]
    s3.complete_multipart_upload(**common, MultipartUpload={'Parts': parts})
    answer = export(run, format='dm')
    assert Path(answer['path'], 'big.bin').read_bytes() == content
    # Servers without `PartNumber`: the usual sizes of parts are tried, of which 6 MiB is none, but the least one fits.
    proxy.faults.append(Fault('/street/big.bin', 'HEAD', times=99, status=400, code='BadRequest'))
    with pytest.raises(BackendError, match='does not have the MD5'):
        export(run, format='dm', cache=str(tmp_path / 'other'))
    assert Path(export(run, format='dm', cache=str(tmp_path / 'third'), verify=False)['path'], 'big.bin').exists()


def test_content_that_is_not_that_of_the_etag_is_refused(
    s3: Any, run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket='data', Key='street/a.bin', Body=b'good')
    read = bucket.Bucket.read
    monkeypatch.setattr(bucket.Bucket, 'read', lambda *args: read(*args).replace(b'good', b'evil'))
    with pytest.raises(BackendError, match='does not have the MD5 of its ETag'):
        export(run, format='dm')
    assert not [*run.context.output_dir.iterdir()]


@pytest.mark.parametrize(
    'fault',
    [
        Fault('/street/a.bin', keep=1000, times=3),
        Fault('/street/a.bin', status=503, times=3),
        Fault('/street/a.bin', status=500, code='InternalError', times=3),
        Fault('/street/a.bin', status=400, code='RequestTimeout', times=3),
        Fault('/street/a.bin', status=400, code='ThrottledException', times=3),
        Fault('/data', status=503, times=2),
    ],
    ids=['truncated', 'slow down', 'internal error', 'timeout', 'throttled', 'list'],
)
def test_what_fails_for_a_while_is_tried_again(s3: Any, run: FakeRun, proxy: FaultyProxy, fault: Fault) -> None:
    content = os.urandom(100_000)
    s3.put_object(Bucket='data', Key='street/a.bin', Body=content)
    proxy.faults.append(Fault(**vars(fault)))
    assert Path(export(run, format='dm')['path'], 'a.bin').read_bytes() == content


def test_what_has_arrived_is_not_downloaded_again(
    s3: Any, run: FakeRun, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, '_CHUNK', 100_000)
    content = os.urandom(1_000_000)
    s3.put_object(Bucket='data', Key='street/a.bin', Body=content)
    proxy.faults.append(Fault('/street/a.bin', status=503, times=999, skip=6))
    with pytest.raises(BackendUnavailable, match=r's3://data/street/a\.bin'):
        export(run, format='dm')
    assert not [*run.context.output_dir.iterdir()]
    proxy.faults.clear()
    before = proxy.log.bytes
    assert Path(export(run, format='dm')['path'], 'a.bin').read_bytes() == content
    assert 400_000 <= proxy.log.bytes - before < 410_000


def test_what_was_damaged_on_its_way_is_downloaded_once_more(
    s3: Any, run: FakeRun, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cache, '_CHUNK', 100_000)
    content = os.urandom(1_000_000)
    s3.put_object(Bucket='data', Key='street/a.bin', Body=content)
    proxy.faults.append(Fault('/street/a.bin', status=503, times=999, skip=6))
    with pytest.raises(BackendUnavailable):
        export(run, format='dm')
    (partial,) = [file for file in (tmp_path / 'cache' / 's3' / 'partial').iterdir() if file.suffix != '.lock']
    partial.write_bytes(bytes(partial.stat().st_size))
    proxy.faults.clear()
    assert Path(export(run, format='dm')['path'], 'a.bin').read_bytes() == content


@pytest.mark.parametrize('key', ['a/../../b', '/a', 'a//b', './a', 'x' * 300, 'a\\b'])
def test_keys_that_cannot_be_names_of_files_are_refused(s3: Any, run: FakeRun, tmp_path: Path, key: str) -> None:
    s3.put_object(Bucket='data', Key=f'street/{key}', Body=b'x')
    with pytest.raises(BackendError, match='cannot be the name of a file'):
        export(run, format='dm')
    assert not (tmp_path / 'b').exists()


def test_a_key_below_another_object_is_refused(s3: Any, run: FakeRun) -> None:
    for key in ('a', 'a/b'):
        s3.put_object(Bucket='data', Key=f'street/{key}', Body=b'x')
    with pytest.raises(BackendError, match="'a/b' is below one that is an object itself"):
        export(run, format='dm')


def test_unusual_keys_are_names(s3: Any, run: FakeRun) -> None:
    names = ['with space.txt', 'Ünï/ä.txt', 'a+b%20c.txt', "quote'&.txt", 'a?b#c.txt', '@home.txt']
    for name in names:
        s3.put_object(Bucket='data', Key=f'street/{name}', Body=name.encode())
    assert tree(export(run, format='dm')['path']) == {name: name.encode() for name in names}


def test_nothing_there_and_no_such_bucket(s3: Any, run: FakeRun) -> None:
    with pytest.raises(BackendError, match='s3://data/street: there is nothing'):
        export(run)
    run.context.params['dataset'] = 's3://nowhere/street'
    with pytest.raises(BackendError, match='there is no such bucket'):
        export(run)


def test_a_dataset_of_no_known_format_says_what_there_is(s3: Any, run: FakeRun) -> None:
    s3.put_object(Bucket='data', Key='street/a.bin', Body=b'x')
    with pytest.raises(DatasetInvalid, match=r'it has 1 \.bin file'):
        export(run)


@pytest.mark.parametrize('status', [401, 403])
def test_a_refusal_is_an_error_about_credentials(s3: Any, run: FakeRun, proxy: FaultyProxy, status: int) -> None:
    proxy.faults.append(Fault('/data', status=status, code='AccessDenied', times=99))
    with pytest.raises(AccessDenied) as caught:
        export(run)
    assert 'AWS_PROFILE' in caught.value.hint
    assert proxy.log.count('GET') == 1


@pytest.mark.parametrize(
    ('status', 'code'), [(400, 'AuthorizationHeaderMalformed'), (400, 'InvalidRequest'), (301, 'PermanentRedirect')]
)
def test_what_is_refused_for_good_is_not_tried_again(
    s3: Any, run: FakeRun, proxy: FaultyProxy, status: int, code: str
) -> None:
    proxy.faults.append(Fault('/data', status=status, code=code, times=99))
    with pytest.raises(BackendError) as caught:
        export(run)
    assert not isinstance(caught.value, BackendUnavailable)
    assert 's3.region' in caught.value.hint
    # To a redirect, botocore asks once more, for the region.
    assert proxy.log.count('GET') == (2 if status == 301 else 1)


def test_an_answer_without_status_and_code_is_no_refusal() -> None:
    error = OSError('no answer')
    error.__cause__ = cause = Exception()
    cause.response = {'ResponseMetadata': None, 'Error': None}  # type: ignore[attr-defined]
    with pytest.raises(BackendUnavailable, match='no answer'), bucket._translated('s3://data'):
        raise error from cause


def test_without_credentials_the_error_says_where_they_are_looked_for(
    s3: Any, run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'):
        monkeypatch.delenv(name)
    with pytest.raises(AccessDenied, match='credentials'):
        export(run)
    s3_settings = {**run.context.settings['s3'], 'profile': 'no-such'}
    run.context.settings = {'s3': s3_settings}
    with pytest.raises((AccessDenied, BackendError), match='no-such'):
        export(run)


def test_a_server_that_is_away_is_an_error_after_some_attempts(s3: Any, run: FakeRun, proxy: FaultyProxy) -> None:
    proxy.close()
    with pytest.raises(BackendUnavailable, match='s3://data/street'):
        export(run)


def test_secrets_are_neither_sent_nor_written(s3: Any, run: FakeRun, proxy: FaultyProxy, tmp_path: Path) -> None:
    s3.put_object(Bucket='data', Key='street/a.bin', Body=b'x')
    proxy.faults.append(Fault('/street/a.bin', status=403, code='SignatureDoesNotMatch', times=99))
    with pytest.raises(BackendError) as caught:
        export(run, format='dm')
    assert SECRET not in repr(proxy.log)
    assert 'AKIA' not in str(caught.value)
    for file in tmp_path.rglob('*'):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes()


@pytest.mark.parametrize('dataset', ['s3://', 's3:///street', 's3://me:secret-word@data/street'])
def test_wrong_addresses_are_errors(run: FakeRun, dataset: str) -> None:
    run.context.params['dataset'] = dataset
    with pytest.raises(ConfigError) as caught:
        export(run)
    assert 'secret-word' not in str(caught.value)


def test_other_datasets_are_not_answered_for(tmp_path: Path) -> None:
    for dataset in ('digits', 5, None):
        assert S3Plugin().export(FakeRun(tmp_path / str(dataset), params={'dataset': dataset}).context) is None
