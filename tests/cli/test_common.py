"""What holds for every command: help, usage, JSON, exit codes, a reader that goes away, a disk that is full."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from synapse_hooks.cli import COMMANDS
from tests.formats.format_kit import add_item, box
from tests.support.environments import Environment


def test_help_lists_every_command_and_imports_next_to_nothing(bare: Environment) -> None:
    shown = bare.hooks('--help')
    assert all(f'\n  {command} ' in shown.out for command in COMMANDS)
    code = (
        'import sys; from synapse_hooks.cli import main; main(["--help"]); '
        'heavy = {"pluggy", "pydantic", "rich", "yaml", "msgspec", "torch", "numpy"} & set(sys.modules); '
        'sys.exit(", ".join(sorted(heavy)) or 0)'
    )
    assert bare.run(bare.python, '-c', code).code == 0


@pytest.mark.parametrize('command', COMMANDS)
def test_every_command_explains_itself(command: str, bare: Environment) -> None:
    shown = bare.hooks(command, '--help').out
    assert f'usage: synapse-hooks {command}' in shown
    if command != 'workspace':
        assert {'--block', '--only', '--json'} <= set(shown.split())


def test_the_module_is_the_same_command(bare: Environment) -> None:
    assert bare.run(bare.python, '-m', 'synapse_hooks.cli', '--version').out == bare.hooks('--version').out


def test_a_command_that_does_not_exist_is_met_with_a_suggestion(bare: Environment) -> None:
    assert "no command 'tarin'; did you mean 'train'?" in bare.hooks('tarin', code=2).err
    assert 'the commands are demo, train' in bare.hooks('xyzzy', code=2).err
    assert bare.hooks(code=2).out.startswith('usage: ')


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['train'], 'the following arguments are required: TARGET'),
        (['train', 'x', '--jason'], 'unrecognized arguments: --jason'),
        (['convert', 'a', 'b'], 'the following arguments are required: --to'),
        (['workspace', 'shake'], "invalid choice: 'shake'"),
        (['demo', '--epochs', '0'], 'must be from 1 to 1000'),
        (['train', 'x', '--workspace', 'a', '--host', 'b'], 'not allowed with argument'),
    ],
)
def test_usage_errors_say_so_to_people_and_programs(words: list[str], message: str, bare: Environment) -> None:
    ended = bare.hooks(*words, '--json', code=2)
    assert message in ended.err
    assert f'→ usage: synapse-hooks {words[0]}' in ended.err
    assert ended.json['error']['type'] == 'ConfigError'
    assert message in ended.json['error']['message']


@pytest.mark.parametrize('words', [['plugins'], ['hooks'], ['hooks', 'convert'], ['formats'], ['autologgers']])
def test_listings_are_tables_or_one_object(words: list[str], bare: Environment) -> None:
    assert 'ultralytics' in (shown := bare.hooks(*words).out) or 'yolo' in shown
    assert bare.hooks(*words, '--json').json


def test_a_reader_that_goes_away_is_no_error(bare: Environment) -> None:
    ended = bare.run('/bin/sh', '-c', f'{bare.root}/bin/synapse-hooks plugins | true')
    assert ended.err == ''


@pytest.mark.parametrize('words', ['formats', 'formats --json', 'inspect {data} --from dm', 'workspace list'])
def test_a_result_for_a_full_disk_is_one_sentence(words: str, full: Path, bare: Environment, data: Path) -> None:
    ended = bare.run('/bin/sh', '-c', f'{bare.root}/bin/synapse-hooks {words.format(data=data)} >{full}')
    assert (ended.code, ended.err) == (1, 'error: the result cannot be written to stdout: No space left on device\n')


def test_letters_that_a_terminal_has_not_are_escaped(bare: Environment, data: Path, tmp_path: Path) -> None:
    add_item(data / 'train', 'other', {'bounding_box': [box(5, 5, 9, 9, '승용차')]})
    assert '\\uc2b9\\uc6a9\\ucc28' in bare.hooks('inspect', data, PYTHONIOENCODING='ascii').out
    bare.hooks('workspace', 'import', data, '--name', '승용차')
    assert '\\uc2b9\\uc6a9\\ucc28' in bare.hooks('workspace', 'list', PYTHONIOENCODING='ascii').out
    odd = bare.hooks('workspace', 'list', '--workspace', tmp_path / os.fsdecode(b'caf\xe9'), '--json').json
    assert os.fsencode(odd['path']).endswith(b'caf\xe9')


def test_a_project_file_that_cannot_be_read_is_named(bare: Environment, project: Path) -> None:
    (project / 'pyproject.toml').write_text('[tool.synapse_hooks\n', encoding='utf-8')
    ended = bare.hooks('formats', '--json', code=2)
    assert str(project / 'pyproject.toml') in ended.json['error']['message']
    (project / 'pyproject.toml').write_text('[tool.synapse_hooks]\nplugin = []\n', encoding='utf-8')
    assert "has no key 'plugin'\n  → did you mean 'plugins'?" in bare.hooks('formats', code=2).err
