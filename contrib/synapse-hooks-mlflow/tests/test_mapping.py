"""Names, limits and settings. What MLflow does with them is tested against MLflow itself, in the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from synapse_hooks_mlflow.files import is_step_image, place_of_artifact, renamed
from synapse_hooks_mlflow.names import (
    BYTES_PER_BATCH,
    LONGEST_KEY,
    LONGEST_PARAM,
    batches,
    key_of,
    metric_keys,
    params_of,
)
from synapse_hooks_mlflow.settings import Settings

from synapse_hooks.errors import ConfigError
from synapse_hooks.testing import check_plugin


def point(**fields: Any) -> dict[str, Any]:
    return {'phase': 'train', 'axis': 'epoch', 'step': 1, 'rank': 0, 'values': {'loss': 1.0}, **fields}


@pytest.mark.parametrize(
    ('event', 'key'),
    [
        (point(), 'train/loss'),
        (point(phase='custom'), 'loss'),
        (point(training='train'), 'train/loss'),
        (point(training='fold 2'), 'fold 2/train/loss'),
        (point(axis='batch'), 'batch/train/loss'),
        (point(rank=1, training='fold2'), 'rank1/fold2/train/loss'),
        (point(phase='val', values={'mAP50(B)': 1.0}), 'val/mAP50_B'),
        (point(phase='val', values={'Verlust-größe': 1.0}), 'val/Verlust-größe'),
    ],
)
def test_a_metric_has_the_key_that_a_reader_expects(event: dict[str, Any], key: str) -> None:
    assert list(metric_keys(event)) == [key]


@pytest.mark.parametrize('name', ['', '.', '..', '/etc', 'a//b', 'a/../b', 'a:b', 'a%', 'a\nb', 'a\x1b[31m', 'x' * 251])
def test_what_mlflow_refuses_gets_a_key_of_its_own(name: str) -> None:
    key = key_of(name)
    assert key != name
    assert 0 < len(key) <= LONGEST_KEY
    assert not set(key) & set(':%\n\x1b')
    assert '..' not in key.split('/')
    assert not key.startswith('/')
    assert key_of(f'{name}?') != key
    assert key_of(key) == key, 'what is accepted stays as it is'


def test_names_that_differ_in_what_is_replaced_stay_apart() -> None:
    assert len({key_of(name) for name in ('a:b', 'a?b', 'a b', 'a_b', 'a\tb')}) == 5


def test_params_are_flat_and_bounded() -> None:
    values = {'a': {'b': {'c': 1}}, 'list': [1, 'x'], 'none': None, 'yes': True, 'long': 'x' * 7000}
    params = params_of(values, 'fold2/')
    assert params == {
        'fold2/a.b.c': '1',
        'fold2/list': '[1, "x"]',
        'fold2/yes': 'true',
        'fold2/long': 'x' * (LONGEST_PARAM - 3) + '...',
    }


def test_batches_keep_both_limits_and_the_order() -> None:
    sizes = [BYTES_PER_BATCH // 3] * 7 + [10] * 250
    found = list(batches(((place, size) for place, size in enumerate(sizes)), count=100))
    assert [place for batch in found for place in batch] == list(range(257))
    assert max(map(len, found)) == 100
    assert all(sum(sizes[place] for place in batch) <= BYTES_PER_BATCH for batch in found)
    assert list(batches([('large', 10 * BYTES_PER_BATCH)], count=100)) == [['large']]


def test_artifacts_keep_their_place_in_the_run() -> None:
    def place(path: str) -> str:
        return place_of_artifact(Path('/runs/1'), {'kind': 'file', 'path': path})

    assert place('/runs/1/stages/execute/a/b.png') == place('/runs/1/.staging/execute/a/b.png') == 'execute/a/b.png'
    assert place('/runs/1/images/x/1.png') == 'images/x/1.png'
    assert place('/elsewhere/a.csv') == 'file/a.csv'
    assert place('/elsewhere/a#%:.csv') == 'file/a___.csv'
    assert place('/elsewhere/..a') == 'file/a'


def test_only_images_of_a_step_are_for_charts() -> None:
    assert is_step_image({'kind': 'image', 'step': 0})
    assert not is_step_image({'kind': 'image'})
    assert not is_step_image({'kind': 'table', 'step': 1})


def test_a_file_gets_another_name_for_a_while(tmp_path: Path) -> None:
    (tmp_path / 'a#b').write_text('content')
    with renamed(tmp_path / 'a#b', 'a_b') as link:
        assert link.name == 'a_b'
        assert link.read_text() == 'content'
    assert not link.exists()
    assert (tmp_path / 'a#b').exists()


def test_settings_go_before_the_environment() -> None:
    environ = {'MLFLOW_TRACKING_URI': 'http://there', 'MLFLOW_EXPERIMENT_NAME': 'theirs'}
    assert Settings.of({}, {}).tracking_uri == ''
    assert Settings.of({}, environ) == Settings('http://there', 'theirs')
    settings = Settings.of({'mlflow': {'tracking_uri': 'http://here', 'artifacts': ['image']}}, environ)
    assert settings == Settings('http://here', 'theirs', frozenset({'image'}))


@pytest.mark.parametrize(
    ('table', 'problem'),
    [
        ({'experimnt': 'x'}, "unknown setting 'experimnt'\n  → did you mean 'experiment'?"),
        ({'experiment': 3}, 'experiment must be text, got 3'),
        ({'artifacts': ['video']}, 'artifacts must be true, false or a list of image, weights, table, file'),
        ({'tags': 'x'}, "tags must be a table, got 'x'"),
        ({'tracking_uri': 'http://me:secret@host'}, 'must not contain a user name or a password'),
    ],
)
def test_wrong_settings_are_named(table: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Settings.of({'mlflow': table}, {})
    assert problem in str(raised.value)
    assert 'secret' not in str(raised.value)


def test_it_is_a_valid_plugin() -> None:
    check_plugin('synapse_hooks_mlflow:plugin')
