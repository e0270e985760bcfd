"""The import names of synapse-sdk, in environments with and without a distribution of that name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.environments import Environment, Environments

CONTRIB = Path(__file__).parents[2] / 'contrib'
COMPAT = CONTRIB / 'synapse-hooks-sdk-compat'
PAGE = Path(__file__).parents[3] / 'shared' / 'seed' / 'train-actions.md'
ACTION = re.findall(r'```python\n(.*?)```', (COMPAT / 'README.md').read_text(encoding='utf-8'), flags=re.DOTALL)[0]
WHERE = 'import synapse_sdk.plugins.actions.train as it; print(it.BaseTrainAction.__module__)'


@pytest.fixture(scope='module')
def environments(tmp_path_factory: pytest.TempPathFactory) -> Environments:
    return Environments(tmp_path_factory.mktemp('environments'))


@pytest.fixture(scope='module')
def environment(environments: Environments) -> Environment:
    """With the import names."""
    return environments.fresh(environments.root / 'compat', COMPAT)


@pytest.fixture(scope='module')
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A distribution that is named as synapse-sdk is, with a train action of its own."""
    folder = tmp_path_factory.mktemp('sdk') / 'synapse-sdk'
    train = folder / 'synapse_sdk' / 'plugins' / 'actions' / 'train'
    train.mkdir(parents=True)
    for package in (train, *list(train.parents)[:3]):
        (package / '__init__.py').write_text('')
    (train / '__init__.py').write_text('class BaseTrainAction:\n    pass\n')
    (folder / 'pyproject.toml').write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
        '[project]\nname = "synapse-sdk"\nversion = "9.9"\n\n'
        '[tool.hatch.build]\ndev-mode-dirs = ["."]\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["synapse_sdk"]\n'
    )
    return folder


def pip(environment: Environment, *words: str | Path) -> None:
    command = [sys.executable, '-m', 'pip', '--isolated', '--quiet', '--python', environment.python, *words]
    done = subprocess.run(list(map(str, command)), capture_output=True, encoding='utf-8', stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr


def python(environment: Environment, code: str) -> str:
    ended = environment.run(environment.python, '-c', code)
    assert ended.code == 0, ended
    return ended.out.strip()


def test_an_action_of_the_sdk_runs_unchanged(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / 'train.py').write_text(ACTION, encoding='utf-8')
    at = environment.at(tmp_path)
    at.hooks('train', 'train.py:TrainAction', '-p', 'data_path=.', '--run-dir', 'run')
    assert json.loads((tmp_path / 'run' / 'run.json').read_text())['target'].endswith('train.py:TrainAction')
    (tmp_path / 'config.yaml').write_text('actions:\n  train:\n    entrypoint: train.TrainAction\n', encoding='utf-8')
    at.hooks('train', '.', '-p', 'data_path=.', '--run-dir', 'run2')


def test_start_up_imports_nothing(environment: Environment) -> None:
    names = python(environment, 'import sys; print([name for name in sys.modules if "synapse" in name])')
    assert names == '[]'


def test_objects_travel_to_spawned_processes(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / 'spawns.py').write_text(
        """
import multiprocessing
from synapse_sdk.plugins.actions.train import BaseTrainAction, BaseTrainParams

class Params(BaseTrainParams):
    epochs: int = 1

def epochs(params):
    return params.epochs, BaseTrainAction.__module__

if __name__ == '__main__':
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        print(pool.apply(epochs, (Params(data_path='.', epochs=7),)))
""",
        encoding='utf-8',
    )
    ended = environment.at(tmp_path).run(environment.python, 'spawns.py')
    assert ended.out == "(7, 'synapse_hooks.actions.train')\n", ended


@pytest.mark.skipif(not PAGE.is_file(), reason='the public page is not beside this checkout; its text is not ours')
def test_every_block_of_the_page_runs_as_printed(environment: Environment, tmp_path: Path) -> None:
    blocks = re.findall(r'```python\n(.*?)```', PAGE.read_text(encoding='utf-8'), flags=re.DOTALL)
    assert len(blocks) == 10
    (tmp_path / 'blocks.json').write_text(json.dumps(blocks), encoding='utf-8')
    (tmp_path / 'page.py').write_text(
        """
import json
from synapse_sdk.plugins.steps import BaseStep, StepRegistry

# What the page leaves to its reader.
from typing import Any
registry, preprocess = StepRegistry(), lambda path: path
for text in json.load(open('blocks.json')):
    exec(compile(text, 'page', 'exec'), globals())
print(registry.names)
""",
        encoding='utf-8',
    )
    ended = environment.at(tmp_path).run(environment.python, 'page.py')
    assert ended.out == "['export', 'convert']\n", ended


@pytest.mark.e2e
@pytest.mark.parametrize('first', ['compat', 'sdk'])
def test_an_installed_sdk_is_imported_and_stays_whole(
    first: str, environments: Environments, sdk: Path, tmp_path: Path
) -> None:
    environment = environments.fresh(tmp_path / 'venv')
    for one in (COMPAT, sdk) if first == 'compat' else (sdk, COMPAT):
        environments.install(environment, one)
    at = environment.at(tmp_path)
    assert python(at, WHERE) == 'synapse_sdk.plugins.actions.train'
    (tmp_path / 'train.py').write_text(
        'from synapse_sdk.plugins.actions.train import BaseTrainAction\nclass Train(BaseTrainAction): pass\n'
    )
    refused = at.hooks('train', 'train.py:Train', '-p', 'data_path=.', code=None)
    assert refused.code
    assert 'Train is a train action of synapse-sdk 9.9' in refused.err
    doctor = at.hooks('doctor', code=None)
    assert 'synapse-sdk 9.9 is installed beside synapse-hooks-sdk-compat 0.1.0' in doctor.out

    pip(environment, 'uninstall', '--yes', 'synapse-hooks-sdk-compat')
    assert python(at, WHERE) == 'synapse_sdk.plugins.actions.train'
    environments.install(environment, COMPAT)
    pip(environment, 'uninstall', '--yes', 'synapse-sdk')
    assert python(at, WHERE) == 'synapse_hooks.actions.train'
    pip(environment, 'uninstall', '--yes', 'synapse-hooks-sdk-compat')
    (site,) = environment.root.glob('lib/python*/site-packages')
    assert not list(site.glob('*synapse*'))
    refused = at.hooks('train', 'train.py:Train', '-p', 'data_path=.', code=None)
    assert 'pip install synapse-hooks-sdk-compat' in refused.err


@pytest.mark.e2e
def test_editable_installations_of_both(environments: Environments, sdk: Path, tmp_path: Path) -> None:
    environment = environments.fresh(tmp_path / 'venv')
    words = ('install', '--no-build-isolation', '--no-deps', '--no-index', '--editable')
    pip(environment, *words, COMPAT)
    at = environment.at(tmp_path)
    assert python(at, WHERE) == 'synapse_hooks.actions.train'
    # Its folder comes after ours on the path.
    pip(environment, *words, sdk)
    assert python(at, WHERE) == 'synapse_sdk.plugins.actions.train'


def test_an_sdk_that_a_finder_imports_is_found(environment: Environment, sdk: Path, tmp_path: Path) -> None:
    """As the editable installations of setuptools: the finder comes after that of the path."""
    code = f"""
import sys
from importlib.util import spec_from_file_location
class Finder:
    def find_spec(name, path=None, target=None):
        if name == 'synapse_sdk':
            return spec_from_file_location(name, {str(sdk / 'synapse_sdk' / '__init__.py')!r})
sys.meta_path.append(Finder)
{WHERE}
"""
    assert python(environment.at(tmp_path), code) == 'synapse_sdk.plugins.actions.train'


@pytest.mark.e2e
def test_type_checkers_know_the_names(environment: Environment, tmp_path: Path) -> None:
    pytest.importorskip('mypy')
    (tmp_path / 'train.py').write_text(
        'from synapse_sdk.plugins.actions.train import BaseTrainAction, BaseTrainParams\n'
        'from synapse_sdk.plugins.steps import BaseStep, Nothing\n'
        'reveal_type(BaseTrainParams)\n'
        'class Train(BaseTrainAction[BaseTrainParams]):\n'
        '    target_format = 3\n'
    )
    ended = environment.at(tmp_path).run(environment.python, '-m', 'mypy', '--strict', 'train.py')
    lines = ended.out.splitlines()
    assert 'has no attribute "Nothing"' in lines[0], ended
    assert 'synapse_hooks.actions.params.BaseTrainParams' in lines[1], ended
    assert 'Incompatible types in assignment' in lines[2], ended
    assert len(lines) == 4, ended
