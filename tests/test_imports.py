"""What an import costs: nobody pays for what they do not use. And every error survives the way between processes."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import synapse_hooks
from synapse_hooks import errors
from tests.formats.format_kit import add_item, box

HEAVY = {'torch', 'ultralytics', 'numpy', 'PIL', 'cv2', 'sklearn', 'rich', 'httpx', 'pydantic', 'pluggy', 'yaml'}
TREE = {
    name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and kind.__module__ == errors.__name__
}


def modules(code: str) -> set[str]:
    """The modules that a fresh interpreter has after `code`."""
    script = f'{code}\nimport sys, json\nprint(json.dumps([*sys.modules]), file=sys.stderr)'
    done = subprocess.run([sys.executable, '-c', script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stderr.splitlines()[-1]))


def loaded(code: str) -> set[str]:
    """The same, top-level ones only."""
    return {name.partition('.')[0] for name in modules(code)}


def test_the_package_is_light() -> None:
    assert not loaded('import synapse_hooks') & HEAVY


@pytest.mark.parametrize('command', ['--help', '--version', 'train --help', 'convert --help'])
def test_help_is_light(command: str) -> None:
    words = command.split()
    code = f'from synapse_hooks.cli import main\ntry:\n    main({words})\nexcept SystemExit:\n    pass'
    assert not loaded(code) & HEAVY


def test_an_action_needs_no_framework_and_no_terminal() -> None:
    code = 'from synapse_hooks import BaseTrainAction, BaseStep, StepRegistry, hookimpl'
    assert loaded(code) & HEAVY == {'pydantic', 'pluggy'}


def test_a_run_on_data_that_are_there_imports_no_conversion(tmp_path: Path) -> None:
    code = (
        'from synapse_hooks import BaseTrainAction, BaseTrainParams, RuntimeContext\n'
        'class Trains(BaseTrainAction[BaseTrainParams]):\n'
        '    target_format = "yolo"\n'
        '    def execute(self, data_path, checkpoint):\n'
        '        return {}\n'
        f'ctx = RuntimeContext(run_dir={str(tmp_path / "run")!r}, discover=False)\n'
        f'Trains({{"data_path": {str(tmp_path)!r}}}, ctx).run()'
    )
    assert not modules(code) & {'numpy', 'synapse_hooks.conversion.pipeline'}


def test_a_run_that_converts_needs_no_framework_and_no_imaging_library(tmp_path: Path) -> None:
    code = (
        'from pathlib import Path\n'
        'from synapse_hooks import BaseTrainAction, BaseTrainParams\n'
        'from synapse_hooks.testing import run_action, small_dataset\n'
        'class Action(BaseTrainAction[BaseTrainParams]):\n'
        '    target_format = "yolo"\n'
        '    def execute(self, data_path, checkpoint): pass\n'
        f'folder = Path({str(tmp_path)!r})\n'
        'run_action(Action, dataset=small_dataset(folder / "data"), folder=folder)\n'
    )
    assert not loaded(code) & {'torch', 'ultralytics', 'PIL', 'cv2', 'rich', 'httpx'}


@pytest.mark.parametrize('target', ['yolo', 'coco', 'imagefolder'])
def test_a_conversion_without_a_terminal_imports_only_what_it_needs(target: str, tmp_path: Path) -> None:
    for split in ('train', 'valid'):
        entry = {'bounding_box': [box(1, 1, 5, 5)], 'classification': [{'id': 'c', 'classification': 'car'}]}
        add_item(tmp_path / 'source' / split, split, entry)
    code = (
        'import os\n'
        'from synapse_hooks.cli import main\n'
        # Away from our own pyproject.toml.
        f'os.chdir({str(tmp_path)!r})\n'
        f'assert main(["convert", "source", "out", "--to", {target!r}]) == 0\n'
    )
    found = modules(code)
    assert f'synapse_hooks.formats.{target}' in found
    assert not {name.partition('.')[0] for name in found} & {*HEAVY - {'numpy', 'pluggy', 'yaml'}, 'packaging'}
    assert ('yaml' in found) == (target == 'yolo')
    rooms = {name for name in found if name.startswith('synapse_hooks.')}
    assert {name for name in rooms if name.startswith('synapse_hooks.journal.')} <= {'synapse_hooks.journal.values'}
    assert not rooms & {'synapse_hooks.actions', 'synapse_hooks.backends', 'synapse_hooks.steps.setup'}
    # For the archives of a download, several processes, and a project's pyproject.toml.
    assert not found & {'tarfile', 'tempfile', 'multiprocessing.connection', 'tomllib'}
    # For a source in COCO, and for a folder that no format recognises.
    assert not rooms & {'synapse_hooks.formats.coco.source', 'synapse_hooks.formats.file_signatures'}
    assert 'importlib.metadata' not in found


def test_every_public_name_is_there() -> None:
    listed = dir(synapse_hooks)
    for name in synapse_hooks.__all__:
        assert name in listed
        home = f'synapse_hooks.{synapse_hooks._HOMES[name]}'
        assert getattr(synapse_hooks, name) is getattr(import_module(home), name)
    assert sorted(synapse_hooks._HOMES) == sorted(synapse_hooks.__all__)
    assert '__version__' in listed
    with pytest.raises(AttributeError, match="'synapse_hooks' has no attribute 'BaseTrianAction'"):
        _ = synapse_hooks.BaseTrianAction


def test_the_rooms_offer_what_they_list() -> None:
    for room in ('actions', 'autologgers', 'backends', 'data', 'formats', 'journal', 'plugins', 'steps', 'storage'):
        module = import_module(f'synapse_hooks.{room}')
        for name in module.__all__:
            assert not inspect.ismodule(getattr(module, name))


def test_the_version_is_the_distributions() -> None:
    with (Path(__file__).parent.parent / 'pyproject.toml').open('rb') as file:
        project = tomllib.load(file)
    assert 'version' in project['project']['dynamic']
    home = Path(__file__).parent.parent / project['tool']['hatch']['version']['path']
    namespace: dict[str, Any] = {}
    exec(home.read_text(), namespace)
    assert namespace['__version__'] == synapse_hooks.__version__


def test_the_drawn_tree_is_the_tree() -> None:
    drawn: dict[str, str] = {}
    exits: dict[str, int] = {}
    above: dict[int, str] = {}
    for line in (errors.__doc__ or '').splitlines():
        found = re.match(r'    ((?:│   |    )*)(?:[├└]── )?([A-Z]\w+)(?: \((\w+)\))?  +\S', line)
        if found is None:
            continue
        depth = len(found[1]) // 4 + ('── ' in line)
        above[depth] = found[2]
        drawn[found[2]] = found[3] or (above[depth - 1] if depth else 'Exception')
        if code := re.search(r'exit (\d)$', line):
            exits[found[2]] = int(code[1])
    # How the root is pickled is no matter of the tree.
    bases = {name: kind.__base__ for name, kind in TREE.items()} | {'SynapseHooksError': Exception}
    assert drawn == {name: base.__name__ for name, base in bases.items() if base is not None}
    for name, code_ in exits.items():
        assert TREE[name].exit_code == code_  # type: ignore[attr-defined]


def test_importing_takes_less_than_what_it_is_made_of() -> None:
    """The aim is 100 ms and 1.5 times pluggy and pydantic; this only notices when an import stops being lazy."""
    ours, theirs = loaded('import synapse_hooks'), loaded('import pluggy, pydantic')
    assert len(ours) < len(theirs)
