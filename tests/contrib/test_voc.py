"""Pascal VOC as its users get it: pip-installed into a fresh environment, used without any change to either side."""

from __future__ import annotations

from pathlib import Path

import pytest

from synapse_hooks.backends import Workspace
from tests.formats.format_kit import add_item, box, polygon
from tests.support.environments import Environment, Environments

VOC = Path(__file__).parents[2] / 'contrib' / 'synapse-hooks-voc'
ACTION = """
from synapse_hooks import BaseTrainAction, BaseTrainParams

class TrainAction(BaseTrainAction[BaseTrainParams]):
    target_format = 'voc'

    def execute(self, data_path, checkpoint):
        names = sorted(file.name for file in data_path.rglob('*.xml'))
        return {'documents': names}
"""


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """Fresh, with nothing but VOC in it."""
    environments = Environments(tmp_path / 'environments')
    environments.root.mkdir()
    folder = tmp_path / 'project'
    folder.mkdir()
    return environments.fresh(tmp_path / 'environments' / 'voc', VOC).at(folder)


@pytest.fixture
def dm(tmp_path: Path) -> Path:
    root = tmp_path / 'dm'
    add_item(root / 'train', 'a', {'bounding_box': [box(1, 2, 30, 40, 'car')]})
    add_item(root / 'train', 'b', {'polygon': [polygon([[1, 1], [50, 1], [50, 60]], 'road')]})
    add_item(root / 'valid', 'c', {'bounding_box': [box(5, 5, 10, 10, 'car')]})
    return root


def test_its_own_tests_pass_where_it_is_installed(environment: Environment) -> None:
    ended = environment.run(environment.python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', VOC)
    assert ended.code == 0, ended
    assert ' passed' in ended.out


def test_a_strangers_format_is_listed_read_and_written(environment: Environment, dm: Path) -> None:
    formats = environment.hooks('formats', '--json').json['formats']
    assert {'name': 'voc', 'distribution': 'synapse-hooks-voc', 'state': 'available'}.items() <= next(
        entry for entry in formats if entry['name'] == 'voc'
    ).items()
    to_voc = environment.hooks('convert', dm, 'voc', '--to', 'voc', '--json').json
    assert to_voc['from'] == 'dm'
    assert 'polygon' in str(to_voc['losses']['converted'])
    # It is recognised, and any other format is made of it.
    to_yolo = environment.hooks('convert', 'voc', 'yolo', '--to', 'yolo', '--json').json
    assert to_yolo['from'] == 'voc'
    assert to_yolo['dataset']['classes'] == ['car', 'road']
    assert to_yolo['dataset']['splits'] == {'train': 2, 'valid': 1}


def test_an_action_trains_on_it_and_a_workspace_imports_it(environment: Environment, dm: Path, tmp_path: Path) -> None:
    (environment.cwd / 'action.py').write_text(ACTION)  # type: ignore[operator]
    workspace = tmp_path / 'workspace'
    dataset = Workspace(workspace).add_dataset(dm, name='small')['id']
    train = ('train', 'action.py:TrainAction', '-p', f'dataset={dataset}', '--workspace', workspace, '--json')
    answer = environment.hooks(*train).json
    assert answer['result'] == {'documents': ['a.xml', 'b.xml', 'c.xml']}
    assert answer['dataset']['format'] == 'voc'
    imported = ('workspace', 'import', Path(answer['dataset']['path']), '--name', 'again', '--workspace', workspace)
    assert environment.hooks(*imported, '--json').json['count'] == 3
    refused = environment.hooks(*train, '--block', 'synapse-hooks-voc', code=2).json
    assert refused['error']['type'] == 'PluginBlocked'
