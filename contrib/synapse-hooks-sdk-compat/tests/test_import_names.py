"""The names are those of synapse-hooks, and what is not there says so."""

from __future__ import annotations

import importlib
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import synapse_hooks_sdk_compat

import synapse_hooks

NAMES = {
    'plugins': 'BaseStep BaseTrainAction RuntimeContext StepRegistry StepResult TrainContext',
    'plugins.actions': 'BaseTrainAction TrainContext',
    'plugins.actions.train': 'BaseTrainAction BaseTrainParams TrainContext',
    'plugins.context': 'RuntimeContext',
    'plugins.steps': 'BaseStep ConvertDatasetStep ExportDatasetStep StepRegistry StepResult',
}


@pytest.mark.parametrize('module', NAMES)
def test_each_name_is_the_same_object_as_in_synapse_hooks(module: str) -> None:
    found = importlib.import_module(f'synapse_sdk.{module}')
    assert set(found.__all__) == set(NAMES[module].split())
    for name in NAMES[module].split():
        assert getattr(found, name) is getattr(synapse_hooks, name)
        assert pickle.loads(pickle.dumps(getattr(found, name))) is getattr(synapse_hooks, name)


def test_every_module_is_listed_here() -> None:
    folder = Path(synapse_hooks_sdk_compat.IMPORT_NAMES) / 'synapse_sdk'
    found = {str(file.parent.relative_to(folder)).replace('/', '.') for file in folder.rglob('__init__.py')}
    assert found - {'.'} == set(NAMES)


@pytest.mark.parametrize(
    'code',
    [
        'import synapse_sdk.plugins.actions.export',
        'from synapse_sdk.plugins.actions import export',
        'from synapse_sdk.plugins.actions.train import TrainLogMessageCode',
        'from synapse_sdk.plugins import run_plugin',
        'from synapse_sdk.clients.backend import BackendClient',
    ],
)
def test_what_is_not_there_says_what_is(code: str) -> None:
    with pytest.raises(ImportError, match=r'synapse-hooks-sdk-compat has the names for training only; use what is in'):
        exec(code, {})


def test_submodules_are_imported_by_their_package() -> None:
    namespace: dict[str, object] = {}
    exec('from synapse_sdk.plugins import actions, steps\nfrom synapse_sdk.plugins.actions import train', namespace)
    assert namespace['train'].BaseTrainAction is synapse_hooks.BaseTrainAction  # type: ignore[attr-defined]


def test_python_may_ask_for_anything() -> None:
    import synapse_sdk.plugins

    assert not hasattr(synapse_sdk.plugins, '__wrapped__')
    assert synapse_hooks_sdk_compat.installed_sdk() is None


def test_a_second_copy_is_not_taken_for_synapse_sdk(tmp_path: Path) -> None:
    package = Path(synapse_hooks_sdk_compat.__file__).parent
    code = (
        'import sys; from pathlib import Path; import synapse_hooks_sdk_compat\n'
        f'sys.path[:] = [{str(tmp_path / "copy" / package.name / "import_names")!r}, *sys.path]\n'
        'from synapse_sdk.plugins.actions.train import BaseTrainAction\n'
        'assert synapse_hooks_sdk_compat.installed_sdk() is None'
    )
    shutil.copytree(package, tmp_path / 'copy' / package.name)
    ended = subprocess.run([sys.executable, '-c', code], cwd=package.parent, capture_output=True, encoding='utf-8')
    assert ended.returncode == 0, ended.stderr
