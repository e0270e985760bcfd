"""What a workspace takes in, where somebody made it to do harm."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from synapse_hooks.backends import Workspace, default_root
from synapse_hooks.errors import BackendError, ConfigError, DatasetInvalid
from tests.formats.format_kit import add_item, box


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / 'ws')


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for stem in 'ab':
        add_item(tmp_path / 'set', stem, {'bounding_box': [box(1, 1, 5, 5)]})
    return tmp_path / 'set'


@pytest.mark.timeout(10)
@pytest.mark.parametrize('name', ['pipe', '/dev/zero', '/dev/null'])
def test_a_model_that_is_no_file_is_refused(workspace: Workspace, tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(BackendError, match='is a pipe, a socket or a device'):
        workspace.create_model(tmp_path / name, name='m')
    assert workspace.list_models() == []


@pytest.mark.timeout(10)
@pytest.mark.parametrize('target', [None, '/dev/zero'])
def test_a_model_with_a_pipe_or_a_device_in_it_is_refused(
    workspace: Workspace, tmp_path: Path, target: str | None
) -> None:
    (tmp_path / 'model').mkdir()
    if target is None:
        os.mkfifo(tmp_path / 'model' / 'w.pt')
    else:
        (tmp_path / 'model' / 'w.pt').symlink_to(target)
    with pytest.raises(Exception, match='neither a file nor a folder'):
        workspace.create_model(tmp_path / 'model', name='m')
    assert workspace.list_models() == []


def test_a_model_whose_links_lead_out_is_taken_and_reported(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / 'blobs').mkdir()
    (tmp_path / 'blobs' / '1f').write_bytes(b'weights')
    (tmp_path / 'model').mkdir()
    (tmp_path / 'model' / 'w.bin').symlink_to('../blobs/1f')
    (tmp_path / 'model' / 'own').write_bytes(b'own')
    (tmp_path / 'model' / 'again').symlink_to('own')
    with pytest.warns(UserWarning, match=r'1 of its files are outside of .*w\.bin -> .*blobs/1f'):
        model = workspace.create_model(tmp_path / 'model', name='m')
    assert (Path(model['path']) / 'w.bin').read_bytes() == b'weights'


@pytest.mark.parametrize('name', ['json/a.json', 'original_files/a.png', 'notes.txt'])
def test_a_dataset_whose_links_show_other_files_is_refused(
    workspace: Workspace, data: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / 'secret').write_text('{"key": "private"}')
    (data / name).unlink(missing_ok=True)
    (data / name).symlink_to(tmp_path / 'secret')
    with pytest.raises(DatasetInvalid, match='leads out of the dataset'):
        workspace.add_dataset(data, name='d')
    assert workspace.list_datasets() == []


def test_a_dataset_whose_images_are_in_a_shared_store_is_taken_and_reported(
    workspace: Workspace, data: Path, tmp_path: Path
) -> None:
    (data / 'original_files').rename(tmp_path / 'store')
    (data / 'original_files').symlink_to(tmp_path / 'store')
    with pytest.warns(UserWarning, match='doubtful 2 image: it is outside of the dataset'):
        made = workspace.add_dataset(data, name='d')
    assert not (Path(made['path']) / 'original_files' / 'a.png').is_symlink()


@pytest.mark.parametrize('root', ['~no-such-user/ws', '~no-such-user'])
def test_a_home_that_is_not_there_is_a_sentence(root: str) -> None:
    for make in (lambda: Workspace(Path(root)), lambda: default_root({'SYNAPSE_WORKSPACE': root})):
        with pytest.raises(ConfigError, match='begins with a home directory that cannot be determined'):
            make()


def refusal(ask: Callable[[], object]) -> str:
    """Why a call is refused; empty where it is not."""
    try:
        ask()
    except BackendError as error:
        return error.problem
    return ''


@pytest.mark.parametrize(
    'change',
    [
        "body='x'",
        "body=''",
        'body=NULL',
        "body='[]'",
        'body=5',
        "body=x'ff'",
        *(f"body=json_set(body, '$.stamp', {value})" for value in (5, 'null', "'x'")),
        *(f"body=json_set(body, '$.digest', {value})" for value in (5, 'null')),
        "body=json_set(body, '$.splits', 5)",
        "body=json_set(body, '$.count', 'x')",
        "body=json_set(body, '$.status', 5)",
        "body=json_set(body, '$.meta', 5)",
        "time='soon'",
        'time=1e300',
        "name=x'00'",
    ],
)
def test_a_record_that_somebody_edited_is_used_or_named(
    workspace: Workspace, data: Path, tmp_path: Path, change: str
) -> None:
    (tmp_path / 'm.pt').write_bytes(b'x')
    workspace.create_model(tmp_path / 'm.pt', name='m')
    workspace.add_dataset(data, name='d')
    workspace.create_job(action='train')
    with sqlite3.connect(workspace.root / 'workspace.sqlite') as connection:
        if 'json_set' in change:
            connection.execute('UPDATE records SET body=CAST(body AS TEXT)')
        with suppress(sqlite3.IntegrityError):
            connection.execute(f'UPDATE records SET {change}')
    connection.close()
    asked: list[Callable[[], object]] = [
        workspace.list_models,
        workspace.list_datasets,
        workspace.list_jobs,
        lambda: workspace.get_model(1),
        lambda: workspace.get_dataset('d'),
        lambda: workspace.get_job(1),
        lambda: workspace.update_job(1, status='DONE'),
        lambda: workspace.fetch_model(1, tmp_path),
    ]
    refused = [refusal(ask) for ask in asked]
    assert any(refused) or 'body=NULL' in change or 'name' in change
