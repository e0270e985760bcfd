"""Plugins that exist on the driver only are packed so that a worker finds their entry points."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest
from synapse_hooks_ray.shipping import local_distributions, pack_distribution, pack_shipment

from synapse_hooks.errors import LaunchError
from synapse_hooks.launches import RunPlan

_PYPROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "acme-local"
version = "1.2"

[project.entry-points.synapse_hooks]
local = "acme_local:plugin"

[tool.hatch.build.targets.wheel]
packages = ["acme_local"]
"""


def install(site: Path, origin: dict[str, object] | None, name: str = 'acme_local', *, recorded: bool = True) -> None:
    """What an installer leaves of a distribution with a plugin."""
    package, info = site / name, site / f'{name}-1.2.dist-info'
    (package / '__pycache__').mkdir(parents=True)
    (package / '__pycache__' / 'x.pyc').touch()
    (package / '__init__.py').write_text('plugin = object()\n')
    info.mkdir()
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n')
    (info / 'entry_points.txt').write_text(f'[synapse_hooks]\nlocal = {name}:plugin\n')
    (info / 'INSTALLER').write_text('pip\n')
    if origin is not None:
        (info / 'direct_url.json').write_text(json.dumps(origin))
    if recorded:
        names = [f'{name}/__init__.py', f'{name}/__pycache__/x.pyc', '../../bin/tool']
        names += [f'{info.name}/{file.name}' for file in info.iterdir()]
        (info / 'RECORD').write_text(''.join(f'{file},,\n' for file in (*names, f'{info.name}/RECORD')))


def installed(site: Path, name: str = 'acme_local') -> Distribution:
    return PathDistribution(site / f'{name}-1.2.dist-info')


def seen_by_a_worker(folder: Path) -> list[str]:
    code = (
        'from importlib.metadata import distributions\n'
        'for d in distributions():\n'
        '  for e in d.entry_points:\n'
        '    if e.group == "synapse_hooks": e.load(); print(d.name, d.version, e.name)'
    )
    done = subprocess.run(
        [sys.executable, '-S', '-c', code], env={'PYTHONPATH': str(folder)}, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_local_plugins_are_found_and_those_of_an_index_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, {'url': 'file:///home/me/acme-1.2-py3-none-any.whl', 'archive_info': {}})
    install(tmp_path, None, 'from_index')
    install(tmp_path, {'url': 'https://example.com/a.git', 'vcs_info': {}}, 'from_git')
    monkeypatch.syspath_prepend(tmp_path)
    names = [found.name for found in local_distributions()]
    assert 'acme_local' in names
    assert not {'from_index', 'from_git', 'synapse-hooks', 'synapse-hooks-ray'} & set(names)


def test_a_regular_installation_is_packed_from_its_record(tmp_path: Path) -> None:
    install(tmp_path / 'site', {'url': 'file:///home/me/acme', 'dir_info': {}})
    top = pack_distribution(installed(tmp_path / 'site'), tmp_path / 'out')
    assert [path.name for path in top] == ['acme_local', 'acme_local-1.2.dist-info']
    files = sorted(path.name for path in (tmp_path / 'out').rglob('*') if path.is_file())
    assert files == ['METADATA', '__init__.py', 'entry_points.txt']
    assert seen_by_a_worker(tmp_path / 'out') == ['acme_local', '1.2', 'local']


def test_an_installation_without_a_record_is_an_error(tmp_path: Path) -> None:
    install(tmp_path / 'site', {'url': 'file:///home/me/acme', 'dir_info': {}}, recorded=False)
    with pytest.raises(LaunchError, match=r'acme_local 1\.2 cannot be sent'):
        pack_distribution(installed(tmp_path / 'site'), tmp_path / 'out')


def test_an_editable_installation_is_built_from_its_source(tmp_path: Path) -> None:
    source = tmp_path / 'a source'
    (source / 'acme_local').mkdir(parents=True)
    (source / 'pyproject.toml').write_text(_PYPROJECT)
    (source / 'acme_local' / '__init__.py').write_text('plugin = "as it is now"\n')
    install(tmp_path / 'site', {'url': source.as_uri(), 'dir_info': {'editable': True}})
    pack_distribution(installed(tmp_path / 'site'), tmp_path / 'out')
    assert 'as it is now' in (tmp_path / 'out' / 'acme_local' / '__init__.py').read_text()
    assert seen_by_a_worker(tmp_path / 'out') == ['acme-local', '1.2', 'local']


def test_an_editable_installation_that_cannot_be_built_is_an_error(tmp_path: Path) -> None:
    (tmp_path / 'source').mkdir()
    (tmp_path / 'source' / 'pyproject.toml').write_text('[build-system]\nrequires = []\nbuild-backend = "no.such"\n')
    install(tmp_path / 'site', {'url': (tmp_path / 'source').as_uri(), 'dir_info': {'editable': True}})
    with pytest.raises(LaunchError, match=r'acme_local 1\.2 is installed in editable form') as caught:
        pack_distribution(installed(tmp_path / 'site'), tmp_path / 'out')
    assert 'pip wheel' in caught.value.hint


def test_the_runtime_env_of_a_shipment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / 'site', {'url': 'file:///home/me/acme', 'dir_info': {}})
    monkeypatch.syspath_prepend(tmp_path / 'site')
    (tmp_path / 'project').mkdir()
    (tmp_path / 'project' / 'train.py').touch()
    (tmp_path / 'out').mkdir()
    plan = RunPlan(target=f'{tmp_path}/project/train.py:Train', run_dir='/runs/a', cwd=str(tmp_path))
    shipment = pack_shipment(plan, tmp_path / 'out')
    env = shipment.runtime_env()
    assert {Path(path).name for path in env['py_modules']} >= {'acme_local', 'acme_local-1.2.dist-info'}
    assert Path(env['working_dir']).suffix == '.zip'
    assert shipment.root == str(tmp_path / 'project')
    assert 'acme_local 1.2' in shipment.plugins
