"""What of a project is sent to the cluster, and where a plan's paths are there."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest
from synapse_hooks_ray import project as module
from synapse_hooks_ray.project import pack, placed, project_of

from synapse_hooks.errors import ConfigError
from synapse_hooks.launches import RunPlan


def make(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'# {name}\n', encoding='utf-8')
    return folder


def names_in(archive: Path) -> set[str]:
    with zipfile.ZipFile(archive) as file:
        return set(file.namelist())


def test_code_is_packed_and_what_is_not_code_is_left_out(tmp_path: Path) -> None:
    root = make(tmp_path / 'p', 'train.py', 'lib/a.py', 'conf/model.yaml', 'pyproject.toml', 'secrets.py')
    make(root, '.git/config', '.venv/pyvenv.cfg', 'env/pyvenv.cfg', 'lib/__pycache__/a.pyc', 'cache/CACHEDIR.TAG')
    make(
        root,
        '.env',
        'prod.env',
        'server.pem',
        'id_rsa',
        'credentials.json',
        'aws-credentials',
        'service-account-1.json',
    )
    make(root, 'runs/first/run.json', 'runs/second/run.json', 'one/run.json', 'datasets/a.jpg')
    (root / 'weights.pt').write_bytes(bytes(module.LARGEST_FILE + 1))
    packed = pack(root, tmp_path / 'p.zip', exclude=['datasets'])
    assert names_in(packed.archive) == {'train.py', 'lib/a.py', 'conf/model.yaml', 'pyproject.toml', 'secrets.py'}
    left_out = {name for names in packed.left_out.values() for name in names}
    assert left_out == {
        *('.env', 'prod.env', 'server.pem', 'id_rsa', 'credentials.json', 'aws-credentials', 'service-account-1.json'),
        *('runs/', 'one/', 'datasets/', 'weights.pt'),
    }
    assert 'weights.pt (above 20 MB)' in packed.sentence()


def test_a_file_that_holds_a_secret_of_the_environment_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('SYNAPSE_ACCESS_TOKEN', 'canary-12345')
    root = make(tmp_path / 'p', 'train.py')
    (root / 'settings.toml').write_text('token = "canary-12345"')
    packed = pack(root, tmp_path / 'p.zip')
    assert names_in(packed.archive) == {'train.py'}
    assert b'canary' not in packed.archive.read_bytes()
    assert packed.sentence() == 'not sent to the cluster: settings.toml (holds a secret of the environment)'


def test_the_archive_changes_with_the_content_alone(tmp_path: Path) -> None:
    root = make(tmp_path / 'p', 'train.py', 'lib/a.py')
    first = pack(root, tmp_path / '1.zip').archive.read_bytes()
    os.utime(root / 'train.py', (1e9, 1e9))
    (root / 'train.py').chmod(0o600)
    assert pack(root, tmp_path / '2.zip').archive.read_bytes() == first
    (root / 'lib/a.py').write_text('other\n')
    assert pack(root, tmp_path / '3.zip').archive.read_bytes() != first


def test_a_project_that_is_too_large_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, 'LARGEST', 10)
    root = make(tmp_path / 'p', 'train.py', 'more.py')
    with pytest.raises(ConfigError, match='too large') as caught:
        pack(root, tmp_path / 'p.zip')
    assert 'exclude' in caught.value.hint


def test_the_folder_that_is_sent(tmp_path: Path) -> None:
    project = make(tmp_path / 'a', 'pyproject.toml', 'sub/train.py', 'pkg/__init__.py')
    lonely = make(tmp_path / 'b', 'train.py', 'config.yaml')

    def sent(target: str, cwd: Path) -> Path | None:
        return project_of(RunPlan(target=target, run_dir='/runs/a', cwd=str(cwd)))

    assert sent(f'{project}/sub/train.py:Train', lonely) == project
    assert sent(f'{lonely}/train.py:Train', project) == lonely
    assert sent(str(lonely), project) == lonely
    assert sent('pkg.train:Train', project) == project
    # An installed module: only the project with the settings, if there is one.
    assert sent('installed.module:Train', project / 'sub') == project
    assert sent('installed.module:Train', lonely) is None


def test_paths_of_the_project_are_moved_and_others_are_not(tmp_path: Path) -> None:
    (tmp_path / 'sub').mkdir()
    plan = RunPlan(target='/p/sub/train.py:Train', run_dir='/p/runs/a', cwd='/p/sub', project='/p')
    moved = placed(plan, '/p', tmp_path)
    assert (moved.target, moved.cwd, moved.project) == (
        f'{tmp_path}/sub/train.py:Train',
        f'{tmp_path}/sub',
        f'{tmp_path}',
    )
    assert moved.run_dir == '/p/runs/a'
    folder = placed(RunPlan(target='/p/sub', run_dir='/r', cwd='/elsewhere/gone'), '/p', tmp_path)
    assert (folder.target, folder.cwd) == (f'{tmp_path}/sub', str(tmp_path))
    assert placed(RunPlan(target='pkg.a:Train', run_dir='/r'), '/p', tmp_path).target == 'pkg.a:Train'
    assert placed(plan, None, None) is plan
