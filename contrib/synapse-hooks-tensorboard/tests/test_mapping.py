"""Names, texts and settings: without TensorBoard."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from synapse_hooks_tensorboard.run_log import log_dir_of
from synapse_hooks_tensorboard.summaries import escaped, flat, folder_of, table

from synapse_hooks.errors import ConfigError
from synapse_hooks.testing import check_plugin


@pytest.mark.parametrize(
    ('event', 'folder'),
    [
        ({}, ''),
        ({'training': 'train', 'axis': 'epoch', 'rank': 0}, ''),
        ({'training': 'fold2'}, 'fold2'),
        ({'training': 'fold2', 'axis': 'batch', 'rank': 1}, 'rank1/fold2/batch'),
    ],
)
def test_trainings_and_axes_have_folders(event: dict[str, Any], folder: str) -> None:
    assert folder_of(event) == folder


@pytest.mark.parametrize('name', ['../../etc', '/etc', 'a/b', '..'])
def test_the_name_of_a_training_never_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    folder = folder_of({'training': name})
    assert (tmp_path / folder).resolve().parent == tmp_path.resolve()


def test_parameters_are_flat() -> None:
    assert dict(flat({'a': {'b': {'c': 1}}, 'none': None, 'list': [1]})) == {'a.b.c': 1, 'list': [1]}


def test_texts_are_shown_as_they_are() -> None:
    assert escaped('# <b>x</b> | *y*\n- z') == r'\# \<b\>x\</b\> \| \*y\* \- z'
    assert table({'a|b': 'x\ny'}).splitlines()[-1] == r'| a\|b | x y |'


def test_settings(tmp_path: Path) -> None:
    assert log_dir_of({}) is None
    assert log_dir_of({'tensorboard': {'log_dir': str(tmp_path)}}) == tmp_path
    with pytest.raises(ConfigError, match=r"unknown setting 'logdir'\n.*did you mean 'log_dir'"):
        log_dir_of({'tensorboard': {'logdir': 'x'}})
    with pytest.raises(ConfigError, match='log_dir must be a folder, got 3'):
        log_dir_of({'tensorboard': {'log_dir': 3}})


def test_it_is_a_valid_plugin() -> None:
    check_plugin('synapse_hooks_tensorboard:plugin')
