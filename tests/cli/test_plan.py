"""`--plan` and `--params-help`: what would happen is said, and nothing happens."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.environments import Environment

ACTION = """
from pathlib import Path
from typing import Literal

from pydantic import Field
from synapse_hooks import BaseTrainAction, BaseTrainParams


class Params(BaseTrainParams):
    epochs: int = Field(default=3, ge=1, le=100, description='passes over the data')
    name: str
    mode: Literal['fast', 'slow'] = 'fast'
    \"\"\"How much time
    it may take.\"\"\"


class Train(BaseTrainAction[Params]):
    target_format = 'coco'

    def execute(self, data_path, checkpoint):
        if Path('broken').exists():
            raise OSError('the oven went out')
        return None
"""
HOOKS = """
from synapse_hooks import hookimpl


@hookimpl
def export(context):
    return None


@hookimpl(wrapper=True)
def convert(context):
    return (yield)


@hookimpl(wrapper=True)
def run_step(context, step):
    return (yield)
"""


@pytest.fixture
def planning(bare: Environment, project: Path) -> Environment:
    (project / 'train.py').write_text(ACTION)
    (project / 'hooks.py').write_text(HOOKS)
    (project / 'pyproject.toml').write_text(
        '[tool.synapse_hooks]\nplugins = ["hooks.py"]\nsettings.coco = { images = "copy" }\n'
    )
    return bare


def everything(*folders: Path) -> list[tuple[str, int]]:
    """Every file below the folders, but what Python keeps of what it imported."""
    files = [Path(top) / name for folder in folders for top, _, names in os.walk(folder) for name in names]
    return sorted((str(file), file.stat().st_mtime_ns) for file in files if file.suffix != '.pyc')


def stages(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {stage['stage']: stage for stage in answer['stages']}


def test_a_plan_says_who_would_answer_with_what_and_changes_nothing(
    planning: Environment, project: Path, dataset: str
) -> None:
    workspace = Path(os.environ['SYNAPSE_WORKSPACE'])
    before = everything(project, workspace)
    words = ('train', 'train.py:Train', '-p', f'dataset={dataset}', '-p', 'name=x', '--plan')
    answer = planning.hooks(*words, '--json').json
    assert everything(project, workspace) == before
    assert answer['run_dir'] is None
    found = stages(answer)
    assert list(found) == ['export', 'convert', 'pre_execute', 'execute', 'upload']
    assert {stage['does'] for stage in found.values()} == {'run'}
    assert found['export']['answered_by'][0] == "the project (plugin 'hooks.py')"
    assert found['export']['answered_by'][1].startswith('synapse-hooks ')
    assert found['export']['params'] == {'dataset': int(dataset)}
    assert found['convert']['answered_by'][0].endswith("(plugin 'coco')")
    assert found['convert']['wrapped_by'] == ["the project (plugin 'hooks.py')"]
    assert found['convert']['options'] == {'target_format': 'coco'}
    assert found['convert']['settings'] == {'images': 'copy'}
    assert found['execute']['answered_by'] == ["the action 'train.py:Train'"]
    assert found['execute']['params'] == {'epochs': 3, 'name': 'x', 'mode': 'fast'}
    text = planning.hooks(*words).out
    assert "the project (plugin 'hooks.py'), else synapse-hooks " in text
    assert 'Nothing was run.' in text


def test_a_plan_shows_what_a_checkpoint_may_import(planning: Environment, project: Path, dataset: str) -> None:
    words = ('train', 'train.py:Train', '-p', f'dataset={dataset}', '-p', 'name=x', '--plan')
    allowed = ('--allow-pickle', 'acme.Block', '--allow-pickle', 'acme.Neck')
    assert planning.hooks(*words, *allowed, '--json').json['allow_pickle'] == ['acme.Block', 'acme.Neck']
    assert 'A checkpoint may import acme.Block, acme.Neck.' in planning.hooks(*words, *allowed).out
    assert 'may import' not in planning.hooks(*words).out


def test_a_plan_of_a_run_that_is_there_says_what_would_be_used_again(
    planning: Environment, project: Path, dataset: str
) -> None:
    (project / 'broken').touch()
    words = ('train', 'train.py:Train', '-p', f'dataset={dataset}', '-p', 'name=x', '--run-dir', 'run')
    planning.hooks(*words, code=1)
    before = everything(project)
    for again in (('resume', 'run'), words):
        found = stages(planning.hooks(*again, '--plan', '--json').json)
        assert [stage['does'] for stage in found.values()] == ['reuse', 'reuse', 'reuse', 'run', 'run']
        assert found['execute']['why'] == 'it failed'
    found = stages(planning.hooks('resume', 'run', '--from-stage', 'convert', '--plan', '--json').json)
    assert [stage['does'] for stage in found.values()] == ['reuse', 'run', 'run', 'run', 'run']
    assert everything(project) == before


def test_a_plan_fails_as_the_run_would(planning: Environment, project: Path, data: Path) -> None:
    (project / 'hooks.py').write_text(HOOKS.replace('def export(context)', 'def uploaded(context)'))
    missing = planning.hooks('train', 'train.py:Train', '-p', 'name=x', '--plan', code=2)
    assert 'there is nothing to train on' in missing.err
    answer = planning.hooks(
        'train', 'train.py:Train', '-p', 'name=x', '-p', f'data_path={data}', '--plan', '--json'
    ).json
    assert [stage['does'] for stage in answer['stages']] == ['skip', 'skip', 'run', 'run', 'run']
    (project / 'hooks.py').write_text('1 +')
    assert 'SyntaxError' in planning.hooks('train', 'train.py:Train', '-p', 'name=x', '--plan', code=2).err


def test_the_parameters_of_an_action_are_described(planning: Environment, project: Path) -> None:
    answer = planning.hooks('train', 'train.py:Train', '--params-help', '--json').json
    found = {param['name']: param for param in answer['params']}
    assert list(found)[:4] == ['epochs', 'name', 'mode', 'dataset']
    assert found['epochs'] == {
        'name': 'epochs',
        'type': 'int',
        'required': False,
        'default': 3,
        'description': 'passes over the data',
        'constraints': ['at least 1', 'at most 100'],
    }
    assert found['name']['required']
    assert found['mode']['type'] == "Literal['fast', 'slow']"
    assert found['mode']['description'] == 'How much time it may take.'
    assert found['dataset']['type'] == 'int | str'
    assert all(param['description'] for param in answer['params'] if param['name'] != 'name')
    assert (
        'passes over the data; at least 1; at most 100'
        in planning.hooks('train', 'train.py:Train', '--params-help').out
    )


def test_the_params_of_a_config_are_defaults(planning: Environment, project: Path, dataset: str) -> None:
    (project / 'config.yaml').write_text(
        f'actions: {{train: {{entrypoint: "train:Train", params: {{name: me, epochs: 9, dataset: {dataset}}}}}}}\n'
    )
    found = stages(planning.hooks('train', '.', '-p', 'epochs=2', '--plan', '--json').json)
    assert found['execute']['params'] == {'epochs': 2, 'name': 'me', 'mode': 'fast'}
    helped = planning.hooks('train', '.', '--params-help', '--json').json
    assert next(param for param in helped['params'] if param['name'] == 'name')['default'] == 'me'
    (project / 'config.yaml').write_text('actions: {train: {entrypoint: "train:Train", params: {epoch: 9}}}\n')
    assert "no parameter 'epoch'; did you mean 'epochs'?" in planning.hooks('train', '.', code=2).err


def test_a_parameter_without_p_says_how_to_give_it(planning: Environment) -> None:
    for words in (('train.py:Train', 'dataset=digits'), ('dataset=digits',)):
        assert '`-p dataset=digits`' in planning.hooks('train', *words, code=2).err
