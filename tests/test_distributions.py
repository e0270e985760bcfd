"""The distributions of the repository: their metadata, and what is in their wheels and sdists."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
CORE = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))
CONTRIB = sorted(file.parent for file in ROOT.glob('contrib/*/pyproject.toml'))
BUILDING = ['build', 'hatchling', 'twine']


def described(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / 'pyproject.toml').read_text(encoding='utf-8'))


@pytest.mark.parametrize('folder', CONTRIB, ids=lambda folder: folder.name)
def test_the_metadata_is_complete_and_the_same_everywhere(folder: Path) -> None:
    file = described(folder)
    project, core = file['project'], CORE['project']
    package = project['name'].replace('-', '_')
    assert project['name'] == folder.name
    assert re.fullmatch(r'\d+\.\d+\.\d+', project['version'])
    assert re.fullmatch(r'(?:[A-Z]|synapse-hooks ).{20,140}\.', project['description']), 'a sentence of one line'
    assert project['readme'] == 'README.md'
    for field in ('requires-python', 'license', 'license-files'):
        assert project[field] == core[field], field
    assert file['build-system'] == CORE['build-system']
    assert {'Programming Language :: Python :: 3', 'Typing :: Typed'} <= set(project['classifiers'])
    own = next(one for one in map(Requirement, project['dependencies']) if one.name == 'synapse-hooks')
    assert [one.operator for one in own.specifier] == ['>='], 'the first version that it works with, and no upper bound'
    # The names of synapse-sdk are imported, not looked for.
    groups = project.get('entry-points', {})
    assert groups or folder.name == 'synapse-hooks-sdk-compat', 'it is found by its entry points'
    for name, target in {name: target for group in groups.values() for name, target in group.items()}.items():
        assert re.match(rf'{package}\b', target), f'{name} is in another package'
    assert file['tool']['hatch']['build']['targets']['wheel']['packages'] == [package]


@pytest.mark.parametrize('folder', CONTRIB, ids=lambda folder: folder.name)
def test_the_files_of_a_distribution_are_there(folder: Path) -> None:
    package = folder / folder.name.replace('-', '_')
    assert (package / '__init__.py').is_file()
    assert (package / 'py.typed').read_text() == ''
    assert 'Apache License, Version 2.0' in ' '.join((folder / 'LICENSE').read_text(encoding='utf-8').split())
    assert list((folder / 'tests').glob('test_*.py')), 'tests of its own'
    readme = (folder / 'README.md').read_text(encoding='utf-8')
    assert readme.startswith(f'# {folder.name}\n')
    assert re.search(rf'^\W*(?:\$ )?pip install "?{folder.name}\b', readme, re.MULTILINE), 'how it is installed'
    assert re.search(r'synapse-hooks (?:train|convert|plugins|sync|inspect)\b|^```python', readme, re.MULTILINE), (
        'an example'
    )


def test_the_versions_of_python_are_those_of_the_documentation() -> None:
    said = (ROOT / 'docs' / 'install.md').read_text(encoding='utf-8')
    tried = {name.rpartition(' ')[2] for name in CORE['project']['classifiers'] if re.search(r':: 3\.\d+$', name)}
    assert tried == {'3.11', '3.12', '3.13'}
    supported = SpecifierSet(CORE['project']['requires-python'])
    assert all(supported.contains(version) and version in said for version in tried)
    assert not supported.contains('3.10')


@pytest.fixture(scope='module')
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in BUILDING:
        pytest.importorskip(module, reason='building needs the extra `dist`, which `make install` installs')
    folder = tmp_path_factory.mktemp('dist')
    done = run(sys.executable, ROOT / 'tools' / 'dist.py', folder)
    assert done.returncode == 0, done.stdout
    return folder


def run(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)), cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300
    )


@pytest.mark.e2e
def test_every_distribution_is_built_and_found_where_it_is_installed(dist: Path, tmp_path: Path) -> None:
    wheels = sorted(dist.glob('*.whl'))
    assert len(wheels) == len(list(dist.glob('*.tar.gz'))) == 1 + len(CONTRIB)
    environment = tmp_path / 'venv'
    made = run(sys.executable, '-m', 'venv', environment)
    assert made.returncode == 0, made.stdout
    pip = (environment / 'bin' / 'python', '-m', 'pip', '--isolated', '--disable-pip-version-check', 'install', '-q')
    # What they need besides is that of this environment: their frameworks are large.
    visible = [path for path in sys.path if Path(path).name in ('site-packages', 'dist-packages')]
    (site,) = environment.glob('lib/python*/site-packages')
    (site / 'outer.pth').write_text('\n'.join(visible) + '\n', encoding='utf-8')
    installed = run(*pip, '--no-index', '--no-deps', '--ignore-installed', *wheels)
    assert installed.returncode == 0, installed.stdout
    command = environment / 'bin' / 'synapse-hooks'
    listed = run(command, 'plugins', cwd=tmp_path)
    assert listed.returncode == 0, listed.stdout
    for folder in (one for one in CONTRIB if 'entry-points' in described(one)['project']):
        assert f'{folder.name} ' in listed.stdout, listed.stdout
    assert str(site) in listed.stdout, 'the checkout is used, not the wheel'
    checked = run(command, 'doctor', cwd=tmp_path)
    assert 'ok    synapse-hooks: ' in checked.stdout, checked.stdout
    assert 'Traceback' not in checked.stdout


@pytest.mark.e2e
def test_a_distribution_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    for module in BUILDING:
        pytest.importorskip(module, reason='building needs the extra `dist`, which `make install` installs')
    root = tmp_path / 'repository'
    for name in ('pyproject.toml', 'README.md', 'LICENSE', 'tools', 'synapse_hooks', 'contrib/synapse-hooks-voc'):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, root / name)
    voc = root / 'contrib' / 'synapse-hooks-voc'
    (voc / 'synapse_hooks_voc' / 'py.typed').unlink()
    (voc / 'synapse_hooks_voc' / 'tests').mkdir()
    (voc / 'synapse_hooks_voc' / 'tests' / 'test_it.py').touch()
    file = voc / 'pyproject.toml'
    file.write_text(
        file.read_text().replace('license-files = ["LICENSE"]', 'license-files = []')
        + '\n[tool.hatch.build.targets.sdist]\nexclude = ["layout.py"]\n'
    )
    done = run(sys.executable, root / 'tools' / 'dist.py', tmp_path / 'dist')
    assert done.returncode == 1, done.stdout
    assert 'ok    synapse_hooks-' in done.stdout
    for fault in (
        'py.typed',
        'tests/test_it.py',
        'licenses/LICENSE',
        'the sdist lacks what synapse_hooks_voc/layout.py',
    ):
        assert fault in done.stdout, done.stdout
