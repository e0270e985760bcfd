"""The workspace as a backend: what goes in comes out, and what cannot be had is named."""

import inspect
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from synapse_hooks.backends import Workspace
from synapse_hooks.context import BackendClient
from synapse_hooks.errors import ArchiveRefused, BackendError, DatasetInvalid, RecordNotFound
from synapse_hooks.storage import tree_digest

LOOP: list[Any] = []
LOOP.append(LOOP)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob('*') if path.is_file())


def test_it_is_a_backend_client(workspace: Workspace) -> None:
    client: BackendClient = workspace
    for name, method in inspect.getmembers(BackendClient, inspect.isfunction):
        if name.startswith('_'):
            continue
        promised, given = inspect.signature(method).parameters, inspect.signature(getattr(client, name)).parameters
        assert set(promised) - {'self'} <= set(given), name


def test_reading_makes_nothing(tmp_path: Path, workspace: Workspace) -> None:
    assert (workspace.list_datasets(), workspace.list_models(), workspace.list_jobs()) == ([], [], [])
    with pytest.raises(RecordNotFound):
        workspace.get_model(1)
    assert list(tmp_path.iterdir()) == []


class TestDatasets:
    def test_record(self, workspace: Workspace, dm: Path) -> None:
        record = workspace.add_dataset(dm, name='letters', classes=['b', 'a'], source='a friend')
        assert record['id'] == 1
        assert (record['name'], record['format'], record['count']) == ('letters', 'dm', 3)
        assert record['splits'] == {'train': 2, 'valid': 1}
        assert record['classes'] == ['b', 'a']
        assert record['source'] == 'a friend'
        assert record['digest'] == tree_digest(Path(record['path']))
        assert workspace.get_dataset(1) == workspace.get_dataset('1') == workspace.get_dataset('letters') == record
        assert workspace.list_datasets() == [record]

    def test_images_are_linked_and_documents_are_not(self, workspace: Workspace, dm: Path) -> None:
        path = Path(workspace.add_dataset(dm, name='letters')['path'])
        assert (path / 'train/original_files/a.jpg').samefile(dm / 'train/original_files/a.jpg')
        assert not (path / 'train/json/a.json').samefile(dm / 'train/json/a.json')

    def test_only_what_belongs_to_it_is_taken(self, workspace: Workspace, dm: Path) -> None:
        (dm / '.git').mkdir()
        (dm / '.git' / 'config').write_text('x')
        (dm / 'notes').mkdir()
        (dm / 'notes' / 'x').write_text('x')
        (dm / 'dataset.json').write_text('{}')
        path = Path(workspace.add_dataset(dm, name='letters')['path'])
        assert sorted(entry.name for entry in path.iterdir()) == ['dataset.json', 'train', 'valid']

    def test_adding_the_same_again_is_no_second_dataset(self, workspace: Workspace, dm: Path) -> None:
        first = workspace.add_dataset(dm, name='letters')
        assert workspace.add_dataset(dm, name='letters') == first
        (dm / 'train/json/a.json').write_text('{}')
        with pytest.raises(BackendError, match=r"there is a dataset 'letters' already: id 1") as caught:
            workspace.add_dataset(dm, name='letters')
        assert 'another name' in caught.value.hint
        assert workspace.add_dataset(dm, name='letters-2')['id'] == 2

    def test_digest_is_of_the_content(self, workspace: Workspace, dm: Path, tmp_path: Path) -> None:
        shutil.copytree(dm, tmp_path / 'twin')
        os.utime(tmp_path / 'twin/train/json/a.json', (0, 0))
        one, other = workspace.add_dataset(dm, name='a'), workspace.add_dataset(tmp_path / 'twin', name='b')
        assert one['digest'] == other['digest']

    def test_without_splits(self, workspace: Workspace, dm: Path, tmp_path: Path) -> None:
        record = workspace.add_dataset(dm / 'train', name='flat')
        assert (record['count'], record['splits']) == (2, {})
        out = tmp_path / 'out'
        out.mkdir()
        made = workspace.export_dataset('flat', out, splits={'train': 0.8, 'valid': 0.2})
        assert made['splits'] == {}
        assert files(out) == files(dm / 'train')
        with pytest.raises(BackendError, match='it is not split') as caught:
            workspace.export_dataset('flat', tmp_path, splits={'train': None})
        assert '0.8' in caught.value.hint

    @pytest.mark.parametrize('name', ['', ' a', '7', 'a\nb', 'x' * 300])
    def test_names_that_cannot_be(self, workspace: Workspace, dm: Path, name: str) -> None:
        with pytest.raises(BackendError, match='cannot be the name of a dataset'):
            workspace.add_dataset(dm, name=name)
        assert not workspace.root.exists()

    @pytest.mark.parametrize('case', ['absent', 'file', 'empty', 'no documents', 'both layouts', 'twice'])
    def test_folders_in_another_layout(self, workspace: Workspace, dm: Path, tmp_path: Path, case: str) -> None:
        folder = tmp_path / 'x'
        if case == 'file':
            folder.write_text('x')
        elif case != 'absent':
            folder.mkdir()
        if case == 'no documents':
            (folder / 'json').mkdir()
        if case in ('both layouts', 'twice'):
            shutil.copytree(dm / 'train', folder / 'val')
            shutil.copytree(dm / 'train', folder if case == 'both layouts' else folder / 'valid', dirs_exist_ok=True)
        with pytest.raises(DatasetInvalid, match='DM layout was expected') as caught:
            workspace.add_dataset(folder, name='x')
        assert str(folder) in caught.value.problem


class TestExport:
    @pytest.fixture
    def out(self, tmp_path: Path) -> Path:
        (tmp_path / 'out').mkdir()
        return tmp_path / 'out'

    @pytest.mark.parametrize('splits', [None, {}, {'train': 0.5, 'valid': 0.25, 'test': 0.25}])
    def test_everything(self, workspace: Workspace, dm: Path, out: Path, splits: Any) -> None:
        record = workspace.add_dataset(dm, name='letters', classes=['a'])
        made = workspace.export_dataset(1, out, splits=splits)
        assert made == {
            'path': out,
            'format': 'dm',
            'config_path': None,
            'splits': {'train': 2, 'valid': 1},
            'classes': ['a'],
            'digest': record['digest'],
        }
        assert tree_digest(out) == record['digest']

    @pytest.mark.parametrize('splits', [{'validation': None}, {'valid': {}}, {'val': True, 'train': 0.7}])
    def test_some_splits(self, workspace: Workspace, dm: Path, out: Path, splits: Any) -> None:
        record = workspace.add_dataset(dm, name='letters')
        made = workspace.export_dataset(1, out, splits=splits)
        assert made['splits'] == {'valid': 1}
        assert files(out) == ['valid/json/c.json', 'valid/original_files/c.jpg']
        assert made['digest'] == tree_digest(out) != record['digest']
        assert 'classes' not in made

    def test_split_that_is_not_there(self, workspace: Workspace, dm: Path, out: Path) -> None:
        workspace.add_dataset(dm, name='letters')
        with pytest.raises(BackendError, match=r"no split 'trian': it has train, valid") as caught:
            workspace.export_dataset(1, out, splits={'trian': None})
        assert "did you mean 'train'" in caught.value.hint

    def test_filters_are_refused_not_ignored(self, workspace: Workspace, dm: Path, out: Path) -> None:
        workspace.add_dataset(dm, name='letters')
        with pytest.raises(BackendError, match='has no filters'):
            workspace.export_dataset(1, out, splits={'train': {'reviewed': True}})

    def test_editing_an_export_changes_nothing_else(self, workspace: Workspace, dm: Path, out: Path) -> None:
        workspace.add_dataset(dm, name='letters')
        workspace.export_dataset(1, out)
        with (out / 'train/json/a.json').open('a') as file:
            file.write('edited')
        (out / 'train/original_files/a.jpg').unlink()
        again = out.parent / 'again'
        again.mkdir()
        workspace.export_dataset(1, again)
        assert files(again) == files(Path(workspace.get_dataset(1)['path']))
        assert 'edited' not in (again / 'train/json/a.json').read_text()

    @pytest.mark.parametrize('splits', [None, {'train': None}])
    @pytest.mark.parametrize('mode', ['r+', 'w', 'a'])
    def test_no_write_into_a_document_reaches_the_workspace(
        self, workspace: Workspace, dm: Path, out: Path, splits: Any, mode: str
    ) -> None:
        (dm / 'dataset.json').write_text('{"classes": ["a"]}')
        (dm / 'train/original_files/scan.JSON').write_text('{}')
        stored = Path(workspace.add_dataset(dm, name='letters')['path'])
        whole = tree_digest(stored)
        workspace.export_dataset(1, out, splits=splits)
        documents = [name for name in files(out) if name.lower().endswith('.json')]
        assert {'dataset.json', 'train/original_files/scan.JSON', 'train/json/a.json'} < set(documents)
        for name in documents:
            assert (out / name).stat().st_nlink == 1, name
            with (out / name).open(mode) as file:
                file.write('edited')
            # A program that puts the time back must not escape either.
            os.utime(out / name, ns=((stored / name).stat().st_atime_ns, (stored / name).stat().st_mtime_ns))
        assert tree_digest(stored) == whole
        again = out.parent / 'again'
        again.mkdir()
        workspace.export_dataset(1, again)
        assert tree_digest(again) == whole

    def test_a_write_into_an_image_is_noticed_by_the_next_export(
        self, workspace: Workspace, dm: Path, out: Path
    ) -> None:
        workspace.add_dataset(dm, name='letters')
        workspace.export_dataset(1, out)
        (out / 'train/original_files/b.jpg').write_text('B')
        again = out.parent / 'again'
        again.mkdir()
        with pytest.raises(BackendError, match=r"written last is 'train/original_files/b\.jpg'") as caught:
            workspace.export_dataset(1, again)
        assert 'replaced, not edited' in caught.value.hint
        assert files(again) == []

    def test_an_image_that_is_replaced_stays_ones_own(self, workspace: Workspace, dm: Path, out: Path) -> None:
        stored = Path(workspace.add_dataset(dm, name='letters')['path'])
        whole = tree_digest(stored)
        workspace.export_dataset(1, out)
        image = out / 'train/original_files/b.jpg'
        image.with_suffix('.new').write_text('B')
        image.with_suffix('.new').replace(image)
        assert tree_digest(stored) == whole

    def test_files_changed_behind_its_back_are_noticed(self, workspace: Workspace, dm: Path, out: Path) -> None:
        workspace.add_dataset(dm, name='letters')
        with (dm / 'train/original_files/a.jpg').open('a') as file:
            file.write('painted over')
        with pytest.raises(BackendError, match=r'dataset 1 \(letters\) were changed'):
            workspace.export_dataset(1, out)
        assert files(out) == []

    def test_a_workspace_may_be_moved_and_copied(self, workspace: Workspace, dm: Path, out: Path) -> None:
        digest = workspace.add_dataset(dm, name='letters')['digest']
        shutil.copytree(workspace.root, out.parent / 'moved', copy_function=shutil.copyfile)
        shutil.rmtree(workspace.root)
        moved = Workspace(out.parent / 'moved')
        assert moved.export_dataset(1, out)['digest'] == digest

    def test_files_that_are_gone(self, workspace: Workspace, dm: Path, out: Path) -> None:
        path = Path(workspace.add_dataset(dm, name='letters')['path'])
        (path / 'train/json/a.json').unlink()
        with pytest.raises(BackendError, match=r'has 5 files, and had 6'):
            workspace.export_dataset(1, out)
        shutil.rmtree(path)
        with pytest.raises(BackendError, match=r'dataset 1 \(letters\) are missing'):
            workspace.export_dataset(1, out)


class TestModels:
    @pytest.fixture
    def out(self, tmp_path: Path) -> Path:
        (tmp_path / 'out').mkdir()
        return tmp_path / 'out'

    def test_weights(self, workspace: Workspace, weights: Path, out: Path) -> None:
        made = workspace.create_model(
            weights, name='digits', category='detector', metrics={'mAP50': 0.9}, params={'data': weights}, dataset=None
        )
        assert made == {'id': 1, 'name': 'digits', 'path': workspace.root / 'models' / '1'}
        record = workspace.get_model('digits')
        assert record['metrics'] == {'mAP50': 0.9}
        assert record['params'] == {'data': str(weights)}
        assert (record['files'], record['bytes'], record['category']) == (1, 7, 'detector')
        assert 'dataset' not in record
        checkpoint = workspace.fetch_model(1, out)
        assert checkpoint == {'path': out, 'category': 'detector', 'id': 1, 'name': 'digits'}
        assert files(out) == ['best.pt']

    def test_what_is_stored_belongs_to_nobody_else(self, workspace: Workspace, weights: Path, out: Path) -> None:
        workspace.create_model(weights)
        weights.write_bytes(b'the training goes on')
        workspace.fetch_model(1, out)
        (out / 'best.pt').write_bytes(b'edited')
        again = out.parent / 'again'
        again.mkdir()
        workspace.fetch_model(1, again)
        assert (again / 'best.pt').read_bytes() == b'weights'

    def test_a_folder_keeps_its_names(self, workspace: Workspace, weights: Path, out: Path) -> None:
        (weights.parent / 'deep').mkdir()
        (weights.parent / 'deep' / 'config.json').write_text('{}')
        workspace.create_model(weights.parent)
        workspace.fetch_model(1, out)
        assert files(out) == ['deep/config.json', 'last.pt']

    @pytest.mark.parametrize(
        ('source', 'option', 'stored'),
        [('x.pth', None, 'best.pt'), ('x.onnx', None, 'x.onnx'), ('x.onnx', 'best.pt', 'best.pt')],
    )
    def test_names_of_a_single_file(
        self, workspace: Workspace, tmp_path: Path, out: Path, source: str, option: str | None, stored: str
    ) -> None:
        (tmp_path / source).write_text('x')
        workspace.create_model(tmp_path / source, file_name=option)
        workspace.fetch_model(1, out)
        assert files(out) == [stored]

    @pytest.mark.parametrize('name', ['../best.pt', '/tmp/best.pt', '..', ''])
    def test_a_file_name_is_no_path(self, workspace: Workspace, weights: Path, name: str) -> None:
        with pytest.raises(BackendError, match='not the name of a file'):
            workspace.create_model(weights, file_name=name)

    def test_an_archive_is_unpacked_when_it_is_fetched(self, workspace: Workspace, tmp_path: Path, out: Path) -> None:
        with zipfile.ZipFile(tmp_path / 'model.zip', 'w') as file:
            file.writestr('best.pt', 'weights')
        workspace.create_model(tmp_path / 'model.zip')
        assert workspace.fetch_model(1, out)['path'] == out
        assert files(out) == ['best.pt']

    def test_a_hostile_archive_is_refused(self, workspace: Workspace, tmp_path: Path, out: Path) -> None:
        with zipfile.ZipFile(tmp_path / 'model.zip', 'w') as file:
            file.writestr('../best.pt', 'weights')
        workspace.create_model(tmp_path / 'model.zip')
        with pytest.raises(ArchiveRefused, match='leads outside'):
            workspace.fetch_model(1, out)
        assert files(out) == []

    def test_weights_that_are_a_zip_inside_stay_as_they_are(
        self, workspace: Workspace, tmp_path: Path, out: Path
    ) -> None:
        with zipfile.ZipFile(tmp_path / 'w.pt', 'w') as file:
            file.writestr('data.pkl', 'weights')
        workspace.create_model(tmp_path / 'w.pt')
        workspace.fetch_model(1, out)
        assert files(out) == ['best.pt']

    def test_default_names_are_unique(self, workspace: Workspace, weights: Path) -> None:
        workspace.create_model(weights, name='model-2')
        assert workspace.create_model(weights)['name'] == 'model-2-2'
        assert workspace.create_model(weights)['name'] == 'model-3'

    def test_a_name_that_is_taken(self, workspace: Workspace, weights: Path) -> None:
        workspace.create_model(weights, name='digits')
        with pytest.raises(BackendError, match=r"there is a model 'digits' already: id 1") as caught:
            workspace.create_model(weights, name='digits')
        assert caught.value.id == 1
        assert [record['name'] for record in workspace.list_models()] == ['digits']
        assert sorted(path.name for path in (workspace.root / 'models').iterdir()) == ['.unfinished', '1']
        assert not any((workspace.root / 'models' / '.unfinished').iterdir())

    def test_trying_again_with_a_key_is_safe(self, workspace: Workspace, weights: Path) -> None:
        first = workspace.create_model(weights, key='run-7:upload', name='digits')
        assert workspace.create_model(weights, key='run-7:upload', name='digits') == first
        weights.write_bytes(b'trained again')
        assert workspace.create_model(weights, key='run-7:upload')['id'] == 2

    def test_many_models_make_it_no_slower(
        self, workspace: Workspace, weights: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(20):
            workspace.create_model(weights, name=f'digits {number}')
        lengths: list[int] = []
        real = os.listdir
        monkeypatch.setattr(os, 'listdir', lambda *args: lengths.append(len(real(*args))) or real(*args))
        workspace.init()
        workspace.create_model(weights)
        assert lengths
        assert max(lengths) < 10

    def test_nothing_to_store(self, workspace: Workspace, tmp_path: Path) -> None:
        with pytest.raises(BackendError, match='there is no model at'):
            workspace.create_model(tmp_path / 'absent.pt')
        (tmp_path / 'empty').mkdir()
        with pytest.raises(BackendError, match='empty folder'):
            workspace.create_model(tmp_path / 'empty')
        assert workspace.list_models() == []

    @pytest.mark.parametrize('fields', [{'digest': 'x'}, {'id': 7}, {'params': LOOP}])
    def test_fields_that_cannot_be_kept(self, workspace: Workspace, weights: Path, fields: dict[str, Any]) -> None:
        with pytest.raises(BackendError, match=f'model: the field {next(iter(fields))!r}'):
            workspace.create_model(weights, **fields)
        assert workspace.list_models() == []


class TestNotFound:
    @pytest.mark.parametrize('wanted', [7, '7', 'digts', '', '../1', -1])
    def test_it_lists_what_there_is(self, workspace: Workspace, weights: Path, wanted: int | str) -> None:
        workspace.create_model(weights, name='digits')
        with pytest.raises(RecordNotFound, match=r'it has 1 \(digits\)') as caught:
            workspace.get_model(wanted)
        error = caught.value
        assert (error.kind, error.id, error.known) == ('model', wanted, [1])
        assert 'synapse-hooks workspace list' in error.hint
        assert ("did you mean 'digits'" in error.hint) is (wanted == 'digts')

    def test_every_way_in_says_so(self, workspace: Workspace, tmp_path: Path) -> None:
        for ask in (
            lambda: workspace.get_dataset(1),
            lambda: workspace.export_dataset('x', tmp_path),
            lambda: workspace.fetch_model(1, tmp_path),
            lambda: workspace.get_job('x'),
            lambda: workspace.update_job(1, status='RUNNING'),
        ):
            with pytest.raises(RecordNotFound, match='at all'):
                ask()


class TestJobs:
    def test_a_job_is_opened_and_changed(self, workspace: Workspace) -> None:
        job = workspace.create_job(action='train')
        assert (job['id'], job['status'], job['action']) == (1, 'PENDING', 'train')
        workspace.update_job(1, status='RUNNING', progress_record={'overall': 0.5})
        workspace.update_job('1', result={'mAP50': float('nan')})
        found = workspace.get_job(1)
        assert found == {**job, 'status': 'RUNNING', 'progress_record': {'overall': 0.5}, 'result': {'mAP50': None}}
        assert workspace.list_jobs() == [found]
