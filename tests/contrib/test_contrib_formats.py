"""The contributed formats as their users get them: pip-installed into fresh environments, no change to either side."""

from __future__ import annotations

from pathlib import Path

import pytest

from synapse_hooks.backends import Workspace
from synapse_hooks.formats import BUILTIN
from tests.formats.format_kit import add_item, box, polygon
from tests.support.environments import Environment, Environments

CONTRIB = Path(__file__).parents[2] / 'contrib'
CONTRIB_FORMATS = ('createml', 'cvat', 'kitti', 'labelme', 'labelstudio', 'openimages', 'voc')
LOSSLESS = ('cvat', 'labelme', 'labelstudio')
"""They hold boxes and polygons."""
ACTION = """
from synapse_hooks import BaseTrainAction, BaseTrainParams

class TrainAction(BaseTrainAction[BaseTrainParams]):
    target_format = 'voc'

    def execute(self, data_path, checkpoint):
        names = sorted(file.name for file in data_path.rglob('*.xml'))
        return {'documents': names}
"""


@pytest.fixture(scope='module')
def environments(tmp_path_factory: pytest.TempPathFactory) -> Environments:
    """Environments of this module, and the wheels for them."""
    return Environments(tmp_path_factory.mktemp('environments'))


@pytest.fixture(scope='module', params=CONTRIB_FORMATS)
def stranger(request: pytest.FixtureRequest, environments: Environments) -> tuple[str, Environment]:
    """A format's name, and an environment with nothing but its distribution in it."""
    name = str(request.param)
    return name, environments.fresh(environments.root / name, CONTRIB / f'synapse-hooks-{name}')


@pytest.fixture
def dm(tmp_path: Path) -> Path:
    root = tmp_path / 'dm'
    add_item(root / 'train', 'a', {'bounding_box': [box(1, 2, 30, 40, 'car')]})
    add_item(root / 'train', 'b', {'polygon': [polygon([[1, 1], [50, 1], [50, 60]], 'road')]})
    add_item(root / 'valid', 'c', {'bounding_box': [box(5, 5, 10, 10, 'car')]})
    return root


def test_its_own_tests_pass_where_it_is_installed(stranger: tuple[str, Environment], tmp_path: Path) -> None:
    name, environment = stranger
    tests = CONTRIB / f'synapse-hooks-{name}'
    pytest_of_it = (environment.python, '-m', 'pytest', '-q', '-rs', '-p', 'no:cacheprovider', tests)
    ended = environment.at(tmp_path).run(*pytest_of_it)
    assert ended.code == 0, ended
    assert ' passed' in ended.out
    assert 'not installed' not in ended.out, 'tests of formats skip what needs more than is installed'


def test_a_strangers_format_is_listed_written_recognised_and_read(
    stranger: tuple[str, Environment], dm: Path, tmp_path: Path
) -> None:
    name, environment = stranger[0], stranger[1].at(tmp_path)
    formats = environment.hooks('formats', '--json').json['formats']
    expected = {'name': name, 'distribution': f'synapse-hooks-{name}', 'state': 'available'}
    assert expected.items() <= next(entry for entry in formats if entry['name'] == name).items()
    there = environment.hooks('convert', dm, 'there', '--to', name, '--json').json
    assert there['from'] == 'dm'
    assert there['dataset']['splits'] == {'train': 2, 'valid': 1}
    polygons = [loss['count'] for loss in there['losses']['converted'] if loss['kind'] == 'polygon']
    assert polygons == ([] if name in LOSSLESS else [1])
    for target in ('yolo', 'coco'):
        made = environment.hooks('convert', 'there', target, '--to', target, '--json').json
        assert made['from'] == name
        assert made['dataset']['classes'] == ['car', 'road']
        assert made['dataset']['splits'] == {'train': 2, 'valid': 1}
        assert not made['losses']['dropped']


def test_the_command_offers_strict_progress_and_splits_to_all(
    stranger: tuple[str, Environment], dm: Path, tmp_path: Path
) -> None:
    """What comes with the framework: a stranger wrote none of it."""
    name, environment = stranger[0], stranger[1].at(tmp_path)
    environment.hooks('convert', dm, 'there', '--to', name)
    refused = environment.hooks('convert', dm, 'strict', '--to', name, '--strict', code=0 if name in LOSSLESS else 1)
    assert (tmp_path / 'strict').exists() == (name in LOSSLESS), refused
    image = next(file for file in sorted((tmp_path / 'there').rglob('*')) if file.suffix in ('.jpg', '.png'))
    image.unlink()
    image.write_bytes(b'')
    damaged = environment.hooks('convert', 'there', 'damaged', '--to', 'coco', code=1)
    assert image.name in damaged.err
    assert not (tmp_path / 'damaged').exists()


def test_formats_do_not_recognise_datasets_of_others(environments: Environments, dm: Path, tmp_path: Path) -> None:
    together = environments.fresh(
        environments.root / 'all', *(CONTRIB / f'synapse-hooks-{name}' for name in CONTRIB_FORMATS)
    )
    environment = together.at(tmp_path)
    for name in (*CONTRIB_FORMATS, *sorted(set(BUILTIN) - {'imagefolder'})):
        source = tmp_path / name if name != 'dm' else dm
        if name != 'dm':
            environment.hooks('convert', dm, name, '--to', name)
        target = 'coco' if name != 'coco' else 'yolo'
        made = environment.hooks('convert', source, f'{name}-guessed', '--to', target, '--json').json
        assert made['from'] == name


def test_an_action_trains_on_it_and_a_workspace_imports_it(
    environments: Environments, dm: Path, tmp_path: Path
) -> None:
    environment = environments.fresh(environments.root / 'action', CONTRIB / 'synapse-hooks-voc').at(tmp_path)
    (tmp_path / 'action.py').write_text(ACTION)
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
