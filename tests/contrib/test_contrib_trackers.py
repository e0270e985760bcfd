"""Contributed trackers and Ray where they are installed, without what they serve: see tests/trackers and tests/ray."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.environments import Environments

CONTRIB = Path(__file__).parents[2] / 'contrib'
OTHERS = ('mlflow', 'ray', 'tensorboard', 'wandb')


@pytest.mark.parametrize('name', OTHERS)
def test_its_own_tests_pass_where_it_is_installed(
    name: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    environments = Environments(tmp_path_factory.mktemp('environments'))
    environment = environments.fresh(environments.root / name, CONTRIB / f'synapse-hooks-{name}').at(tmp_path)
    tests = CONTRIB / f'synapse-hooks-{name}'
    ended = environment.run(environment.python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', tests)
    assert ended.code == 0, ended
    assert ' passed' in ended.out
    plugins = environment.hooks('plugins', '--json').json['plugins']
    assert name in [plugin['name'] for plugin in plugins if plugin['distribution'] == f'synapse-hooks-{name}']
