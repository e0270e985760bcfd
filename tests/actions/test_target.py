"""What somebody types to name an action, and what is said when that does not work."""

from __future__ import annotations

from pathlib import Path

import pytest

from synapse_hooks.actions.target import load_action
from synapse_hooks.errors import TargetError

CODE = """
from synapse_hooks import BaseTrainAction, BaseTrainParams

class TrainAction(BaseTrainAction[BaseTrainParams]):
    def execute(self, data_path, checkpoint):
        return None

class Other:
    pass
"""


@pytest.fixture
def folder(elsewhere: Path) -> Path:
    (elsewhere / 'target_of_a_test.py').write_text(CODE)
    return elsewhere


def test_a_file_a_module_and_a_folder_name_an_action(folder: Path) -> None:
    kind, target, _ = load_action('target_of_a_test.py:TrainAction')
    assert kind.__name__ == 'TrainAction'
    # Absolute, so that it can be found again from anywhere.
    assert target == f'{folder}/target_of_a_test.py:TrainAction'
    assert load_action('target_of_a_test:TrainAction')[0].__name__ == 'TrainAction'
    for entrypoint in ('target_of_a_test:TrainAction', 'target_of_a_test.TrainAction'):
        (folder / 'config.yaml').write_text(f'actions: {{train: {{entrypoint: "{entrypoint}"}}}}\n')
        kind, target, _ = load_action('.')
        assert (kind.__name__, target) == ('TrainAction', str(folder))


@pytest.mark.parametrize(
    ('target', 'message'),
    [
        ('nonsense', 'does not name an action'),
        ('no_such_module:X', "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"),
        ('missing.py:X', 'there is no file'),
        ('target_of_a_test.py:TrainActon', "has no 'TrainActon'"),
        ('target_of_a_test.py:Other', 'Other is not a train action'),
        ('broken.py:X', r'cannot be imported: ZeroDivisionError.*broken\.py, line 1\)'),
        ('.', r'config.yaml cannot be read'),
        ('odd', r'config.yaml cannot be read'),
    ],
)
def test_each_miss_is_a_sentence(target: str, message: str, folder: Path) -> None:
    (folder / 'broken.py').write_text('1 / 0\n')
    (folder / 'odd').mkdir()
    (folder / 'odd' / 'config.yaml').write_text('name: !!bool x\n')
    with pytest.raises(TargetError, match=message) as caught:
        load_action(target)
    assert caught.value.exit_code == 2


def test_a_near_name_is_suggested(folder: Path) -> None:
    with pytest.raises(TargetError, match="did you mean 'TrainAction'"):
        load_action('target_of_a_test.py:TrainActon')


def test_a_config_without_a_train_action_is_told_what_to_write(folder: Path) -> None:
    (folder / 'config.yaml').write_text('name: x\n')
    with pytest.raises(TargetError, match='has no train action') as caught:
        load_action('.')
    assert 'entrypoint' in caught.value.hint


@pytest.mark.parametrize(
    ('text', 'problem', 'hint'),
    [
        ('actoins: {}', 'there is no key actoins', "did you mean 'actions'?"),
        ('actions: {trian: {}}', 'has no train action', "did you mean 'trian'?"),
        ('actions: {train: {entry: a.B}}', 'there is no key actions.train.entry', "did you mean 'entrypoint'?"),
        ('actions: {train: {entrypoint: 3}}', 'actions.train.entrypoint must be text, got 3', 'entrypoint'),
        ('actions: {train: {entrypoint: nodots}}', "entrypoint 'nodots' is not module:Class", 'entrypoint'),
        (
            'actions: {train: {entrypoint: "act.py:A"}}',
            "config.yaml: entrypoint 'act.py:A' cannot be imported: ModuleNotFoundError",
            'entrypoint: "module:Class"',
        ),
        ('actions: [train]', "actions must be a mapping of names, got ['train']", 'entrypoint'),
        ('actions: {train: {entrypoint: a.B, params: [1]}}', 'actions.train.params must be a mapping', 'entrypoint'),
        ('- 1', 'the file must be a mapping', 'entrypoint'),
        ('a: ' + '9' * 5000, 'cannot be read as YAML', 'correct the file'),
        ('a: [1', 'cannot be read as YAML', 'correct the file'),
        (
            'actions: {train: {entrypoint: no_such_module.B}}',
            'cannot be imported',
            'entrypoint',
        ),
    ],
)
def test_what_is_wrong_in_a_config_is_named(text: str, problem: str, hint: str, folder: Path) -> None:
    (folder / 'config.yaml').write_text(text)
    with pytest.raises(TargetError) as caught:
        load_action('.')
    assert problem in caught.value.problem
    assert str(folder / 'config.yaml') in caught.value.problem
    assert hint in caught.value.hint


def test_what_a_platform_knows_of_a_plugin_may_stand_in_its_config(folder: Path) -> None:
    (folder / 'config.yaml').write_text(
        'name: digits\ncode: digits\nversion: 1.0.0\ncategory: neural_net\ndata_type: image\ntasks: [detect]\n'
        'actions:\n  train: {entrypoint: "target_of_a_test:TrainAction", method: job, params: {dataset: 7}}\n'
        '  inference: {entrypoint: "other:Other"}\n'
    )
    assert load_action('.').params == {'dataset': 7}


def test_a_parameter_in_place_of_a_target_says_how_to_give_it() -> None:
    with pytest.raises(TargetError) as caught:
        load_action('dataset=digits')
    assert '`-p dataset=digits`' in caught.value.hint
