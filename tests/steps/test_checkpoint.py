"""Where a run starts from: looked into before anything may load it, and refused where it would run code."""

from __future__ import annotations

import json
import os
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext, hookimpl
from synapse_hooks.autologgers.restricted import VARIABLE, restricted_loading
from synapse_hooks.backends import Workspace
from synapse_hooks.errors import PickleRefused, StepFailed
from synapse_hooks.storage import pack

pytestmark = pytest.mark.usefixtures('elsewhere')


class Params(BaseTrainParams):
    pass


class Action(BaseTrainAction[Params]):
    """Loads what it starts from, as ultralytics would."""

    def execute(self, data_path: Path, checkpoint: dict[str, Any] | None) -> Any:
        assert checkpoint is not None
        self.restricted = os.environ.get(VARIABLE)
        pickle.loads((checkpoint['path'] / 'best.pt').read_bytes())
        return {}


class Bad:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ('ran',)


def model(folder: Path, content: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'best.pt').write_bytes(pickle.dumps(content))
    return folder


def run(tmp_path: Path, *plugins: Any, checkpoint: Any = None, **fields: Any) -> Action:
    data = tmp_path / 'data'
    data.mkdir(exist_ok=True)
    workspace = Workspace(tmp_path / 'workspace')
    ctx = RuntimeContext(client=workspace, run_dir=tmp_path / 'run', plugins=plugins, **fields)
    action = Action({'data_path': data, 'checkpoint': checkpoint}, ctx)
    action.run()
    return action


def record(tmp_path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((tmp_path / 'run' / 'run.json').read_text())
    return loaded


def start_from(tmp_path: Path, folder: Path) -> None:
    given: Any = {'path': folder}
    ctx = RuntimeContext(client=Workspace(tmp_path / 'workspace'), run_dir=tmp_path / 'run', checkpoint=given)
    Action({'data_path': folder}, ctx).run()


class Resolves:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @hookimpl
    def resolve_checkpoint(self) -> dict[str, Any]:
        return {'path': self.folder}


class Swaps(Resolves):
    @hookimpl
    def resolve_checkpoint(self) -> None:
        return None

    @hookimpl
    def pre_execute(self) -> dict[str, Any]:
        return {'checkpoint': {'path': self.folder}}


@pytest.mark.parametrize('way', ['workspace', 'archive', 'context', 'plugin', 'pre_execute'])
def test_a_checkpoint_that_runs_code_is_refused_before_it_is_loaded(way: str, tmp_path: Path) -> None:
    bad = model(tmp_path / 'bad', {'model': Bad()})
    if way == 'archive':
        bad = pack(bad, tmp_path / 'bad.zip')
    begin: dict[str, Callable[[], Any]] = {
        'workspace': lambda: run(tmp_path, checkpoint=Workspace(tmp_path / 'workspace').create_model(bad)['id']),
        'context': lambda: start_from(tmp_path, bad),
        'plugin': lambda: run(tmp_path, Resolves(bad)),
        'pre_execute': lambda: run(tmp_path, Swaps(bad)),
    }
    name = 'posix.mkdir'
    with pytest.raises(StepFailed, match=name) as caught:
        begin['workspace' if way == 'archive' else way]()
    assert isinstance(caught.value.__cause__, PickleRefused)
    assert f'--allow-pickle {name}' in caught.value.problem
    assert not Path('ran').exists()


def test_what_is_allowed_is_recorded_and_counts_for_that_run_only(tmp_path: Path) -> None:
    bad = model(tmp_path / 'bad', Bad())
    run(tmp_path, Resolves(bad), allow_pickle=('posix.mkdir',))
    assert Path('ran').is_dir()
    assert record(tmp_path)['runtime']['allow_pickle'] == ['posix.mkdir']
    with pytest.raises(StepFailed, match=r'posix\.mkdir'):
        Action(
            {'data_path': bad},
            RuntimeContext(client=Workspace(tmp_path / 'w'), run_dir=tmp_path / 'other', plugins=(Resolves(bad),)),
        ).run()


def test_a_checkpoint_that_changed_is_looked_into_again_on_resume(tmp_path: Path) -> None:
    folder = model(tmp_path / 'model', {})
    (folder / 'best.pt').write_bytes(b'')
    with pytest.raises(StepFailed, match='Ran out of input'):
        run(tmp_path, Resolves(folder))
    model(folder, Bad())
    with pytest.raises(StepFailed, match=r'posix\.mkdir'):
        run(tmp_path, Resolves(folder), resume=True)
    model(folder, {})
    run(tmp_path, Resolves(folder), resume=True)
    assert record(tmp_path)['status'] == 'succeeded'


def test_safetensors_go_before_a_pickle(tmp_path: Path) -> None:
    folder = model(tmp_path / 'model', {})
    (folder / 'model.safetensors').write_bytes(bytes(8))
    action = run(tmp_path, Resolves(folder))
    assert action.last_run is not None
    assert record(tmp_path)['checkpoint']['weights'] == str(folder / 'model.safetensors')


def test_ultralytics_builds_only_known_layers_from_a_checkpoint_of_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = model(tmp_path / 'model', {})
    assert run(tmp_path, Resolves(folder)).restricted == '1'
    assert VARIABLE not in os.environ
    monkeypatch.setenv(VARIABLE, '0')
    with restricted_loading():
        assert os.environ[VARIABLE] == '0'


def test_an_ultralytics_that_was_imported_before_is_restricted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('ultralytics.utils', 'ultralytics.nn.tasks'):
        module = ModuleType(name)
        module.SAFE_LOAD = False  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, name, module)
    with restricted_loading():
        assert sys.modules['ultralytics.nn.tasks'].SAFE_LOAD is True  # type: ignore[attr-defined]
    assert sys.modules['ultralytics.nn.tasks'].SAFE_LOAD is False  # type: ignore[attr-defined]
