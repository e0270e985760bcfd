"""The settings of runs on Ray, and the variables that a run gets from its driver."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from synapse_hooks_ray.credentials import variables_of
from synapse_hooks_ray.settings import Settings

from synapse_hooks.errors import ConfigError
from synapse_hooks.launches import RunPlan


def test_settings_of_a_project(tmp_path: Path) -> None:
    (tmp_path / 'pyproject.toml').write_text(
        '[tool.synapse_hooks.settings.ray]\nmax_failures = 5\nexclude = ["data"]\nship = false\ncancel_seconds = 0.5\n'
        'address = "10.0.0.5:6379"\n'
    )
    found = Settings.of(RunPlan(target='a:B', run_dir='/r', cwd=str(tmp_path)))
    assert (found.max_failures, found.exclude, found.ship, found.cancel_seconds) == (5, ('data',), False, 0.5)
    assert (found.address, found.wait_for_nodes) == ('10.0.0.5:6379', 30.0)


@pytest.mark.parametrize(
    ('name', 'value', 'expected'),
    [
        ('max_failures', -1, 'a whole number of 0 or more'),
        ('max_failures', 1.5, 'a whole number of 0 or more'),
        ('max_failures', True, 'a whole number of 0 or more'),
        ('push_seconds', 'often', 'a number of seconds'),
        ('ship', 1, 'true or false'),
        ('exclude', 'data', 'a list of texts'),
        ('address', 1, 'a text'),
    ],
)
def test_a_setting_of_another_type_is_an_error(name: str, value: Any, expected: str) -> None:
    with pytest.raises(ConfigError, match=f'{name} must be {expected}, got'):
        Settings.checked({name: value})


def test_an_unknown_setting_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no setting 'max_failure'") as caught:
        Settings.checked({'max_failure': 1})
    assert "did you mean 'max_failures'?" in caught.value.hint


def test_a_run_gets_the_credentials_of_its_backend_wherever_the_driver_has_them(tmp_path: Path) -> None:
    config = tmp_path / '.synapse' / 'config.json'
    config.parent.mkdir()
    config.write_text('{"host": "https://api.example.com", "access_token": "of-the-file"}')
    plan = RunPlan(target='a:B', run_dir='/r', address={'host': 'https://api.example.com'})
    env = {'HOME': str(tmp_path), 'SYNAPSE_HOOKS_BLOCK': 'x', 'OTHER_TOKEN': 'no', 'WANDB_API_KEY': 'asked-for'}
    assert variables_of(plan, ['WANDB_API_KEY'], env) == {
        'SYNAPSE_ACCESS_TOKEN': 'of-the-file',
        'SYNAPSE_HOOKS_BLOCK': 'x',
        'WANDB_API_KEY': 'asked-for',
    }
    assert variables_of(RunPlan(target='a:B', run_dir='/r', address={'workspace': '/w'}), (), env) == {
        'SYNAPSE_HOOKS_BLOCK': 'x'
    }
