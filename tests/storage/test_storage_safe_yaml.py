"""YAML of others is read within bounds, wherever it comes from."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from synapse_hooks.actions.config import read_config
from synapse_hooks.cli.params import read_params
from synapse_hooks.errors import ParamsError, TargetError
from synapse_hooks.storage import parse_yaml, read_yaml
from synapse_hooks.storage.safe_yaml import YAML_LIMIT

ALIASES = 'a: &a [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n' + ''.join(
    f'{name}: &{name} [{", ".join(["*" + above] * 10)}]\n' for above, name in zip('abcdefgh', 'bcdefghi', strict=True)
)
HOSTILE = {
    'aliases of aliases': (ALIASES, 'with its aliases written out'),
    'open brackets': ('a: ' + '[' * 5000, 'nested too deep'),
    'many digits': ('a: ' + '9' * 5000, '5,000 digits'),
    'an alias in itself': ('a: &a [*a]', 'part of itself'),
    'a size': ('a: ' + 'é' * (YAML_LIMIT + 3), 'more than 1,048,576 bytes'),
}


@pytest.mark.parametrize(('text', 'reason'), HOSTILE.values(), ids=list(HOSTILE))
def test_hostile_yaml_ends_soon_and_in_words_wherever_it_is_read(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / 'config.yaml'
    file.write_text(text, encoding='utf-8')
    began = time.monotonic()
    with pytest.raises(ValueError, match=reason):
        parse_yaml(text)
    with pytest.raises((ValueError, OSError), match=reason):
        read_yaml(file)
    with pytest.raises(TargetError, match=reason):
        read_config(file, 'here')
    with pytest.raises(ParamsError, match=reason):
        read_params(file, [])
    with pytest.raises(ParamsError, match=reason):
        read_params(
            None, [f'name={text[3:]}' if text != ALIASES else f'name={{{ALIASES.strip()}}}'.replace('\n', ', ')]
        )
    assert time.monotonic() - began < 20


def test_params_may_come_through_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / 'pipe'
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=('epochs: 3\n',), daemon=True)
    writer.start()
    assert read_params(pipe, ['lr=0.1']) == {'epochs': 3, 'lr': 0.1}
    writer.join(10)


def test_a_config_that_is_not_a_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'config.yaml')
    with pytest.raises(TargetError, match='it is a pipe'):
        read_config(tmp_path / 'config.yaml', 'here')
