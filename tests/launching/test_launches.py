"""What travels to a worker and back: plans, resources and outcomes."""

from __future__ import annotations

import pickle

import pytest

from synapse_hooks.errors import ConfigError
from synapse_hooks.launches import Resources, RunOutcome, RunPlan, resources_of

PLAN = RunPlan(
    target='/code/train.py:Train',
    run_dir='/runs/a',
    params={'epochs': 3, 'lr': 0.1, 'names': ['a', 'b'], 'deep': {'x': None}},
    address={'workspace': '/ws'},
    plugins={'format:yolo': 'synapse-hooks 0.1'},
    git={'sha': 'f' * 40, 'dirty': True},
    job_id=7,
    block=('acme',),
    deadlines={'export': 3600.0},
    checkpoint={'path': '/models/1', 'id': 1},
    from_stage='execute',
)


def test_a_plan_travels_as_json_and_as_a_pickle() -> None:
    assert RunPlan.from_json(PLAN.to_json()) == PLAN
    assert pickle.loads(pickle.dumps(PLAN)) == PLAN
    assert '\n' not in PLAN.to_json()


def test_resources_and_outcomes_travel_as_a_pickle() -> None:
    resources = Resources(num_gpus=0.5, others={'a100': 1.0}, env={'A': '1'}, address='ray://head:10001')
    outcome = RunOutcome('failed', '/runs/a', error={'type': 'StepFailed', 'message': 'x'})
    assert pickle.loads(pickle.dumps((resources, outcome))) == (resources, outcome)
    assert Resources.from_dict(resources.to_dict()) == resources
    assert Resources.from_dict({**resources.to_dict(), 'of_a_later_version': 1}) == resources


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('', 'cannot be read'),
        ('[]', 'Expected `object`'),
        ('{"target": "a:B"}', 'missing required field `run_dir`'),
        ('{"target": 1, "run_dir": "/r"}', 'target'),
        ('{"target": "a:B", "run_dir": "/r", "block": "acme"}', 'block'),
        ('{"target": "a:B", "run_dir": "/r", "v": 99}', 'version 1, got 99'),
        (b'\xff\xfe', 'cannot be read'),
    ],
)
def test_what_is_not_a_plan_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RunPlan.from_json(text)


def test_resources_are_typed_as_pairs() -> None:
    resources = resources_of(
        ['num_gpus=0.5', 'num_cpus=4', 'memory=8G', 'a100=1'],
        env=['LOG=a=b', 'EMPTY='],
        address='x',
        storage='file:///s',
    )
    assert resources == Resources(
        num_cpus=4.0,
        num_gpus=0.5,
        memory=8_000_000_000,
        others={'a100': 1.0},
        address='x',
        storage='file:///s',
        env={'LOG': 'a=b', 'EMPTY': ''},
    )


@pytest.mark.parametrize(
    'pair', ['num_gpus', 'num_gpus=', '=1', 'num_gpus=many', 'num_cpus=-1', 'num_cpus=inf', 'memory=x', 'x=nan']
)
def test_resources_that_are_not_amounts_are_refused(pair: str) -> None:
    with pytest.raises(ConfigError):
        resources_of([pair])


@pytest.mark.parametrize(
    ('typed', 'meant'),
    [('gpus=1', 'num_gpus=1'), ('CPU=2', 'num_cpus=2'), ('num_gpu=0.5', 'num_gpus=0.5'), ('mem=8G', 'memory=8G')],
)
def test_a_resource_by_a_name_that_no_cluster_has_is_refused(typed: str, meant: str) -> None:
    with pytest.raises(ConfigError, match=f'-r {meant}'):
        resources_of([typed])


@pytest.mark.parametrize('pair', ['LOG', '=1', ' =1'])
def test_a_variable_without_a_name_or_value_is_refused(pair: str) -> None:
    with pytest.raises(ConfigError, match='NAME=VALUE'):
        resources_of([], env=[pair])
