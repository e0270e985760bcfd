"""Rows and settings: without wandb."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from synapse_hooks_wandb.rows import axis_of, config_of, front_of, image_axis, image_name, metrics_row
from synapse_hooks_wandb.settings import Settings

from synapse_hooks.errors import ConfigError
from synapse_hooks.testing import check_plugin

NO_KEY = {'NETRC': '/nonexistent/netrc'}


@pytest.mark.parametrize(
    ('event', 'row'),
    [
        ({'phase': 'train', 'step': 3, 'values': {'loss': 0.5}}, {'train/loss': 0.5, 'epoch': 3}),
        ({'phase': 'custom', 'step': None, 'values': {'accuracy': 1}}, {'accuracy': 1.0}),
        ({'phase': 'train', 'axis': 'batch', 'step': 7, 'values': {'loss': 1}}, {'train/loss': 1.0, 'batch': 7}),
        (
            {'phase': 'val', 'training': 'fold2', 'rank': 1, 'step': 1, 'values': {'x': 1}},
            {'rank1/fold2/val/x': 1.0, 'epoch': 1},
        ),
        ({'phase': 'val', 'step': 1, 'values': {}, 'nonfinite': {'x': 'inf'}}, {'val/x': float('inf'), 'epoch': 1}),
    ],
)
def test_metrics_are_rows_with_their_axis(event: dict[str, Any], row: dict[str, float]) -> None:
    assert metrics_row(event) == row


def test_names_of_other_trainings() -> None:
    assert front_of({'training': 'train'}) == ''
    assert config_of({'training': 'fold2', 'values': {'lr': 1}}) == {'fold2': {'lr': 1}}
    assert config_of({'values': {'lr': 1}}) == {'lr': 1}
    assert image_name({'role': 'predictions', 'training': 'fold2'}) == 'fold2/predictions'
    assert image_axis({'step': 2}) == {'epoch': 2}
    assert image_axis({}) == {}
    assert axis_of({'axis': 'time'}) == 'seconds'


def test_it_is_offline_without_a_key(tmp_path: Path) -> None:
    assert Settings.of({}, NO_KEY).mode == 'offline'
    assert Settings.of({}, {**NO_KEY, 'WANDB_API_KEY': 'x'}).mode == 'online'
    assert Settings.of({}, {**NO_KEY, 'WANDB_API_KEY': 'x', 'WANDB_MODE': 'offline'}).mode == 'offline'
    assert Settings.of({'wandb': {'mode': 'disabled'}}, {**NO_KEY, 'WANDB_MODE': 'online'}).mode == 'disabled'
    (tmp_path / 'netrc').write_text('machine api.wandb.ai login user password x\n')
    (tmp_path / 'netrc').chmod(0o600)
    assert Settings.of({}, {'NETRC': str(tmp_path / 'netrc')}).mode == 'online'
    assert Settings.of({}, {'NETRC': str(tmp_path / 'netrc'), 'WANDB_BASE_URL': 'https://mine'}).mode == 'offline'


@pytest.mark.parametrize(
    ('table', 'problem'),
    [
        ({'projct': 'x'}, "unknown setting 'projct'\n  → did you mean 'project'?"),
        ({'project': 3}, 'project must be text, got 3'),
        ({'mode': 'on'}, "the mode of wandb must be one of online, offline, disabled, got 'on'"),
        ({'artifacts': ['video']}, 'artifacts must be a list of image, weights, table, file'),
        ({'tags': 'x'}, "tags must be a list of texts, got 'x'"),
    ],
)
def test_wrong_settings_are_named(table: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Settings.of({'wandb': table}, NO_KEY)
    assert problem in str(raised.value)


def test_it_is_a_valid_plugin() -> None:
    check_plugin('synapse_hooks_wandb:plugin')
