"""Datasets from a server of Label Studio."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from studio import LEGACY, PERSONAL, Studio
from synapse_hooks_labelstudio import LabelStudioFormat, server
from synapse_hooks_labelstudio.plugin import LabelStudioExport
from synapse_hooks_labelstudio.settings import Settings

from synapse_hooks.errors import AccessDenied, BackendError, BackendUnavailable, ConfigError
from synapse_hooks.testing import FakeRun, HookConformance, open_dataset, png

UPLOADED, LOCAL, CLOUD, ELSEWHERE = '/data/upload/1/1a2b3c4d-a.png', 'set/my photo.png', '/bucket/c.png', '/d.png'
PNG = png(200, 100)


class TestExport(HookConformance):
    plugin: ClassVar[object] = LabelStudioExport


def task(id: int, image: str) -> dict[str, Any]:
    value = {'x': 10, 'y': 10, 'width': 10, 'height': 10, 'rotation': 0, 'rectanglelabels': ['cat']}
    box = {'id': 'r', 'type': 'rectanglelabels', 'value': value, 'original_width': 200, 'original_height': 100}
    return {'id': id, 'data': {'image': image, 'city': 'Bonn'}, 'annotations': [{'id': 1, 'result': [box]}]}


@pytest.fixture
def studio(monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setattr(server, '_FIRST_DELAY', 0.0)
    monkeypatch.setenv('LABEL_STUDIO_API_KEY', PERSONAL)
    monkeypatch.delenv('LABEL_STUDIO_URL', raising=False)
    for name in ('HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'):
        monkeypatch.delenv(name, raising=False)
    made = Studio([], {UPLOADED: PNG, LOCAL: PNG, CLOUD: PNG, ELSEWHERE: PNG})
    images = [UPLOADED, '/data/local-files/?d=set/my%20photo.png', 's3://bucket/c.png', f'{made.bucket}{ELSEWHERE}']
    made.tasks = json.dumps([task(number, image) for number, image in enumerate(images, 1)]).encode()
    yield made
    made.close()


def run_of(folder: Path, studio: Studio, dataset: str = 'labelstudio:1', **settings: Any) -> FakeRun:
    return FakeRun(folder, params={'dataset': dataset}, settings={'labelstudio': {'url': studio.url, **settings}})


def export(run: FakeRun) -> Path:
    answer = LabelStudioExport().export(run.context)
    assert answer is not None
    assert answer['format'] == 'labelstudio'
    return Path(answer['path'])


@pytest.mark.parametrize('has_length', [False, True])
def test_a_project_is_a_dataset_with_its_images(studio: Studio, tmp_path: Path, has_length: bool) -> None:
    studio.has_length = has_length
    run = run_of(tmp_path, studio)
    path = export(run)
    samples = [*open_dataset({'path': path, 'format': 'labelstudio'}, LabelStudioFormat())]
    assert [sample.id for sample in samples] == ['1', '2', '3', '4']
    assert all(sample.image and sample.image.read_bytes() == PNG for sample in samples)
    assert [len(sample.annotations) for sample in samples] == [1] * 4
    assert json.loads((path / 'tasks.json').read_text())[0]['data'] == {'image': 'images/1.png', 'city': 'Bonn'}
    assert not (run.run_dir / 'labelstudio').exists()
    assert run.of('progress')[-1]['bytes'] == 4 * len(PNG)


def test_the_token_goes_to_the_server_only(studio: Studio, tmp_path: Path) -> None:
    run = run_of(tmp_path, studio)
    export(run)
    assert studio.leaked == []
    assert studio.requests['/api/token/refresh'] == 1
    assert all(PERSONAL.encode() not in file.read_bytes() for file in tmp_path.rglob('*') if file.is_file())


def test_an_export_that_is_redirected_is_refused(studio: Studio, tmp_path: Path) -> None:
    studio.redirect_export = True
    with pytest.raises(BackendError):
        export(run_of(tmp_path, studio))
    assert studio.leaked == []


def test_a_token_that_ends_meanwhile_is_renewed(studio: Studio, tmp_path: Path) -> None:
    studio.faults.append((UPLOADED, 401, 0))
    export(run_of(tmp_path, studio))
    assert studio.requests['/api/token/refresh'] == 2


def test_a_legacy_token_is_sent_as_it_is(studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('LABEL_STUDIO_API_KEY', LEGACY)
    with pytest.raises(AccessDenied, match='the answer is 401') as caught:
        export(run_of(tmp_path / 'refused', studio))
    assert LEGACY not in str(caught.value)
    assert 'LABEL_STUDIO_API_KEY' in caught.value.hint
    studio.legacy_allowed = True
    export(run_of(tmp_path / 'allowed', studio))
    assert studio.requests['/api/token/refresh'] == 0


@pytest.mark.parametrize('fault', [(200, 40), (503, 0), (429, 0)], ids=['truncated', 'unavailable', 'too many'])
@pytest.mark.parametrize('path', [UPLOADED, '/api/projects/1/export', '/bucket/c.png'])
@pytest.mark.parametrize('has_length', [False, True])
def test_what_fails_once_is_tried_again(
    studio: Studio, tmp_path: Path, path: str, fault: tuple[int, int], has_length: bool
) -> None:
    studio.has_length = has_length
    studio.faults += [(path, *fault)] * 2
    found = export(run_of(tmp_path, studio))
    assert [(found / 'images' / f'{number}.png').read_bytes() for number in (1, 2, 3, 4)] == [PNG] * 4


def test_an_image_that_is_damaged_at_the_server_arrives_as_it_is(studio: Studio, tmp_path: Path) -> None:
    studio.files[UPLOADED] = PNG[:-20]
    assert (export(run_of(tmp_path, studio)) / 'images' / '1.png').read_bytes() == PNG[:-20]
    assert studio.requests[UPLOADED] == 5


def test_another_attempt_goes_on_with_what_is_here(studio: Studio, tmp_path: Path) -> None:
    del studio.files[LOCAL]
    run = run_of(tmp_path, studio, connections=1)
    with pytest.raises(BackendError, match='the answer is 404') as caught:
        export(run)
    assert 'for the image of task 2' in caught.value.__notes__
    kept = run.run_dir / 'labelstudio'
    assert {'1.png'} <= {file.name for file in kept.iterdir()} & {'1.png', '2.png'}
    studio.files[LOCAL] = PNG
    export(run)
    assert studio.requests[UPLOADED] == 1


def test_an_image_of_another_kind_must_arrive_twice(studio: Studio, tmp_path: Path) -> None:
    studio.files['/e.webp'] = b'RIFF' + bytes(100)
    studio.tasks = json.dumps([task(1, '/e.webp')]).encode()
    studio.faults.append(('/e.webp', 200, 50))
    found = export(run_of(tmp_path, studio))
    assert (found / 'images' / '1.webp').read_bytes() == studio.files['/e.webp']
    assert studio.requests['/e.webp'] == 3


def test_a_server_that_stays_away_is_an_error_that_can_be_resumed(studio: Studio, tmp_path: Path) -> None:
    studio.faults += [(UPLOADED, 503, 0)] * 10
    run = run_of(tmp_path, studio)
    with pytest.raises(BackendUnavailable, match='the answer is 503'):
        export(run)
    assert not (run.context.output_dir / 'tasks.json').exists()
    studio.close()
    with pytest.raises(BackendUnavailable):
        export(run_of(tmp_path / 'again', studio))


def test_a_task_whose_image_cannot_be_downloaded_is_left_out_with_a_warning(studio: Studio, tmp_path: Path) -> None:
    tasks = [task(1, UPLOADED), {**task(2, ''), 'data': {'text': 'a text'}}]
    studio.tasks = json.dumps(tasks).encode()
    run = run_of(tmp_path, studio)
    path = export(run)
    assert len(json.loads((path / 'tasks.json').read_text())) == 1
    (warning,) = run.of('message', level='warning')
    assert warning['text'].startswith('task 2 is left out: `data` has no image')


@pytest.mark.parametrize('image', ['file:///etc/passwd.png', '//host/a.png', 'ftp://host/a.png'])
def test_addresses_of_other_kinds_are_not_followed(studio: Studio, tmp_path: Path, image: str) -> None:
    studio.tasks = json.dumps([task(1, image)]).encode()
    with pytest.raises(BackendError, match='is not downloaded'):
        export(run_of(tmp_path, studio))


def test_a_project_without_tasks_and_one_that_is_not_there(studio: Studio, tmp_path: Path) -> None:
    studio.tasks = b'[]'
    with pytest.raises(BackendError, match='has no annotated tasks'):
        export(run_of(tmp_path / 'a', studio))
    with pytest.raises(BackendError, match='api/projects/2/export: the answer is 404'):
        export(run_of(tmp_path / 'b', studio, 'labelstudio:2'))


def test_other_datasets_are_not_answered_for(studio: Studio, tmp_path: Path) -> None:
    for dataset in ('digits', 5, None):
        run = FakeRun(tmp_path / str(dataset), params={'dataset': dataset})
        assert LabelStudioExport().export(run.context) is None
    assert not studio.requests


@pytest.mark.parametrize(
    ('settings', 'environ', 'message'),
    [
        ({}, {'LABEL_STUDIO_API_KEY': 'a'}, 'there is no server'),
        ({'url': 'https://host'}, {}, 'there is no token'),
        ({'url': 'https://me:secret-word@host'}, {'LABEL_STUDIO_API_KEY': 'a'}, 'must not contain a login'),
        ({'url': 'host'}, {'LABEL_STUDIO_API_KEY': 'a'}, 'must be http'),
        ({'uri': 'https://host'}, {'LABEL_STUDIO_API_KEY': 'a'}, "unknown setting 'uri'"),
        ({'url': 'https://host', 'connections': 0}, {'LABEL_STUDIO_API_KEY': 'a'}, 'a number from 1 to 64'),
        ({'url': 'https://host', 'unannotated': 1}, {'LABEL_STUDIO_API_KEY': 'a'}, 'true or false'),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Settings.of({'labelstudio': settings}, environ)
    assert 'secret-word' not in str(caught.value)


@pytest.mark.parametrize('name', ['labelstudio:', 'labelstudio:street', 'labelstudio:1/2'])
def test_a_wrong_name_of_a_project_is_an_error(studio: Studio, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match='must be labelstudio:ID'):
        export(run_of(tmp_path, studio, name))
