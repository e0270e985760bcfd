"""What the tests of the command line share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.formats.format_kit import add_item, box
from tests.support.environments import Environment, Environments

ACTIONS = Path(__file__).parent / 'actions.py'


@pytest.fixture(scope='session')
def environments(tmp_path_factory: pytest.TempPathFactory) -> Environments:
    """Made once, for all processes of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if 'PYTEST_XDIST_WORKER' in os.environ else base) / 'environments'
    root.mkdir(exist_ok=True)
    return Environments(root)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project: a folder with a pyproject.toml and actions.py."""
    folder = tmp_path / 'project'
    folder.mkdir()
    (folder / 'pyproject.toml').write_text('[project]\nname = "mine"\n', encoding='utf-8')
    (folder / 'actions.py').write_bytes(ACTIONS.read_bytes())
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A DM dataset: two images with a box in each of train and valid."""
    for split in ('train', 'valid'):
        for number in range(2):
            add_item(tmp_path / 'data' / split, f'{split}{number}', {'bounding_box': [box(10, 10, 20, 20)]})
    return tmp_path / 'data'


@pytest.fixture
def bare(environments: Environments, project: Path) -> Environment:
    """An environment in which nobody installed a plugin, used from the project's folder."""
    return environments.of().at(project)


@pytest.fixture
def good(environments: Environments, project: Path) -> Environment:
    """The same with plugins that do what they should, more or less."""
    return environments.of('acme-csv', 'acme-fit', 'acme-moody', 'acme-names', 'acme-slow', 'acme-timing').at(project)


@pytest.fixture
def bad(environments: Environments, project: Path) -> Environment:
    """The same with everything that can be wrong, and one format that is sound."""
    wrong = ('acme-broken', 'acme-future', 'acme-names', 'acme-typo', 'fast-yolo', 'other-names')
    return environments.of('acme-csv', *wrong).at(project)


@pytest.fixture
def dataset(bare: Environment, data: Path) -> str:
    """The dataset in the workspace: its id."""
    return str(bare.hooks('workspace', 'import', data, '--name', 'scenes', '--from', 'dm', '--json').json['id'])
