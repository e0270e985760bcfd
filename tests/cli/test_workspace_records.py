"""`workspace remove`, `rename` and `export`: nothing that a run is using changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from synapse_hooks.backends import Workspace
from synapse_hooks.cli import main
from synapse_hooks.journal import RunDirectory
from tests.runs.runs_kit import make_run

Hooks = Callable[..., Any]


@pytest.fixture
def workspace(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with the dataset `scenes` and the model `base`."""
    monkeypatch.setenv('SYNAPSE_WORKSPACE', str(tmp_path / 'workspace'))
    monkeypatch.chdir(tmp_path)
    made = Workspace(tmp_path / 'workspace')
    made.add_dataset(data, name='scenes')
    (tmp_path / 'w.pt').write_bytes(b'weights')
    made.create_model(tmp_path / 'w.pt', name='base')
    return made


@pytest.fixture
def hooks(workspace: Workspace, capfd: pytest.CaptureFixture[str]) -> Hooks:
    """Run `workspace` with `--json`; returns the object, or the text of the error."""

    def call(*words: str | Path, code: int = 0) -> Any:
        capfd.readouterr()
        assert main(['workspace', *map(str, words), '--json']) == code
        out, err = capfd.readouterr()
        return err if code else json.loads(out.splitlines()[-1])

    return call


def test_a_dataset_and_a_model_are_removed_with_their_files(hooks: Hooks, workspace: Workspace, data: Path) -> None:
    for kind, name in (('dataset', 'scenes'), ('model', '1')):
        record = workspace.get_dataset(name) if kind == 'dataset' else workspace.get_model(name)
        removed = hooks('remove', kind, name)
        assert (removed['id'], removed['removed']) == (record['id'], True)
        assert not Path(record['path']).exists()
    assert (workspace.list_datasets(), workspace.list_models()) == ([], [])
    # Runs name datasets by number: that of a removed one is not used again.
    assert workspace.add_dataset(data, name='scenes')['id'] == 2


def test_what_a_killed_removal_left_is_removed_by_the_next_process(workspace: Workspace) -> None:
    path = Path(workspace.get_dataset('scenes')['path'])
    with workspace._database.transaction() as connection:
        connection.execute(
            "UPDATE records SET name=NULL, key=NULL, owner=?, time=0 WHERE kind='dataset' AND id=1",
            (f'{"0" * 8}-{2**22 + 1}-1',),
        )
    assert workspace.list_datasets() == []
    workspace.init()
    assert not path.exists()


def test_a_record_is_renamed(hooks: Hooks, workspace: Workspace, data: Path) -> None:
    renamed = hooks('rename', 'dataset', 'scenes', 'streets')
    assert (renamed['id'], renamed['name'], renamed['former_name']) == (1, 'streets', 'scenes')
    assert workspace.get_dataset('streets')['id'] == 1
    # The same content under the old name is another dataset, and under the new one it is this one.
    assert workspace.add_dataset(data, name='streets')['id'] == 1
    assert workspace.add_dataset(data, name='scenes')['id'] == 2
    assert hooks('rename', 'model', 'base', 'base')['name'] == 'base'


@pytest.mark.parametrize(
    ('words', 'problem'),
    [
        (['rename', 'dataset', 'scenes', '7'], 'is a number'),
        (['rename', 'dataset', 'scenes', ''], 'is empty'),
        (['rename', 'dataset', 'scenes', 'a\x1b[2J'], 'is not one line'),
        (['rename', 'model', 'base', 'other'], "there is a model 'other' already"),
        (['rename', 'model', 'scenes', 'x'], "there is no model 'scenes'"),
        (['remove', 'dataset', 'nothing'], "there is no dataset 'nothing'"),
        (['export', 'model', '9', 'out'], "there is no model '9'"),
    ],
)
def test_what_cannot_be_done_says_why(words: list[str], problem: str, hooks: Hooks, workspace: Workspace) -> None:
    workspace.create_model(Path('w.pt'), name='other')
    assert problem in hooks(*words, code=1)
    assert [record['name'] for record in workspace.list_models()] == ['base', 'other']
    assert not Path('out').exists()


@pytest.mark.parametrize('place', ['in the workspace', 'elsewhere'])
@pytest.mark.parametrize(
    ('kind', 'name', 'params'),
    [
        ('dataset', 'scenes', {'dataset': 'scenes'}),
        ('dataset', '1', {'dataset': 1}),
        ('model', 'base', {'checkpoint': 1}),
    ],
)
def test_what_an_active_run_uses_stays(
    kind: str, name: str, params: dict[str, Any], place: str, hooks: Hooks, workspace: Workspace, tmp_path: Path
) -> None:
    path = workspace.root / 'runs' / 'going' if place == 'in the workspace' else tmp_path / 'going'
    directory = RunDirectory.open(make_run(path, params=params, status='running'))
    (workspace.root / 'active').mkdir()
    (workspace.root / 'active' / 'going-1.json').write_bytes(msgspec.json.encode({'run_dir': str(path)}))
    with directory.locked():
        for words in (['remove', kind, name], ['rename', kind, name, 'other']):
            assert f'is in use by the run {path}' in hooks(*words, code=1)
    assert hooks('remove', kind, name)['removed']


def test_a_dataset_is_exported_as_a_copy(hooks: Hooks, workspace: Workspace, tmp_path: Path) -> None:
    out = tmp_path / 'new' / 'scenes'
    assert hooks('export', 'dataset', 'scenes', out)['path'] == str(out)
    images = sorted(out.rglob('*.png'))
    assert len(images) == 4
    assert all(image.stat().st_nlink == 1 for image in images)
    assert Workspace(tmp_path / 'second').add_dataset(out, name='x')['digest'] == workspace.get_dataset(1)['digest']
    assert 'already exists and is not empty' in hooks('export', 'dataset', 'scenes', out, code=1)


def test_a_model_is_exported_as_a_copy(hooks: Hooks, tmp_path: Path) -> None:
    hooks('export', 'model', 'base', 'out')
    assert [(file.name, file.read_bytes()) for file in (tmp_path / 'out').iterdir()] == [('best.pt', b'weights')]
